/* Pools that size themselves, with a clock of the test's own. */
#include "master/pool.h"

#include "unit.h"

#include <check.h>

#define START_MS 1000000U

static struct pool pool;
static unsigned busy;  /* of the workers that live */
static bool waiting;   /* a connection that nobody has accepted */
static uint64_t since; /* when the one that is idle the longest became it */

static void start_all(uint64_t now)
{
    for (unsigned wanted = pool_wanted(&pool, now); wanted > 0; wanted--)
        pool_started(&pool);
}

/* All workers that live are ready, unless a test says else. */
static void init_dynamic(unsigned before)
{
    pool_init(&pool,
              &(struct pool_rules){
                  .mode = POOL_DYNAMIC, .min = 2, .max = 100, .spare_min = 3, .spare_max = 6},
              before);
    pool_proven(&pool);
    busy = 0;
    waiting = false;
    start_all(START_MS);
}

static void init_ondemand(unsigned before)
{
    pool_init(&pool, &(struct pool_rules){.mode = POOL_ONDEMAND, .max = 50, .idle_exit_ms = 10000},
              before);
    pool_proven(&pool);
    busy = 0;
    waiting = false;
    start_all(START_MS);
}

/* What a master does at NOW: looks when it is time, lets go, starts. How many it started. */
static unsigned act(uint64_t now, unsigned starting)
{
    unsigned started = 0;
    struct pool_sight sight = {
        .starting = starting,
        .idle = pool.alive - busy - starting,
        .waiting = waiting,
    };

    sight.longest_idle_ms = sight.idle ? now - since : 0;
    if (pool_is_curious(&pool, now) && pool_look(&pool, &sight, now)) {
        ck_assert_uint_gt(sight.idle, 0);
        pool_let_go(&pool, false);
        pool_gone(&pool);
    }
    for (unsigned wanted = pool_wanted(&pool, now); wanted > 0; wanted--, started++) {
        pool_started(&pool);
        pool_ready(&pool);
    }
    ck_assert_uint_le(pool.alive, pool.rules.max);
    return started;
}

/* From NOW on, for MS, at each time that the policy asks for: when it ended. */
static uint64_t act_for(uint64_t now, uint64_t ms)
{
    uint64_t end = now + ms;

    for (act(now, 0); pool_wake_ms(&pool, now) && pool_wake_ms(&pool, now) <= end; act(now, 0)) {
        ck_assert_uint_gt(pool_wake_ms(&pool, now), now);
        now = pool_wake_ms(&pool, now);
    }
    return end;
}

/* Until the pool listens again. */
static uint64_t settle(uint64_t now)
{
    act(now, 0);
    while (!pool.listens && pool_wake_ms(&pool, now)) {
        now = pool_wake_ms(&pool, now);
        act(now, 0);
    }
    ck_assert(pool.listens);
    return now;
}

START_TEST(static_pools_are_never_looked_at)
{
    pool_init(&pool, &(struct pool_rules){.mode = POOL_STATIC, .max = 4}, 0);
    pool_proven(&pool);
    start_all(START_MS);
    ck_assert(!pool_is_curious(&pool, START_MS));
    ck_assert(!pool.listens);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS), 0);
}
END_TEST

START_TEST(first_size_follows_the_mode_and_what_was_before)
{
    init_dynamic(0);
    ck_assert_uint_eq(pool.target, 3);
    init_dynamic(40);
    ck_assert_uint_eq(pool.target, 40);
    init_dynamic(400);
    ck_assert_uint_eq(pool.target, 100);
    init_ondemand(0);
    ck_assert_uint_eq(pool.target, 1);
    init_ondemand(400);
    ck_assert_uint_eq(pool.target, 50);
}
END_TEST

START_TEST(dynamic_at_rest_is_left_alone)
{
    uint64_t now = START_MS;

    pool_init(&pool,
              &(struct pool_rules){
                  .mode = POOL_DYNAMIC, .min = 3, .max = 9, .spare_min = 3, .spare_max = 6},
              0);
    pool_proven(&pool);
    busy = 0;
    waiting = false;
    start_all(now);
    now = settle(now);
    ck_assert_uint_eq(pool.alive, 3);
    ck_assert_uint_eq(pool_wake_ms(&pool, now), 0);
}
END_TEST

START_TEST(dynamic_doubles_under_a_burst)
{
    static const unsigned steps[] = {1, 2, 4, 8, 16, 32, 32, 2};
    uint64_t now;

    init_dynamic(0);
    now = settle(START_MS);
    ck_assert_uint_eq(pool.alive, 3);
    pool_knocked(&pool, now);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        busy = pool.alive;
        ck_assert_msg(act(now, 0) == steps[i], "step %zu", i);
        ck_assert_uint_eq(pool_wake_ms(&pool, now), now + 100);
        now += 100;
    }
    ck_assert_uint_eq(pool.alive, 100);
    busy = 100;
    act_for(now, 60000);
    ck_assert_uint_eq(pool.alive, 100);
}
END_TEST

START_TEST(dynamic_steps_begin_anew_after_a_burst)
{
    uint64_t now;

    init_dynamic(0);
    now = settle(START_MS);
    for (int i = 0; i < 2; i++) {
        pool_knocked(&pool, now);
        busy = pool.alive;
        ck_assert_uint_eq(act(now, 0), 1);
        busy = pool.alive - 5;
        now = settle(now);
    }
}
END_TEST

/* One worker a second, and never below what is to be spare, or the minimum. */
START_TEST(dynamic_shrinks_slowly)
{
    uint64_t now = START_MS;
    unsigned before;

    init_dynamic(20);
    act(now, 0);
    ck_assert_uint_ge(pool.alive, 19);
    for (int i = 0; i < 10; i++) {
        before = pool.alive;
        now = act_for(now + 1, 999);
        ck_assert_uint_le(before - pool.alive, 1);
    }
    now = act_for(now, 60000);
    ck_assert_uint_eq(pool.alive, 6);
}
END_TEST

START_TEST(dynamic_counts_on_those_that_start)
{
    uint64_t now;

    init_dynamic(0);
    now = settle(START_MS);
    busy = 1;
    pool_knocked(&pool, now);
    ck_assert_uint_eq(act(now, 0), 1);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(act(now += 100, 1), 0);
    busy = 4;
    pool_knocked(&pool, now);
    ck_assert_uint_eq(act(now, 0), 2); /* and the step is where it was */
}
END_TEST

START_TEST(ondemand_ends_at_none_and_rests)
{
    uint64_t now = START_MS;

    init_ondemand(0);
    since = now;
    ck_assert_uint_eq(pool.alive, 1);
    now = act_for(now, 9999);
    ck_assert_uint_eq(pool.alive, 1);
    now = act_for(now, 1200);
    ck_assert_uint_eq(pool.alive, 0);
    ck_assert(pool.listens);
    ck_assert_uint_eq(pool_wake_ms(&pool, now), 0);
}
END_TEST

static uint64_t rest_ondemand(void)
{
    uint64_t now = START_MS;

    init_ondemand(0);
    since = now;
    now = act_for(now, 20000);
    ck_assert_uint_eq(pool.alive, 0);
    return now;
}

START_TEST(ondemand_starts_one_for_who_knocks)
{
    uint64_t now = rest_ondemand();

    waiting = true;
    pool_knocked(&pool, now);
    ck_assert_uint_eq(act(now, 0), 1);
    for (int i = 0; i < 50; i++) /* it is slow to start: one who waits gets one */
        ck_assert_uint_eq(act(now += 100, 1), 0);
    waiting = false;
    busy = 1;
    now = settle(now);
    ck_assert_uint_eq(pool.alive, 1);
}
END_TEST

START_TEST(ondemand_doubles_while_clients_wait)
{
    uint64_t now = rest_ondemand();
    static const unsigned steps[] = {1, 2, 4, 8, 16, 19, 0};

    waiting = true;
    pool_knocked(&pool, now);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++, now += 100) {
        busy = pool.alive;
        ck_assert_uint_eq(act(now, 0), steps[i]);
    }
    ck_assert(!pool.listens); /* there is nothing to be done about it */
}
END_TEST

START_TEST(ondemand_does_not_grow_while_one_is_idle)
{
    uint64_t now = rest_ondemand();

    waiting = true;
    pool_knocked(&pool, now);
    ck_assert_uint_eq(act(now, 0), 1);
    ck_assert_uint_eq(act(now + 100, 0), 0);
}
END_TEST

/* The handler is broken and clients wait: one start at a time, and no target that runs away. */
START_TEST(ondemand_that_cannot_start_backs_off)
{
    uint64_t now = rest_ondemand();
    unsigned starts = 0;

    waiting = true;
    for (uint64_t end = now + 60000; now < end; now += 50) {
        struct pool_sight sight = {.waiting = true};

        if (pool.listens)
            pool_knocked(&pool, now);
        if (pool_is_curious(&pool, now))
            ck_assert(!pool_look(&pool, &sight, now));
        for (unsigned wanted = pool_wanted(&pool, now); wanted > 0; wanted--, starts++) {
            pool_started(&pool);
            pool_exited(&pool, POOL_STILLBORN, now);
        }
        ck_assert_uint_le(pool.target, 1);
    }
    ck_assert_uint_ge(starts, 8);
    ck_assert_uint_le(starts, 12);
    /* They have given up: so do we. */
    waiting = false;
    now = act_for(now, 1000);
    ck_assert_uint_eq(pool.target, 0);
    ck_assert_uint_eq(pool_wanted(&pool, now + 3600000), 0);
}
END_TEST

/* A message that kills each worker it meets: the pool goes on starting them, ten a second. */
START_TEST(crashes_never_end_a_pool_that_sizes_itself)
{
    for (int mode = 0; mode < 2; mode++) {
        unsigned starts = 0;
        uint64_t now = START_MS;

        mode ? init_dynamic(0) : init_ondemand(0);
        waiting = true;
        for (uint64_t end = now + 60000; now < end; now += 10) {
            if (pool.listens)
                pool_knocked(&pool, now);
            busy = pool.alive;
            starts += act(now, 0);
            while (pool.alive > 0)
                pool_exited(&pool, POOL_CRASHED, now);
        }
        ck_assert_uint_ge(starts, 590);
        ck_assert_uint_le(starts, 720);
    }
}
END_TEST

START_TEST(a_leap_of_the_clock_shrinks_no_faster)
{
    const uint64_t hours = 7ULL * 3600 * 1000;
    uint64_t now = START_MS;

    init_dynamic(20);
    busy = 20;
    ck_assert_uint_eq(act(now, 0), 1);
    busy = 0;
    act(now + hours, 0);
    act(now + hours, 0);
    ck_assert_uint_eq(pool.alive, 20);
    ck_assert_uint_le(pool_wake_ms(&pool, now + hours), now + hours + 1000);
    ck_assert_uint_gt(pool_wake_ms(&pool, now + hours), now + hours);
}
END_TEST

START_TEST(a_leap_of_the_clock_grows_no_faster)
{
    const uint64_t hours = 7ULL * 3600 * 1000;
    uint64_t now;

    init_dynamic(0);
    now = settle(START_MS);
    pool_knocked(&pool, now);
    busy = pool.alive;
    ck_assert_uint_eq(act(now, 0), 1);
    busy = pool.alive;
    ck_assert_uint_eq(act(now + hours, 0), 2);
    ck_assert_uint_eq(act(now + hours, 0), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, static_pools_are_never_looked_at);
    tcase_add_test(tests, first_size_follows_the_mode_and_what_was_before);
    tcase_add_test(tests, dynamic_at_rest_is_left_alone);
    tcase_add_test(tests, dynamic_doubles_under_a_burst);
    tcase_add_test(tests, dynamic_steps_begin_anew_after_a_burst);
    tcase_add_test(tests, dynamic_shrinks_slowly);
    tcase_add_test(tests, dynamic_counts_on_those_that_start);
    tcase_add_test(tests, ondemand_ends_at_none_and_rests);
    tcase_add_test(tests, ondemand_starts_one_for_who_knocks);
    tcase_add_test(tests, ondemand_doubles_while_clients_wait);
    tcase_add_test(tests, ondemand_does_not_grow_while_one_is_idle);
    tcase_add_test(tests, ondemand_that_cannot_start_backs_off);
    tcase_add_test(tests, crashes_never_end_a_pool_that_sizes_itself);
    tcase_add_test(tests, a_leap_of_the_clock_shrinks_no_faster);
    tcase_add_test(tests, a_leap_of_the_clock_grows_no_faster);
}

int main(void)
{
    Suite *suite = suite_create("pool sizes");
    TCase *tests = tcase_create("policy");

    add_tests(tests);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
