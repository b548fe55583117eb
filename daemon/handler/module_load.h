/* What a module is given, and what is said where one cannot be had. */
#ifndef FRAMED_HANDLER_MODULE_LOAD_H
#define FRAMED_HANDLER_MODULE_LOAD_H

#include <framed/module.h>

#include <stddef.h>

struct service_config;

/*
 * Opens the shared object PATH and finds its checked description. 0 with *LIBRARY, the caller's to
 * dlclose(3), and *FOUND; or -ENOEXEC with a message in ERROR: PATH, what was found, what is
 * allowed.
 */
int module_open(const char *path, char *error, size_t size, void **library,
                const struct framed_module **found);

/*
 * The settings of CONFIG, all of which KEYS (NULL: none) must know. 0 with *SETTINGS, the caller's
 * to free(3), their strings being CONFIG's; or a negative errno with a message in ERROR.
 */
int module_settings(const struct service_config *config, const struct framed_key *keys, char *error,
                    size_t size, struct framed_setting **settings);

/* Writes the message, for people: -ENOEXEC. */
__attribute__((format(printf, 3, 4))) int module_refuse(char *error, size_t size,
                                                        const char *format, ...);

#endif
