/*
 * Modules, looked at without being served: `framed module` shows what one says of itself, and
 * `framed check` holds the settings of a service against it. Opening a shared object runs code of
 * it, its constructors, so this is done in a process of its own (apart.c), which may break or hang;
 * never by a master.
 */
#ifndef FRAMED_MODULE_MODULE_H
#define FRAMED_MODULE_MODULE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config;

/* `framed module`: ARGV[0] is the word "module". The exit status: 0, 1 it is none, 2 usage. */
int module_main(int argc, char **argv);

/*
 * Loads the modules of CONFIG, as its workers would, and checks what is set for them. 0, or a
 * negative errno with every error in ERROR (SIZE bytes).
 */
int module_check(const struct config *config, char *error, size_t size);

/* apart.c */

/* No module that is well takes so long to load. */
#define MODULE_LOAD_MS 10000U

/* Done in a process of its own, with the module PATH, if need be as CONTEXT says: writes to OUT. 0,
 * or negative: what was written is why not. */
typedef int module_work(const char *path, const void *context, FILE *out);

/*
 * Has WORK done within TIMEOUT_MS. 0 or -ENOEXEC as it returned, with what it wrote in *TEXT, the
 * caller's to free; or another negative errno with the reason in ERROR: the process broke, hung, or
 * could not be had.
 */
int module_apart(module_work *work, const char *path, const void *context, uint64_t timeout_ms,
                 char **text, char *error, size_t size);

#endif
