#include "base/clock.h"

uint64_t clock_tick_ms(void)
{
    static uint64_t tick_ms;

    if (tick_ms == 0) {
        struct timespec resolution = {.tv_nsec = 10000000};

        clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
        tick_ms = clock_ms_of((uint64_t)resolution.tv_nsec);
    }
    return tick_ms;
}
