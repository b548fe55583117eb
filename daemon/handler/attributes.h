/*
 * What a handler runs as: `process { }` and `resources { }` of its service. A program gets its
 * limits, its umask and its directory for itself, between fork and exec, so that they cannot harm
 * the worker; a handler within the worker shares them with it. What they take turns in, the CPU and
 * who they are, is the worker's, and its program's through it.
 */
#ifndef FRAMED_HANDLER_ATTRIBUTES_H
#define FRAMED_HANDLER_ATTRIBUTES_H

#include <stddef.h>

struct process_config;
struct service_config;

/*
 * In the worker, before it gives up its privileges: takes a CPU by SLOT, its priority and
 * scheduling; makes room for its program's limits, or takes its own. 0, or a negative errno with a
 * message in ERROR.
 */
int attributes_take(const struct service_config *service, unsigned slot, char *error, size_t size);

/* In the worker, once it is who it will be: its umask and directory, if there is no program to have
 * them. 0, or a negative errno with a message in ERROR. */
int attributes_settle(const struct service_config *service, char *error, size_t size);

/*
 * In the program's process, before its exec: limits, umask, directory. Makes nothing but system
 * calls. 0, or a negative errno and the key at fault in *WHAT.
 */
int attributes_apply(const struct process_config *process, const char **what);

#endif
