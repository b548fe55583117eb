/*
 * The control socket: framectl's side of the master. One request a connection, in libframed's u32be
 * framing: a word such as `status`; the reply is one JSON object with `ok`, and `error` or what was
 * asked for. Nothing here waits: slow peers are closed by a deadline.
 */
#ifndef FRAMED_MASTER_CONTROL_H
#define FRAMED_MASTER_CONTROL_H

#include "base/loop.h"
#include "master/listeners.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct identity;
struct master;
struct peer;

struct control {
    struct watch watch;
    struct master *master;
    struct listener listener;
    struct peer *peers;
    unsigned peer_count;
    bool has_group; /* its members may command; else nobody but root and us */
    gid_t group;
    uint64_t again_ms; /* accepting had to stop: when to go on; 0: it goes on */
};

/* Binds ADDRESS (NULL: no control socket). 0, or a negative errno with a message in ERROR. */
int control_open(struct control *control, struct master *master, const char *address, char *error,
                 size_t size);
/* Gives the socket's file to whom we are about to become: who may command is who may connect. */
void control_give(const struct control *control, const struct identity *identity);
/* Only now it is ours: what a framed before us has bound. */
void control_begin(struct control *control, const char *address);
/* It is another's: who has asked gets an answer, and nobody else is heard. */
void control_pass(struct control *control);
void control_close(struct control *control);

/* Whether as many wait, for as long as it takes, as may: the rest is for those who only look. */
bool control_is_crowded(const struct control *control);

/* A reload begins: those who have asked for one wait for this one, who asks later for the next. */
void control_reloading(struct control *control);
/* Answers those who wait for that reload. REASON is NULL when it went well. */
void control_reloaded(struct control *control, const char *reason);
/* Answers those who wait for an upgrade. REASON is NULL when it went well, and PID is the new one.
 */
void control_upgraded(struct control *control, const char *reason, pid_t pid);
/* Answers those who wait for the stop, as far as that can be done without waiting. */
void control_stopped(struct control *control);

/* Closes who is too slow; when to look again (monotonic ms; 0: never). */
uint64_t control_check(struct control *control, uint64_t now_ms);

#endif
