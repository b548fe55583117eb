/*
 * One address of `listen`: what libframed calls an address, or `fd:NAME`, which only a daemon that
 * systemd starts can use, and which nobody can connect to.
 */
#ifndef FRAMED_CONFIG_LISTEN_H
#define FRAMED_CONFIG_LISTEN_H

#include <stddef.h>

struct listen_config;

/* Reads TEXT. 0 and *LISTEN, whose text the caller frees, or a negative errno with a message in
 * ERROR. */
int listen_parse(const char *text, struct listen_config *listen, char *error, size_t size);

#endif
