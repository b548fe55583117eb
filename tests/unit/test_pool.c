/* Pool policy, with a clock of the test's own. */
#include "master/pool.h"

#include "unit.h"

#include <check.h>

#define START_MS 1000000U

static struct pool pool;

static void init_static(unsigned count)
{
    pool_init(&pool, &(struct pool_rules){.mode = POOL_STATIC, .max = count}, 0);
    pool_proven(&pool);
}

static void start_all(uint64_t now)
{
    for (unsigned wanted = pool_wanted(&pool, now); wanted > 0; wanted--)
        pool_started(&pool);
}

static void setup(void)
{
    init_static(4);
    start_all(START_MS);
    for (int i = 0; i < 4; i++)
        pool_ready(&pool);
}

START_TEST(fills_up_at_once)
{
    init_static(7);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 7);
    start_all(START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS), 0);
}
END_TEST

START_TEST(one_on_trial_comes_before_the_others)
{
    pool_init(&pool, &(struct pool_rules){.mode = POOL_STATIC, .max = 7}, 0);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
    start_all(START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    pool_ready(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    /* It dies, and so the next one is on trial. */
    pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
    start_all(START_MS);
    pool_proven(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 6);
}
END_TEST

START_TEST(replaces_a_crashed_worker_at_once)
{
    pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
}
END_TEST

START_TEST(replaces_a_whole_pool_at_once)
{
    for (int i = 0; i < 4; i++)
        pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 4);
}
END_TEST

/* A message that kills each worker it meets, a thousand times in a second. */
START_TEST(a_storm_of_crashes_is_bounded)
{
    unsigned starts = 0;

    for (uint64_t now = START_MS; now < START_MS + 1000; now++) {
        unsigned wanted = pool_wanted(&pool, now);

        for (; wanted > 0; wanted--) {
            pool_started(&pool);
            pool_ready(&pool);
            starts++;
        }
        if (pool.alive > 0)
            pool_exited(&pool, POOL_CRASHED, now);
    }
    ck_assert_uint_ge(starts, 10);
    ck_assert_uint_le(starts, 4 + 10 + 1);
    /* And it never ends for good. */
    ck_assert_uint_gt(pool_wanted(&pool, START_MS + 2000), 0);
}
END_TEST

START_TEST(wakes_when_the_next_start_is_due)
{
    uint64_t wake;

    for (int i = 0; i < 8; i++) {
        pool_exited(&pool, POOL_CRASHED, START_MS);
        pool_started(&pool);
    }
    pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    wake = pool_wake_ms(&pool, START_MS);
    ck_assert_uint_gt(wake, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, wake - 1), 0);
    ck_assert_uint_eq(pool_wanted(&pool, wake), 1);
}
END_TEST

START_TEST(failed_starts_back_off_and_double)
{
    static const unsigned waits[] = {100,  200,   400,   800,   1600,  3200,
                                     6400, 12800, 25600, 30000, 30000, 30000};
    uint64_t now = START_MS;

    pool_exited(&pool, POOL_CRASHED, now);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        ck_assert_uint_eq(pool_wanted(&pool, now), 1);
        pool_started(&pool);
        pool_exited(&pool, POOL_STILLBORN, now);
        ck_assert_uint_eq(pool_wake_ms(&pool, now), now + waits[i]);
        ck_assert_uint_eq(pool_wanted(&pool, now + waits[i] - 1), 0);
        now += waits[i];
    }
}
END_TEST

START_TEST(a_success_ends_the_backoff)
{
    for (int i = 0; i < 4; i++)
        pool_exited(&pool, POOL_CRASHED, START_MS);
    pool_started(&pool);
    pool_exited(&pool, POOL_STILLBORN, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 100), 1);
    pool_started(&pool);
    pool_ready(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 100), 3);
}
END_TEST

START_TEST(workers_that_fail_together_are_one_failure)
{
    init_static(4);
    start_all(START_MS);
    for (int i = 0; i < 4; i++)
        pool_exited(&pool, POOL_STILLBORN, START_MS + (unsigned)i);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS + 3), START_MS + 100);
}
END_TEST

START_TEST(leaving_in_order_costs_nothing)
{
    for (int i = 0; i < 100; i++) {
        pool_exited(&pool, POOL_LEFT, START_MS);
        ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
        pool_started(&pool);
        pool_ready(&pool);
    }
}
END_TEST

/* The machine slept for a year: what was owed is forgiven, nothing overflows. */
START_TEST(a_leap_of_the_clock_is_harmless)
{
    const uint64_t year = 365ULL * 86400 * 1000;

    for (int i = 0; i < 20; i++) {
        pool_exited(&pool, POOL_CRASHED, START_MS);
        pool_started(&pool);
    }
    pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + year), 1);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS + year), 0);
}
END_TEST

START_TEST(one_that_is_due_is_relieved_by_a_new_one)
{
    pool_due(&pool);
    ck_assert(!pool_can_relieve(&pool, 4));
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
    pool_started(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert(!pool_can_relieve(&pool, 4));
    ck_assert(pool_can_relieve(&pool, 5));
    pool_let_go(&pool, true);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    pool_gone(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert_uint_eq(pool.alive, 4);
}
END_TEST

START_TEST(one_that_dies_while_due_is_replaced_once)
{
    pool_due(&pool);
    pool_started(&pool);
    pool_undue(&pool);
    pool_exited(&pool, POOL_CRASHED, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert_uint_eq(pool.alive, 4);
}
END_TEST

/* The machine slept beyond everybody's lifetime. */
START_TEST(those_that_are_due_together_do_not_leave_together)
{
    init_static(16);
    start_all(START_MS);
    for (int i = 0; i < 16; i++)
        pool_due(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 4);
}
END_TEST

/* Their connections keep them: replacing goes on only as far as there may be twice as many. */
START_TEST(those_that_leave_slowly_slow_the_rest)
{
    unsigned started = 0;

    for (int i = 0; i < 100; i++) {
        pool_due(&pool);
        for (unsigned wanted = pool_wanted(&pool, START_MS); wanted > 0; wanted--, started++)
            pool_started(&pool);
        while (pool_can_relieve(&pool, pool.alive)) {
            pool_let_go(&pool, true);
        }
    }
    ck_assert_uint_eq(started, 4);
    ck_assert_uint_eq(pool.leaving, 4);
    pool_gone(&pool);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
}
END_TEST

START_TEST(replacements_that_fail_back_off)
{
    pool_due(&pool);
    pool_started(&pool);
    pool_exited(&pool, POOL_STILLBORN, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 99), 0);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS), START_MS + 100);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 100), 1);
    ck_assert_uint_eq(pool.alive, 4);
}
END_TEST

START_TEST(jitter_takes_up_to_a_tenth_and_spreads)
{
    unsigned tenths[10] = {0};

    for (uint64_t number = 1; number <= 100; number++) {
        uint64_t limit = pool_jitter(10000, number);

        ck_assert_uint_gt(limit, 9000);
        ck_assert_uint_le(limit, 10000);
        tenths[(10000 - limit) / 100]++;
    }
    for (int i = 0; i < 10; i++)
        ck_assert_uint_ge(tenths[i], 8);
    ck_assert_uint_eq(pool_jitter(1, 7), 1);
    ck_assert_uint_gt(pool_jitter(UINT64_MAX, 7), UINT64_MAX / 10 * 9 - 10);
}
END_TEST

/* That is when clients may be turned away. */
START_TEST(exhausted_is_who_is_busy_and_cannot_grow)
{
    const struct pool_sight busy = {.waiting = true};
    const struct pool_sight idle = {.waiting = true, .idle = 1};
    const struct pool_sight starting = {.waiting = true, .starting = 1};

    ck_assert(pool_is_exhausted(&pool, &busy));
    ck_assert(!pool_is_exhausted(&pool, &idle));
    ck_assert(!pool_is_exhausted(&pool, &starting));
    pool_pause(&pool);
    ck_assert(!pool_is_exhausted(&pool, &busy));
    pool_init(&pool, &(struct pool_rules){.mode = POOL_DYNAMIC, .min = 1, .max = 4}, 3);
    ck_assert(!pool_is_exhausted(&pool, &busy));
    pool_init(&pool, &(struct pool_rules){.mode = POOL_DYNAMIC, .min = 1, .max = 4}, 4);
    ck_assert(pool_is_exhausted(&pool, &busy));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *tests = tcase_create("policy");

    tcase_add_checked_fixture(tests, setup, NULL);
    tcase_add_test(tests, fills_up_at_once);
    tcase_add_test(tests, one_on_trial_comes_before_the_others);
    tcase_add_test(tests, replaces_a_crashed_worker_at_once);
    tcase_add_test(tests, replaces_a_whole_pool_at_once);
    tcase_add_test(tests, a_storm_of_crashes_is_bounded);
    tcase_add_test(tests, wakes_when_the_next_start_is_due);
    tcase_add_test(tests, failed_starts_back_off_and_double);
    tcase_add_test(tests, a_success_ends_the_backoff);
    tcase_add_test(tests, workers_that_fail_together_are_one_failure);
    tcase_add_test(tests, leaving_in_order_costs_nothing);
    tcase_add_test(tests, a_leap_of_the_clock_is_harmless);
    tcase_add_test(tests, one_that_is_due_is_relieved_by_a_new_one);
    tcase_add_test(tests, one_that_dies_while_due_is_replaced_once);
    tcase_add_test(tests, those_that_are_due_together_do_not_leave_together);
    tcase_add_test(tests, those_that_leave_slowly_slow_the_rest);
    tcase_add_test(tests, replacements_that_fail_back_off);
    tcase_add_test(tests, exhausted_is_who_is_busy_and_cannot_grow);
    tcase_add_test(tests, jitter_takes_up_to_a_tenth_and_spreads);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
