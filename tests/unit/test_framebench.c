/* What framebench computes: percentiles, times to send, messages. */
#include "tools/framebench/schedule.h"
#include "tools/framebench/text.h"
#include "tools/framebench/times.h"
#include "unit.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(each_time_is_read_off_within_a_sixtieth)
{
    static struct times times;

    for (uint64_t ns = 0; ns < UINT64_C(1) << 40; ns += 1 + ns / 17) {
        uint64_t seen;

        memset(&times, 0, sizeof(times));
        times_add(&times, ns);
        times_add(&times, UINT64_C(1) << 40); /* so that the longest is another */
        seen = times_percentile(&times, 50);
        ck_assert_uint_ge(seen, ns);
        ck_assert_uint_le(seen, ns + ns / 64);
    }
}
END_TEST

START_TEST(percentiles_are_those_of_the_ranks)
{
    static struct times times;

    ck_assert_uint_eq(times_percentile(&times, 50), 0);
    for (uint64_t ns = 1; ns <= 100; ns++)
        times_add(&times, ns);
    ck_assert_uint_eq(times_percentile(&times, 50), 50);
    ck_assert_uint_eq(times_percentile(&times, 99), 99);
    ck_assert_uint_eq(times_percentile(&times, 99.1), 100);
    ck_assert_uint_eq(times_percentile(&times, 100), 100);
    ck_assert_double_eq_tol(times_mean(&times), 50.5, 1e-9);
    times_add(&times, UINT64_MAX / 2);
    ck_assert_uint_eq(times_percentile(&times, 100), UINT64_MAX / 2);
}
END_TEST

#define LANES 7

/* Takes COUNT times off a schedule of RATE a second: that they are in order, and their mean gap. */
static double mean_gap(bool poisson, uint64_t rate, unsigned count, double *square)
{
    struct plan plan = {.connections = LANES, .rate = rate, .poisson = poisson};
    struct lane lanes[LANES] = {{0}};
    struct schedule schedule;
    uint64_t last = 1000, first = 0;

    *square = 0;
    ck_assert_int_eq(schedule_init(&schedule, &plan, lanes, last), 0);
    for (unsigned i = 0; i < count; i++) {
        uint64_t due = schedule_next_ns(&schedule);
        struct lane *lane = schedule_pop(&schedule);

        ck_assert_uint_ge(due, last);
        ck_assert_uint_eq(due, lane->due_ns);
        *square += pow((double)(due - last), 2) / count;
        first = i == 0 ? due : first;
        last = due;
        schedule_advance(&schedule, lane);
        schedule_push(&schedule, lane);
    }
    schedule_deinit(&schedule);
    return (double)(last - first) / (count - 1);
}

START_TEST(schedule_keeps_the_rate_and_the_order)
{
    double square;

    ck_assert_double_eq_tol(mean_gap(false, 20000, 10000, &square), 50e3, 5);
    ck_assert_double_eq_tol(sqrt(square), 50e3, 500);
    /* Of random arrivals the mean square is twice the square of the mean. */
    ck_assert_double_eq_tol(mean_gap(true, 20000, 100000, &square), 50e3, 2e3);
    ck_assert_double_eq_tol(square, 2 * 50e3 * 50e3, 2e8);
}
END_TEST

START_TEST(no_message_is_like_another)
{
    struct plan plan = {.sizes = {{16, 1}}, .size_count = 1, .size_weight = 1, .size_max = 16};
    struct text text;
    size_t length;

    ck_assert_int_eq(text_init(&text, &plan), 0);
    ck_assert_mem_eq(text_payload(&text, 0x1234abcd, 0xfedc0987, &length), "1234abcdfedc0987", 16);
    ck_assert_uint_eq(length, 16);
    ck_assert_mem_eq(text_payload(&text, 0x1234abcd, 0x9, &length), "1234abcd00000009", 16);
    ck_assert_mem_eq(text_payload(&text, 7, 0x9, &length), "0000000700000009", 16);
    plan.sizes[0].size = 3;
    ck_assert_mem_eq(text_payload(&text, 7, 0x1a9, &length), "1a9", 3);
    ck_assert_uint_eq(length, 3);
    plan.sizes[0].size = 16;
    ck_assert_mem_eq(text_payload(&text, 7, 0x1aa, &length), "00000007000001aa", 16);
    text_deinit(&text);
}
END_TEST

START_TEST(sizes_come_by_their_weights)
{
    struct plan plan = {
        .sizes = {{1, 9}, {2, 1}}, .size_count = 2, .size_weight = 10, .size_max = 2};
    unsigned found[3] = {0};
    struct text text;

    ck_assert_int_eq(text_init(&text, &plan), 0);
    for (uint64_t i = 0; i < 10000; i++) {
        size_t length, again;

        text_payload(&text, 3, i, &length);
        text_payload(&text, 3, i, &again);
        ck_assert_uint_eq(length, again);
        found[length]++;
    }
    ck_assert_uint_ge(found[2], 900);
    ck_assert_uint_le(found[2], 1100);
    text_deinit(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framebench");
    TCase *all = tcase_create("all");

    tcase_add_test(all, each_time_is_read_off_within_a_sixtieth);
    tcase_add_test(all, percentiles_are_those_of_the_ranks);
    tcase_add_test(all, schedule_keeps_the_rate_and_the_order);
    tcase_add_test(all, no_message_is_like_another);
    tcase_add_test(all, sizes_come_by_their_weights);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
