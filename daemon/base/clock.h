/* Time: all deadlines are on the monotonic clock, in milliseconds unless the name says else. */
#ifndef FRAMED_BASE_CLOCK_H
#define FRAMED_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_of_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ns(void)
{
    return clock_of_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_ms(void)
{
    return clock_ns() / 1000000U;
}

/* The first millisecond that begins at NS or later: a time that is counted from it is never short.
 */
static inline uint64_t clock_ms_of(uint64_t ns)
{
    return (ns + 999999U) / 1000000U;
}

/* A few milliseconds coarse, and several times cheaper: for marks beside each message. */
static inline uint64_t clock_coarse_ms(void)
{
    return clock_of_ns(CLOCK_MONOTONIC_COARSE) / 1000000U;
}

/* The coarse clock is behind the other one by less than this (Linux: 1 to 10 ms). */
uint64_t clock_tick_ms(void);

/* The earlier of two times, where 0 means never. */
static inline uint64_t clock_earlier(uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a ? a : b;
    return a < b ? a : b;
}

/* Milliseconds from NOW to WHEN, for poll(2): 0 when it has passed, at most INT32_MAX. */
static inline int clock_left_ms(uint64_t when, uint64_t now)
{
    if (when <= now)
        return 0;
    return when - now > INT32_MAX ? INT32_MAX : (int)(when - now);
}

#endif
