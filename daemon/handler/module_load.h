/* Modules, found and checked; and what is said where one cannot be had. */
#ifndef FRAMED_HANDLER_MODULE_LOAD_H
#define FRAMED_HANDLER_MODULE_LOAD_H

#include <framed/module.h>

#include <stddef.h>

/*
 * Opens the shared object PATH and finds its checked description. 0 with *LIBRARY, the caller's to
 * dlclose(3), and *FOUND; or -ENOEXEC with a message in ERROR: PATH, what was found, what is
 * allowed.
 */
int module_open(const char *path, char *error, size_t size, void **library,
                const struct framed_module **found);

/* Writes the message, for people: -ENOEXEC. */
__attribute__((format(printf, 3, 4))) int module_refuse(char *error, size_t size,
                                                        const char *format, ...);

#endif
