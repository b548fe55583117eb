/* A generator whose seed decides all that a run draws. Each process draws from one of its own. */
#ifndef FRAMED_TESTS_CHAOS_RANDOM_H
#define FRAMED_TESTS_CHAOS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

/* Streams of one seed have nothing to do with each other. */
static inline struct random random_of(uint64_t seed, uint64_t stream)
{
    return (struct random){(seed + 1) * 0x9e3779b97f4a7c15U ^ (stream + 1) * 0xd1342543de82ef95U};
}

/* splitmix64 */
static inline uint64_t random_next(struct random *random)
{
    uint64_t mixed = random->state += 0x9e3779b97f4a7c15U;

    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebU;
    return mixed ^ mixed >> 31;
}

/* From 0 to LIMIT - 1. */
static inline unsigned random_below(struct random *random, unsigned limit)
{
    return (unsigned)(random_next(random) % limit);
}

/* From LEAST to MOST. */
static inline unsigned random_between(struct random *random, unsigned least, unsigned most)
{
    return least + random_below(random, most - least + 1);
}

static inline bool random_percent(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

#endif
