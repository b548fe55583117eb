#include "tools/framebench/times.h"

#include <math.h>

#define PARTS_BITS 6
_Static_assert(TIMES_PARTS == 1 << PARTS_BITS, "a power of two has TIMES_PARTS parts");

/* Below 2 * TIMES_PARTS each bucket is one nanosecond wide, above it two, four … */
static unsigned bucket_of(uint64_t ns)
{
    unsigned shift, bucket;

    if (ns >> (PARTS_BITS + 1) == 0)
        return (unsigned)ns;
    shift = 63 - (unsigned)__builtin_clzll(ns) - PARTS_BITS;
    bucket = shift * TIMES_PARTS + (unsigned)(ns >> shift);
    return bucket < TIMES_BUCKETS ? bucket : TIMES_BUCKETS - 1;
}

static uint64_t last_of(unsigned bucket)
{
    unsigned shift;

    if (bucket < 2 * TIMES_PARTS)
        return bucket;
    shift = bucket / TIMES_PARTS - 1;
    return (((uint64_t)(bucket % TIMES_PARTS) + TIMES_PARTS + 1) << shift) - 1;
}

void times_add(struct times *times, uint64_t ns)
{
    times->counts[bucket_of(ns)]++;
    times->total++;
    times->sum_ns += (double)ns;
    if (ns > times->max_ns)
        times->max_ns = ns;
}

uint64_t times_percentile(const struct times *times, double percent)
{
    uint64_t wanted = (uint64_t)ceil((double)times->total * percent / 100);
    uint64_t seen = 0;

    for (unsigned i = 0; i < TIMES_BUCKETS - 1; i++) {
        seen += times->counts[i];
        if (seen > 0 && seen >= wanted)
            return last_of(i) < times->max_ns ? last_of(i) : times->max_ns;
    }
    return times->max_ns; /* whatever is in the last is that long or longer */
}

double times_mean(const struct times *times)
{
    return times->total ? times->sum_ns / (double)times->total : 0;
}
