#include "master/pool.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000
#define CRASH_COST_MS 100
#define CRASH_CREDIT_LEAST 4
/* How soon to look again while things move, and how late at most while workers may be too many. */
#define LOOK_SOON_MS 100
#define LOOK_LATE_MS 1000
#define SHRINK_EVERY_MS 1000
#define STEP_MOST 32

static unsigned at_least(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static unsigned at_most(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Also where none are needed one starts, to show that it can. */
static unsigned first_target(const struct pool_rules *rules, unsigned before)
{
    unsigned least = rules->mode == POOL_DYNAMIC ? at_least(rules->min, rules->spare_min) : 1;

    if (rules->mode == POOL_STATIC)
        return rules->max;
    return at_most(at_least(before, least), rules->max);
}

void pool_init(struct pool *pool, const struct pool_rules *rules, unsigned before)
{
    *pool = (struct pool){
        .rules = *rules,
        .target = first_target(rules, before),
        .step = 1,
        .trial = true,
        .knocked = rules->mode != POOL_STATIC, /* to look soon, and then again */
    };
}

void pool_proven(struct pool *pool)
{
    pool->trial = false;
}

/* As many replacements at once as there are workers: one bad message may have met each. */
static uint64_t credit_ms(const struct pool *pool)
{
    return (uint64_t)at_least(pool->target, CRASH_CREDIT_LEAST) * CRASH_COST_MS;
}

static uint64_t earliest_ms(const struct pool *pool)
{
    uint64_t credit = credit_ms(pool);
    uint64_t paid = pool->paid_until_ms > credit ? pool->paid_until_ms - credit : 0;

    return later(paid, pool->not_before_ms);
}

/* How many there should be beyond the target, to relieve those that are due: a quarter of them at
 * a time, and no more while as many as there should be have not yet gone. */
static unsigned relief(const struct pool *pool)
{
    unsigned room = pool->target > pool->leaving ? pool->target - pool->leaving : 0;

    return at_most(at_most(pool->due, room), at_least(pool->target / 4, 1));
}

static unsigned missing(const struct pool *pool)
{
    unsigned should = pool->trial ? 1 : pool->target + relief(pool);

    return pool->alive < should ? should - pool->alive : 0;
}

unsigned pool_wanted(const struct pool *pool, uint64_t now_ms)
{
    if (now_ms < earliest_ms(pool))
        return 0;
    /* After failures one start has to show that it works again. */
    return pool->failures ? at_most(missing(pool), 1) : missing(pool);
}

uint64_t pool_wake_ms(const struct pool *pool, uint64_t now_ms)
{
    uint64_t earliest = earliest_ms(pool);
    uint64_t start = missing(pool) && earliest > now_ms ? earliest : 0;

    if (start == 0 || pool->look_ms == 0)
        return start ? start : pool->look_ms;
    return start < pool->look_ms ? start : pool->look_ms;
}

unsigned pool_surplus(const struct pool *pool)
{
    unsigned should = pool->target + relief(pool);

    return pool->alive > should ? pool->alive - should : 0;
}

bool pool_is_curious(const struct pool *pool, uint64_t now_ms)
{
    if (pool->rules.mode == POOL_STATIC || pool->paused)
        return false;
    return pool->knocked || (pool->look_ms && now_ms >= pool->look_ms);
}

/* Too few are free for who comes next, and that is not for lack of a worker that died. Those who
 * start are counted upon, so that one who waits for a slow start does not fill the pool. */
static bool is_short(const struct pool *pool, const struct pool_sight *sight)
{
    unsigned wanted = sight->waiting;

    if (pool->rules.mode == POOL_DYNAMIC)
        wanted = pool->rules.spare_min;
    return sight->idle + sight->starting < wanted && pool->alive >= pool->target &&
           pool->target < pool->rules.max;
}

static void grow(struct pool *pool)
{
    pool->target = at_most(pool->target + pool->step, pool->rules.max);
    pool->step = at_most(pool->step * 2, STEP_MOST);
}

static bool is_too_many(const struct pool *pool, const struct pool_sight *sight, uint64_t now_ms)
{
    if (sight->idle == 0 || sight->waiting || pool->target == 0)
        return false;
    if (pool->rules.mode == POOL_ONDEMAND)
        return sight->longest_idle_ms >= pool->rules.idle_exit_ms;
    return sight->idle > pool->rules.spare_max && pool->target > pool->rules.min &&
           now_ms >= pool->shrunk_ms + SHRINK_EVERY_MS;
}

/* When there may be too many even though nobody comes; 0: never. */
static uint64_t next_shrink_ms(const struct pool *pool, uint64_t now_ms)
{
    uint64_t next_ms = pool->shrunk_ms + SHRINK_EVERY_MS;

    if (pool->target <= at_least(pool->rules.min, pool->rules.spare_max))
        return 0;
    return next_ms > now_ms ? next_ms : now_ms + LOOK_LATE_MS;
}

static uint64_t next_idle_exit_ms(const struct pool *pool, const struct pool_sight *sight,
                                  uint64_t now_ms)
{
    uint64_t idle_exit = pool->rules.idle_exit_ms;
    uint64_t left =
        idle_exit - (sight->longest_idle_ms < idle_exit ? sight->longest_idle_ms : idle_exit);

    if (pool->target == 0 && pool->alive == 0)
        return 0;
    return now_ms + later(left < LOOK_LATE_MS ? left : LOOK_LATE_MS, LOOK_SOON_MS);
}

static uint64_t next_look_ms(const struct pool *pool, const struct pool_sight *sight,
                             uint64_t now_ms)
{
    return pool->rules.mode == POOL_DYNAMIC ? next_shrink_ms(pool, now_ms)
                                            : next_idle_exit_ms(pool, sight, now_ms);
}

bool pool_look(struct pool *pool, const struct pool_sight *sight, uint64_t now_ms)
{
    /* Who knocked may be about to be let in: only the next look can tell. */
    bool moving = pool->knocked;
    bool too_many = is_too_many(pool, sight, now_ms);

    pool->knocked = false;
    if (is_short(pool, sight)) {
        grow(pool);
        moving = true;
    } else if (sight->starting == 0) {
        pool->step = 1;
    }
    if (too_many) {
        pool->target--;
        pool->shrunk_ms = now_ms;
        moving = true;
    }
    /* Where nobody waits, nobody who died is missing. */
    if (pool->rules.mode == POOL_ONDEMAND && !sight->waiting)
        pool->target = at_most(pool->target, pool->alive);
    pool->listens = !moving && pool->target < pool->rules.max;
    pool->look_ms = moving ? now_ms + LOOK_SOON_MS : next_look_ms(pool, sight, now_ms);
    return too_many;
}

bool pool_is_exhausted(const struct pool *pool, const struct pool_sight *sight)
{
    bool may_grow = pool->rules.mode != POOL_STATIC && pool->target < pool->rules.max;

    return sight->idle + sight->starting == 0 && !may_grow && !pool->paused;
}

bool pool_can_relieve(const struct pool *pool, unsigned ready)
{
    return pool->due > 0 && ready > pool->target;
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
        pool->paid_until_ms = later(pool->paid_until_ms, now_ms) + CRASH_COST_MS;
}

void pool_knocked(struct pool *pool, uint64_t now_ms)
{
    if (pool->rules.mode == POOL_STATIC || pool->paused)
        return;
    pool->knocked = true;
    pool->listens = false;
    pool->look_ms = now_ms;
}

void pool_resize(struct pool *pool, unsigned max, uint64_t now_ms)
{
    pool->rules.max = max;
    if (pool->paused)
        return;
    pool->target = pool->rules.mode == POOL_STATIC ? max : at_most(pool->target, max);
    pool_knocked(pool, now_ms);
}

void pool_pause(struct pool *pool)
{
    pool->paused = true;
    pool->target = 0;
    pool->listens = false;
    pool->look_ms = 0;
}

void pool_resume(struct pool *pool, uint64_t now_ms)
{
    pool->paused = false;
    pool->target = first_target(&pool->rules, 0);
    pool->failures = 0;
    pool->not_before_ms = 0;
    pool_knocked(pool, now_ms);
}

void pool_due(struct pool *pool)
{
    pool->due++;
}

void pool_undue(struct pool *pool)
{
    pool->due--;
}

void pool_let_go(struct pool *pool, bool due)
{
    pool->due -= due;
    pool->alive--;
    pool->leaving++;
}

void pool_gone(struct pool *pool)
{
    pool->leaving--;
}

uint64_t pool_jitter(uint64_t limit, uint64_t number)
{
    /* The golden ratio: consecutive numbers fall far from each other. */
    uint64_t part = (number * UINT64_C(0x9e3779b97f4a7c15)) >> 32;

    return limit - ((limit / 10 * part) >> 32);
}
