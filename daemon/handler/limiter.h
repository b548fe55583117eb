/* A bound on how often something is logged, so that nobody fills a disk with it. */
#ifndef FRAMED_HANDLER_LIMITER_H
#define FRAMED_HANDLER_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

struct limiter {
    uint64_t since_ms;
    unsigned used;       /* within the second that began at since_ms */
    unsigned suppressed; /* not logged, and not yet told */
};

/* Whether one more may be logged at NOW_MS, of at most PER_SECOND. */
static inline bool limiter_pass(struct limiter *limiter, unsigned per_second, uint64_t now_ms)
{
    if (now_ms - limiter->since_ms >= 1000) {
        limiter->since_ms = now_ms;
        limiter->used = 0;
    }
    if (limiter->used < per_second) {
        limiter->used++;
        return true;
    }
    limiter->suppressed++;
    return false;
}

/* How many were suppressed since the last time that this was asked. */
static inline unsigned limiter_take(struct limiter *limiter)
{
    unsigned suppressed = limiter->suppressed;

    limiter->suppressed = 0;
    return suppressed;
}

#endif
