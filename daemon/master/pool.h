/*
 * Pool policy: how many workers there should be, how many to start, and when. Pure: it knows what
 * has happened, what was seen and what time it is, and does nothing itself, so that its rules are
 * tested with a clock of the test's own.
 *
 * A worker that fails to start makes the next start wait, 100 ms at first and twice as long each
 * time up to 30 s; a worker that starts ends that. A worker that crashes while serving is replaced
 * at once, as long as that does not happen all the time: a few at once, then ten a second.
 *
 * A new pool is on trial: it starts one worker, the canary, and no other before somebody says that
 * this one has shown what had to be shown.
 *
 * A pool that sizes itself is looked at only when there may be something to see: when a connection
 * knocks, a moment later, and while there are workers that may be too many. At rest nobody looks.
 */
#ifndef FRAMED_MASTER_POOL_H
#define FRAMED_MASTER_POOL_H

#include <stdbool.h>
#include <stdint.h>

enum pool_mode {
    POOL_STATIC,   /* always max */
    POOL_DYNAMIC,  /* from min to max, with spare_min to spare_max of them idle */
    POOL_ONDEMAND, /* from none to max: started for who waits, gone when idle for long */
};

struct pool_rules {
    enum pool_mode mode;
    unsigned min;
    unsigned max;
    unsigned spare_min;
    unsigned spare_max;
    uint64_t idle_exit_ms;
};

/* What a look at the workers shows. */
struct pool_sight {
    unsigned starting;
    unsigned idle;
    uint64_t longest_idle_ms;
    bool waiting; /* there are connections that nobody has accepted */
};

enum pool_exit {
    POOL_LEFT,      /* because it was asked to */
    POOL_CRASHED,   /* while it was serving */
    POOL_STILLBORN, /* before it was ready */
};

struct pool {
    struct pool_rules rules;
    unsigned target;        /* how many there should be */
    unsigned alive;         /* starting or serving; not those that leave */
    unsigned ready;         /* of these, who serve or could */
    unsigned due;           /* of these, who leave once others are there in their place */
    unsigned leaving;       /* were told to, and are still there */
    unsigned step;          /* by how many it grows next */
    unsigned failures;      /* starts that failed since the last that did not */
    uint64_t not_before_ms; /* no start before */
    uint64_t paid_until_ms; /* each replacement of a crashed worker costs some time */
    uint64_t look_ms;       /* when to look at the workers; 0: not before somebody knocks */
    uint64_t shrunk_ms;     /* when one was last let go */
    bool knocked;           /* since the last look */
    bool listens;           /* wants to hear of a connection that waits */
    bool paused;            /* nobody is to serve */
    bool trial;             /* one worker has to show that it works, before the others start */
};

/* BEFORE: how many workers the service had; a pool that sizes itself goes on from there. */
void pool_init(struct pool *pool, const struct pool_rules *rules, unsigned before);

/* The one on trial has shown it: the others may start. */
void pool_proven(struct pool *pool);

/* How many workers to start now. */
unsigned pool_wanted(const struct pool *pool, uint64_t now_ms);

/* When pool_wanted() or pool_look() may want more than now; 0: not before something happens. */
uint64_t pool_wake_ms(const struct pool *pool, uint64_t now_ms);

/* Whether to look at the workers now. */
bool pool_is_curious(const struct pool *pool, uint64_t now_ms);

/* How many workers there are too many: those are to be let go. */
unsigned pool_surplus(const struct pool *pool);

/* Sets the target by what is to be seen. True: the one that is idle the longest is to be let go. */
bool pool_look(struct pool *pool, const struct pool_sight *sight, uint64_t now_ms);

/* Whether nobody is free, and nobody will be started for those who wait. */
bool pool_is_exhausted(const struct pool *pool, const struct pool_sight *sight);

/* Whether, of READY workers, one that is due can be let go. */
bool pool_can_relieve(const struct pool *pool, unsigned ready);

/* What has happened. A worker that could not be forked is a start and a stillborn exit. */
void pool_started(struct pool *pool);
void pool_ready(struct pool *pool);
void pool_exited(struct pool *pool, enum pool_exit how, uint64_t now_ms);
void pool_knocked(struct pool *pool, uint64_t now_ms);
/* A worker wants to be replaced, and then, instead: it has ended (before pool_exited()). */
void pool_due(struct pool *pool);
void pool_undue(struct pool *pool);
/* A worker, perhaps DUE, was told to leave, and then: it is gone (instead of pool_exited()). */
void pool_let_go(struct pool *pool, bool due);
void pool_gone(struct pool *pool);

/* MAX is the rules' from now on. */
void pool_resize(struct pool *pool, unsigned max, uint64_t now_ms);
/* Nobody is to start or stay, and then: as at first, and without waiting for failures of before. */
void pool_pause(struct pool *pool);
void pool_resume(struct pool *pool, uint64_t now_ms);

/* LIMIT less up to a tenth of it, another part for each NUMBER, so that workers that were started
 * together do not reach it together. */
uint64_t pool_jitter(uint64_t limit, uint64_t number);

#endif
