/* Times as they go in, percentiles as they come out. */
#include "ipc/histogram.h"
#include "unit.h"

#include <check.h>

static struct histogram histogram;

static void empty(void)
{
    histogram = (struct histogram){0};
}

START_TEST(nothing_has_no_percentile)
{
    ck_assert_uint_eq(histogram_total(&histogram), 0);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 0);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 0);
}
END_TEST

/* Whatever the time: what is read off is not below it, and at most an eighth above. */
START_TEST(each_time_is_read_off_closely)
{
    for (uint64_t us = 0; us < UINT64_C(1) << 30; us += 1 + us / 13) {
        uint64_t seen;

        empty();
        histogram_add(&histogram, us, 1);
        histogram_add(&histogram, UINT64_C(1) << 29, 1); /* so that the longest is another */
        seen = histogram_percentile(&histogram, 50);
        ck_assert_uint_ge(seen, us < UINT64_C(1) << 29 ? us : UINT64_C(1) << 29);
        ck_assert_uint_le(seen, us + us / 8);
    }
}
END_TEST

START_TEST(percentiles_are_those_of_the_ranks)
{
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&histogram, us, 1);
    ck_assert_uint_eq(histogram_total(&histogram), 1000);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 511);
    ck_assert_uint_eq(histogram_percentile(&histogram, 90), 959);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99), 1000);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 1000);
}
END_TEST

START_TEST(one_slow_in_a_hundred_is_the_hundredth)
{
    for (int i = 0; i < 99; i++)
        histogram_add(&histogram, 5, 1);
    histogram_add(&histogram, 7000000, 1);
    ck_assert_uint_eq(histogram_percentile(&histogram, 99), 5);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 7000000);
}
END_TEST

START_TEST(what_is_too_long_is_still_counted)
{
    histogram_add(&histogram, UINT64_MAX, 1);
    ck_assert_uint_eq(histogram_total(&histogram), 1);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), UINT64_MAX);
}
END_TEST

START_TEST(sums_have_all_of_both)
{
    struct histogram other = {0};

    histogram_add(&histogram, 3, 1);
    histogram_add(&other, 3, 1);
    histogram_add(&other, 6, 1);
    histogram_merge(&histogram, &other);
    ck_assert_uint_eq(histogram_total(&histogram), 3);
    ck_assert_uint_eq(histogram_percentile(&histogram, 50), 3);
    ck_assert_uint_eq(histogram_percentile(&histogram, 100), 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("histogram");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, empty, NULL);
    tcase_add_test(all, nothing_has_no_percentile);
    tcase_add_test(all, each_time_is_read_off_closely);
    tcase_add_test(all, percentiles_are_those_of_the_ranks);
    tcase_add_test(all, one_slow_in_a_hundred_is_the_hundredth);
    tcase_add_test(all, what_is_too_long_is_still_counted);
    tcase_add_test(all, sums_have_all_of_both);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
