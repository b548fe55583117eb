/* Runs of messages: how many share a look at the clock, and what each is said to have taken. */
#include "unit.h"
#include "worker/pace.h"

#include <check.h>

#define QUICK_NS (PACE_QUICK_NS / 2)
#define SLOW_NS 40000000U

static struct pace pace;
static struct histogram histogram;
static uint64_t now_ns;

static void begin(void)
{
    histogram = (struct histogram){0};
    now_ns = 1000000000;
    pace = (struct pace){.began_ns = now_ns};
}

/* A run of COUNT messages, each QUICK_NS, but for the last. */
static uint64_t run(unsigned count, uint64_t last_ns)
{
    pace.handled = count;
    now_ns += (count - 1) * (uint64_t)QUICK_NS + last_ns;
    return pace_end(&pace, now_ns, PACE_RUN_MAX, &histogram);
}

START_TEST(runs_grow_while_messages_are_quick)
{
    unsigned length = 1;

    for (int i = 0; i < 8; i++) {
        ck_assert_uint_eq(run(length, QUICK_NS), QUICK_NS);
        ck_assert_uint_le(pace.length, 2 * length);
        ck_assert_uint_eq(pace.handled, 0);
        ck_assert_uint_eq(pace.began_ns, now_ns);
        length = pace.length;
    }
    ck_assert_uint_eq(length, PACE_RUN_MAX);
}
END_TEST

START_TEST(short_batches_keep_the_longest_run)
{
    while (pace.length < PACE_RUN_MAX)
        run(pace.length ? pace.length : 1, QUICK_NS);
    run(1, QUICK_NS);
    ck_assert_uint_eq(pace.length, PACE_RUN_MAX);
}
END_TEST

START_TEST(slow_one_is_told_from_the_quick_ones)
{
    run(1, QUICK_NS);
    ck_assert_uint_eq(run(16, SLOW_NS), SLOW_NS);
    ck_assert_uint_eq(pace.length, 1);
    ck_assert_uint_eq(histogram_total(&histogram), 17);
    ck_assert_uint_eq(histogram_percentile(&histogram, 90), QUICK_NS / 1000);
    ck_assert_uint_eq(histogram.max_us, SLOW_NS / 1000);
}
END_TEST

START_TEST(slow_ones_have_each_their_time)
{
    for (unsigned i = 1; i <= 10; i++) {
        ck_assert_uint_eq(run(1, i * (uint64_t)SLOW_NS), i * (uint64_t)SLOW_NS);
        ck_assert_uint_eq(pace.length, 1);
    }
    ck_assert_uint_eq(histogram_total(&histogram), 10);
    ck_assert_uint_eq(histogram.max_us, 10 * (SLOW_NS / 1000));
}
END_TEST

START_TEST(longest_run_is_the_callers)
{
    for (int i = 0; i < 5; i++) {
        pace.handled = 1;
        pace_end(&pace, now_ns, 1, &histogram);
        ck_assert_uint_eq(pace.length, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pace");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, begin, NULL);
    tcase_add_test(all, runs_grow_while_messages_are_quick);
    tcase_add_test(all, short_batches_keep_the_longest_run);
    tcase_add_test(all, slow_one_is_told_from_the_quick_ones);
    tcase_add_test(all, slow_ones_have_each_their_time);
    tcase_add_test(all, longest_run_is_the_callers);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
