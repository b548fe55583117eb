/*
 * A histogram of times in nanoseconds, as HdrHistogram has it: each power of two in 64 parts, so
 * that what is read off is at most 1.6 percent too high, from 1 ns to 18 minutes.
 */
#ifndef FRAMED_TOOLS_FRAMEBENCH_TIMES_H
#define FRAMED_TOOLS_FRAMEBENCH_TIMES_H

#include <stdint.h>

#define TIMES_PARTS 64
#define TIMES_BUCKETS (TIMES_PARTS * 36)

struct times {
    uint64_t counts[TIMES_BUCKETS];
    uint64_t total;
    uint64_t max_ns;
    double sum_ns;
};

/* Adds the time NS. */
void times_add(struct times *times, uint64_t ns);

/* The time in ns that PERCENT (above 0, at most 100) of all times do not exceed; 0 without any. */
uint64_t times_percentile(const struct times *times, double percent);

/* The mean in ns; 0 without any. */
double times_mean(const struct times *times);

#endif
