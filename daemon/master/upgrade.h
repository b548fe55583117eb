/*
 * The old framed's side of an upgrade (handover.h): it starts the program by the name under which
 * it was started itself, with the same arguments, and goes on serving until the new one is ready;
 * only then it lets go of everything and drains. Whatever fails before leaves it in charge.
 */
#ifndef FRAMED_MASTER_UPGRADE_H
#define FRAMED_MASTER_UPGRADE_H

#include "base/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct master;

enum upgrade_phase {
    UPGRADE_NONE,
    UPGRADE_STARTING, /* the new one is not ready yet */
    UPGRADE_GIVING,   /* it was told to take over */
    UPGRADE_ENDING,   /* it has failed, and must be gone before all is as it was */
    UPGRADE_DONE,     /* it serves; we drain */
};

struct upgrade {
    struct watch channel;
    struct watch process; /* readable when it has ended */
    char *program;        /* NULL: not known */
    enum upgrade_phase phase;
    bool wanted;
    pid_t pid;
    uint64_t deadline_ms;
    char *reason; /* why it comes to nothing */
};

/* Finds out by what name we were started: before anything changes. */
void upgrade_init(struct upgrade *upgrade);
void upgrade_deinit(struct upgrade *upgrade);

/* Wants the program started anew: now, or when the reload that is under way has ended. */
void upgrade_want(struct master *master);
/* Starts what is wanted, ends what takes too long, and says when to look again (monotonic ms; 0:
 * never). */
uint64_t upgrade_check(struct master *master, uint64_t now_ms);
/* Whether there is a new framed that does not serve, or not yet. */
bool upgrade_is_under_way(const struct upgrade *upgrade);
/* We stop: a new one that does not serve yet stops too. */
void upgrade_cancel(struct master *master);

#endif
