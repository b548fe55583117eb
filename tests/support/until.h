/*
 * Waiting with a bound, for what has no event to wait for. BOUND_MS is generous, so that a loaded
 * machine or a sanitizer never fails a test; what is right takes a few milliseconds of it.
 */
#ifndef FRAMED_TESTS_UNTIL_H
#define FRAMED_TESTS_UNTIL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define BOUND_MS 15000

static inline uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline void nap(unsigned ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* Whether CONDITION came true within MS milliseconds. */
#define UNTIL_WITHIN(ms, condition)                                                                \
    ({                                                                                             \
        uint64_t limit_ms_ = now_ms() + (ms);                                                      \
        bool true_;                                                                                \
        while (!(true_ = (condition)) && now_ms() < limit_ms_)                                     \
            nap(2);                                                                                \
        true_;                                                                                     \
    })

#define UNTIL(condition) UNTIL_WITHIN(BOUND_MS, condition)

#endif
