/*
 * The new framed's side of an upgrade (handover.h). It starts as always, but finds sockets that are
 * bound already, and when it is ready it tells the old one and waits to be told to go. Before that
 * it accepts nothing, writes no pid file, unlinks nothing and says nothing to systemd.
 */
#ifndef FRAMED_MASTER_INHERIT_H
#define FRAMED_MASTER_INHERIT_H

#include "base/loop.h"
#include "master/handover.h"

#include <stdbool.h>
#include <stddef.h>

struct framed_address;
struct listener;
struct master;
struct shelf;

struct inheritance {
    struct watch channel; /* to the old one, as long as it is there */
    struct handover table;
    bool any;     /* was started by an old one */
    bool pending; /* was not told to go yet */
    bool offered; /* has said that it is ready */
};

/* Takes what the environment names, if anything. 0, or a negative errno with a message in ERROR. */
int inherit_take(struct master *master, char *error, size_t size);
void inherit_deinit(struct master *master);

/* Takes what the old one has for this address of the control socket, or this pid file; false:
 * nothing. */
bool inherit_control(struct inheritance *inheritance, const struct framed_address *address,
                     struct listener *listener);
bool inherit_pid_file(struct inheritance *inheritance, const char *path);
/* How many workers SERVICE had, and whether it was drained by order. */
unsigned inherit_pool_size(const struct inheritance *inheritance, const char *service);
bool inherit_is_drained(const struct inheritance *inheritance, const char *service);

/* The shelf of what SERVICE was, if that was the same by LIKENESS, for connections that speak
 * SPEECH; with a reference. NULL: there is none. */
struct shelf *inherit_shelf(struct inheritance *inheritance, const char *service,
                            const char *likeness, const char *speech);

/* All workers are ready: whether somebody has to be asked before they may serve. */
bool inherit_offer(struct master *master);
/* There was nothing to go on with. */
void inherit_refuse(struct master *master, const char *reason);
/* Whether the one that we have taken over from is there yet; and it is to be quick. */
bool inherit_is_old_there(const struct inheritance *inheritance);
void inherit_hurry(struct master *master);

#endif
