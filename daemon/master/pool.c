#include "master/pool.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000
#define CRASH_COST_MS 100
#define CRASH_CREDIT_LEAST 4

void pool_init(struct pool *pool, unsigned target)
{
    *pool = (struct pool){.target = target};
}

/* As many replacements at once as there are workers: one bad message may have met each. */
static uint64_t credit_ms(const struct pool *pool)
{
    unsigned count = pool->target > CRASH_CREDIT_LEAST ? pool->target : CRASH_CREDIT_LEAST;

    return (uint64_t)count * CRASH_COST_MS;
}

static uint64_t earliest_ms(const struct pool *pool)
{
    uint64_t credit = credit_ms(pool);
    uint64_t paid = pool->paid_until_ms > credit ? pool->paid_until_ms - credit : 0;

    return paid > pool->not_before_ms ? paid : pool->not_before_ms;
}

unsigned pool_wanted(const struct pool *pool, uint64_t now_ms)
{
    if (pool->alive >= pool->target || now_ms < earliest_ms(pool))
        return 0;
    /* After failures one start has to show that it works again. */
    return pool->failures ? 1 : pool->target - pool->alive;
}

uint64_t pool_wake_ms(const struct pool *pool, uint64_t now_ms)
{
    uint64_t earliest = earliest_ms(pool);

    return pool->alive < pool->target && earliest > now_ms ? earliest : 0;
}

void pool_started(struct pool *pool)
{
    pool->alive++;
}

void pool_ready(struct pool *pool)
{
    pool->failures = 0;
    pool->not_before_ms = 0;
}

static void back_off(struct pool *pool, uint64_t now_ms)
{
    uint64_t wait = BACKOFF_MOST_MS;

    /* Workers that were started together fail together: that is one failure. */
    if (pool->failures && now_ms < pool->not_before_ms)
        return;
    if (pool->failures < 9)
        wait = (uint64_t)BACKOFF_FIRST_MS << pool->failures;
    pool->failures++;
    pool->not_before_ms = now_ms + (wait < BACKOFF_MOST_MS ? wait : BACKOFF_MOST_MS);
}

void pool_exited(struct pool *pool, enum pool_exit how, uint64_t now_ms)
{
    if (pool->alive > 0)
        pool->alive--;
    if (how == POOL_STILLBORN)
        back_off(pool, now_ms);
    if (how == POOL_CRASHED)
        pool->paid_until_ms =
            (pool->paid_until_ms > now_ms ? pool->paid_until_ms : now_ms) + CRASH_COST_MS;
}
