/*
 * Pool policy: how many workers to start, and when. Pure: it knows what has happened and what time
 * it is, and does nothing itself, so that its rules are tested with a clock of the test's own.
 *
 * A worker that fails to start makes the next start wait, 100 ms at first and twice as long each
 * time up to 30 s; a worker that starts ends that. A worker that crashes while serving is replaced
 * at once, as long as that does not happen all the time: a few at once, then ten a second.
 */
#ifndef FRAMED_MASTER_POOL_H
#define FRAMED_MASTER_POOL_H

#include <stdint.h>

enum pool_exit {
    POOL_LEFT,      /* because it was asked to */
    POOL_CRASHED,   /* while it was serving */
    POOL_STILLBORN, /* before it was ready */
};

struct pool {
    unsigned target;        /* how many there should be */
    unsigned alive;         /* starting or serving; not those that leave */
    unsigned failures;      /* starts that failed since the last that did not */
    uint64_t not_before_ms; /* no start before */
    uint64_t paid_until_ms; /* each replacement of a crashed worker costs some time */
};

void pool_init(struct pool *pool, unsigned target);

/* How many workers to start now. */
unsigned pool_wanted(const struct pool *pool, uint64_t now_ms);

/* When pool_wanted() may want more than it does now; 0: not before something happens. */
uint64_t pool_wake_ms(const struct pool *pool, uint64_t now_ms);

/* What has happened. A worker that could not be forked is a start and a stillborn exit. */
void pool_started(struct pool *pool);
void pool_ready(struct pool *pool);
void pool_exited(struct pool *pool, enum pool_exit how, uint64_t now_ms);

#endif
