/*
 * Sockets that systemd has bound and passes to us when it starts us (sd_listen_fds(3)); `fd:NAME`
 * in the configuration. They stand in the table of listeners under the key "fd:NAME#0", "fd:NAME#1"
 * ..., and the table itself holds a reference to each: so they are there for whatever a reload asks
 * for, until the master ends. Their files, owners and backlogs are systemd's.
 */
#ifndef FRAMED_MASTER_ACTIVATION_H
#define FRAMED_MASTER_ACTIVATION_H

#include <stddef.h>

struct listener;
struct listeners;

/* Takes what we were passed, once, and takes the words about it out of the environment. 0, or a
 * negative errno with a message in ERROR: one of them is no listening stream socket. */
int activation_take(struct listeners *listeners, char *error, size_t size);

/* Finds all sockets NAME, at most MAX, with a reference on each. How many, or a negative errno with
 * a message in ERROR. */
int activation_acquire(const struct listeners *listeners, const char *name, struct listener **found,
                       size_t max, char *error, size_t size);

/* Says in the log which of them no service listens on. */
void activation_report_unused(const struct listeners *listeners);

/* Closes them, at the master's end: systemd has them still. */
void activation_release(struct listeners *listeners);

#endif
