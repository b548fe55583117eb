#include "ipc/histogram.h"

#include <stddef.h>

#define PART_BITS 3
#define PARTS (1U << PART_BITS)

static uint64_t load(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static void store(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

/* Below PARTS each time has its bucket; above, the bits behind the highest one tell the part. */
static size_t bucket_of(uint64_t us)
{
    unsigned shift;
    size_t bucket;

    if (us < PARTS)
        return us;
    shift = 63 - (unsigned)__builtin_clzll(us) - PART_BITS;
    bucket = (size_t)PARTS * (shift + 1) + ((us >> shift) & (PARTS - 1));
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The longest time that belongs there. */
static uint64_t end_of(size_t bucket)
{
    size_t shift = bucket / PARTS - 1;

    if (bucket < PARTS)
        return bucket;
    return ((PARTS + bucket % PARTS + UINT64_C(1)) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t us, uint64_t times)
{
    uint64_t *count = &histogram->counts[bucket_of(us)];

    store(count, *count + times);
    if (us > histogram->max_us && times > 0)
        store(&histogram->max_us, us);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    uint64_t max_us = load(&from->max_us);

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->counts[i] += load(&from->counts[i]);
    if (max_us > to->max_us)
        to->max_us = max_us;
}

uint64_t histogram_total(const struct histogram *histogram)
{
    uint64_t total = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        total += histogram->counts[i];
    return total;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
    uint64_t total = histogram_total(histogram);
    /* Rounded up, and in an order that does not overflow. */
    uint64_t rank = total / 100 * percent + (total % 100 * percent + 99) / 100;
    uint64_t seen = 0;

    for (size_t i = 0; i < HISTOGRAM_BUCKETS && total > 0; i++) {
        seen += histogram->counts[i];
        /* The last bucket has no end, and no time is above the longest. */
        if (seen >= rank)
            return i == HISTOGRAM_BUCKETS - 1 || end_of(i) > histogram->max_us ? histogram->max_us
                                                                               : end_of(i);
    }
    return 0;
}
