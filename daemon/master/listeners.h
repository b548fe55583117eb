/*
 * Listening sockets, shared by the workers of a pool and kept over reloads. A listener belongs to
 * whoever holds a reference; an address that a new configuration names again is the same socket, so
 * no connection that waits in it is lost.
 */
#ifndef FRAMED_MASTER_LISTENERS_H
#define FRAMED_MASTER_LISTENERS_H

#include "master/lookup.h"
#include "master/queue.h"

#include <framed/address.h>

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LISTENER_KEY_SIZE (FRAMED_ADDRESS_TEXT_SIZE + 64)
/* Begins the keys of sockets that systemd made (activation.h), and of no others. */
#define LISTENER_FD_PREFIX "fd:"
struct gate;

struct listener {
    struct listener *next;
    char key[LISTENER_KEY_SIZE];         /* what makes it the same one */
    char text[FRAMED_ADDRESS_TEXT_SIZE]; /* the bound address, with the port chosen */
    int fd;
    unsigned references;
    struct gate *gate;
    struct queue queue; /* as it was last seen */
    dev_t device;       /* of the socket file that we made, to unlink no other */
    ino_t inode;
    bool passed; /* to a new framed, which accepts from it when we have left */
};

struct listeners {
    struct listener *first;
    struct lookups lookups;
    size_t activated; /* how many of them are systemd's */
};

/*
 * Finds or binds what ADDRESS stands for, at most MAX sockets, with a reference on each; KEY_PREFIX
 * tells addresses with port 0 apart. How many, or a negative errno with a message in ERROR.
 */
int listeners_acquire(struct listeners *listeners, const struct framed_address *address,
                      const char *key_prefix, int backlog, struct listener **found, size_t max,
                      char *error, size_t size);

/* The one with that KEY, or NULL. */
struct listener *listeners_find(const struct listeners *listeners, const char *key);

/* Drops a reference; the last one closes the socket and unlinks its file. */
void listeners_release(struct listeners *listeners, struct listener *listener);

/* Gives a socket that was there before the backlog of the new configuration, and its file the
 * permissions that ADDRESS says; NULL: it has none. */
void listener_settle(const struct listener *listener, const struct framed_address *address,
                     int backlog);

/* Binds and listens on a Unix ADDRESS outside any table; for the control socket. */
int listener_open_unix(const struct framed_address *address, int backlog, struct listener *listener,
                       char *error, size_t size);

/* Whether systemd made the socket: its file is not ours, and it stays to the end. */
bool listener_is_activated(const struct listener *listener);

/* How many references are held by services. */
unsigned listener_users(const struct listener *listener);

/* What its accepting processes share; NULL without memory. */
struct gate *listener_gate(struct listener *listener);

/* The path of a Unix socket's file, or NULL. */
const char *listener_path(const struct listener *listener);

/* Closes what listener_open_unix() made. */
void listener_close(struct listener *listener);

#endif
