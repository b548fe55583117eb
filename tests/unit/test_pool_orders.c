/* Pools that were told how large to be, or to rest, with a clock of the test's own. */
#include "master/pool.h"

#include "unit.h"

#include <check.h>

#define START_MS 1000000U

static struct pool pool;

/* As a master does it: all are ready, and who is too many leaves at once. */
static void settle(uint64_t now)
{
    for (unsigned wanted = pool_wanted(&pool, now); wanted > 0; wanted--) {
        pool_started(&pool);
        pool_ready(&pool);
    }
    while (pool_surplus(&pool) > 0) {
        pool_let_go(&pool, false);
        pool_gone(&pool);
    }
}

static void init(enum pool_mode mode, unsigned max, unsigned before)
{
    pool_init(&pool,
              &(struct pool_rules){.mode = mode,
                                   .min = mode == POOL_DYNAMIC ? 4 : 0,
                                   .max = max,
                                   .spare_min = 2,
                                   .spare_max = 4,
                                   .idle_exit_ms = 10000},
              before);
    pool_proven(&pool);
    settle(START_MS);
}

START_TEST(static_is_as_large_as_told)
{
    init(POOL_STATIC, 4, 0);
    pool_resize(&pool, 7, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 3);
    settle(START_MS);
    ck_assert_uint_eq(pool.alive, 7);
    pool_resize(&pool, 2, START_MS);
    ck_assert_uint_eq(pool_surplus(&pool), 5);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    settle(START_MS);
    ck_assert_uint_eq(pool.alive, 2);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS), 0);
}
END_TEST

START_TEST(dynamic_has_no_more_than_told_and_its_min_back_later)
{
    init(POOL_DYNAMIC, 20, 10);
    ck_assert_uint_eq(pool.alive, 10);
    pool_resize(&pool, 2, START_MS);
    settle(START_MS);
    ck_assert_uint_eq(pool.alive, 2);
    pool_resize(&pool, 20, START_MS);
    ck_assert(pool_is_curious(&pool, START_MS));
    ck_assert_uint_eq(pool.target, 2); /* grows when it has to */
    pool_pause(&pool);
    settle(START_MS);
    pool_resume(&pool, START_MS);
    ck_assert_uint_eq(pool.target, 4);
}
END_TEST

START_TEST(ondemand_does_not_grow_by_being_allowed_to)
{
    init(POOL_ONDEMAND, 2, 2);
    pool_resize(&pool, 10, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert_uint_eq(pool_surplus(&pool), 0);
    /* But who waits is seen, though the pool had stopped to listen. */
    ck_assert(pool_is_curious(&pool, START_MS));
    pool_look(&pool, &(struct pool_sight){.waiting = true}, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
}
END_TEST

START_TEST(growing_obeys_the_backoff)
{
    init(POOL_STATIC, 1, 0);
    pool_exited(&pool, POOL_STILLBORN, START_MS);
    pool_resize(&pool, 9, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
    ck_assert_uint_eq(pool_wake_ms(&pool, START_MS), START_MS + 100);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 100), 1);
}
END_TEST

/* Those who relieve others are not too many. */
START_TEST(relief_is_no_surplus)
{
    init(POOL_STATIC, 4, 0);
    pool_due(&pool);
    pool_started(&pool);
    ck_assert_uint_eq(pool.alive, 5);
    ck_assert_uint_eq(pool_surplus(&pool), 0);
    pool_let_go(&pool, true);
    ck_assert_uint_eq(pool_surplus(&pool), 0);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 0);
}
END_TEST

START_TEST(a_pause_lets_all_go_and_starts_none)
{
    static const enum pool_mode modes[] = {POOL_STATIC, POOL_DYNAMIC, POOL_ONDEMAND};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        init(modes[i], 8, 5);
        pool_due(&pool);
        pool_pause(&pool);
        ck_assert_uint_eq(pool_surplus(&pool), pool.alive);
        pool_let_go(&pool, true);
        pool_gone(&pool);
        settle(START_MS);
        ck_assert_uint_eq(pool.alive, 0);
        /* Whatever else happens. */
        pool_knocked(&pool, START_MS);
        pool_resize(&pool, 6, START_MS);
        ck_assert(!pool_is_curious(&pool, START_MS + 1));
        ck_assert_uint_eq(pool_wanted(&pool, START_MS + 1), 0);
        ck_assert_uint_eq(pool_wake_ms(&pool, START_MS + 1), 0);
    }
}
END_TEST

START_TEST(a_pool_resumes_as_at_first_and_at_once)
{
    init(POOL_STATIC, 5, 0);
    for (int i = 0; i < 5; i++)
        pool_exited(&pool, POOL_STILLBORN, START_MS);
    pool_pause(&pool);
    pool_resize(&pool, 3, START_MS);
    pool_resume(&pool, START_MS + 1);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS + 1), 3);
    init(POOL_ONDEMAND, 5, 0);
    pool_pause(&pool);
    settle(START_MS);
    pool_resume(&pool, START_MS);
    ck_assert_uint_eq(pool_wanted(&pool, START_MS), 1);
    ck_assert(pool_is_curious(&pool, START_MS));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, static_is_as_large_as_told);
    tcase_add_test(tests, dynamic_has_no_more_than_told_and_its_min_back_later);
    tcase_add_test(tests, ondemand_does_not_grow_by_being_allowed_to);
    tcase_add_test(tests, growing_obeys_the_backoff);
    tcase_add_test(tests, relief_is_no_surplus);
    tcase_add_test(tests, a_pause_lets_all_go_and_starts_none);
    tcase_add_test(tests, a_pool_resumes_as_at_first_and_at_once);
}

int main(void)
{
    Suite *suite = suite_create("pool orders");
    TCase *tests = tcase_create("policy");

    add_tests(tests);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
