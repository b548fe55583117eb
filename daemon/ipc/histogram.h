/*
 * A log-linear histogram of times: each power of two of microseconds in eight parts, so that what
 * is read off is at most an eighth too high, from 1 us to about 1000 s, in a fixed number of
 * buckets.
 *
 * One process adds while others may read: each number is right by itself, and one that is being
 * added may be missing from the sum. So it needs no lock, and nothing of it is lost with the one
 * who adds.
 */
#ifndef FRAMED_IPC_HISTOGRAM_H
#define FRAMED_IPC_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 224 /* below 2^30 us; longer ones are in the last */

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t max_us;
};

/* Adds one time, which TIMES messages have taken. */
void histogram_add(struct histogram *histogram, uint64_t us, uint64_t times);

/* Adds all of FROM, which another process may be adding to, to TO. */
void histogram_merge(struct histogram *to, const struct histogram *from);

/* How many times there are. */
uint64_t histogram_total(const struct histogram *histogram);

/* The time (us) that PERCENT (1 to 100) of all times do not exceed; 0 without any. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent);

#endif
