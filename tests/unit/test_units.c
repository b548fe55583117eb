/* Sizes, times and counts as people write them, and the guess at what a typing error meant. */
#include "base/units.h"
#include "nearest.h"

#include "unit.h"

#include <check.h>
#include <errno.h>

#define UNTOUCHED UINT64_C(77)

struct sample {
    const char *text;
    int result;
    uint64_t value;
};

static const struct sample sizes[] = {
    {"0", 0, 0},
    {"4096", 0, 4096},
    {"007", 0, 7},
    {"1KiB", 0, 1024},
    {"64KiB", 0, 65536},
    {"1MiB", 0, 1048576},
    {"1GiB", 0, 1073741824},
    {"1kB", 0, 1000},
    {"10MB", 0, 10000000},
    {"2GB", 0, 2000000000},
    {"18446744073709551615", 0, UINT64_MAX},
    {"17179869183GiB", 0, UINT64_C(17179869183) << 30},
    {"18446744073709551616", -ERANGE, 0},
    {"17179869184GiB", -ERANGE, 0},
    {"99999999999999999999999999999MiB", -ERANGE, 0},
    {"", -EINVAL, 0},
    {"MiB", -EINVAL, 0},
    {"-1", -EINVAL, 0},
    {"+1", -EINVAL, 0},
    {" 1", -EINVAL, 0},
    {"1 ", -EINVAL, 0},
    {"1 MiB", -EINVAL, 0},
    {"1.5MiB", -EINVAL, 0},
    {"0x10", -EINVAL, 0},
    {"1M", -EINVAL, 0},
    {"1mib", -EINVAL, 0},
    {"1KB", -EINVAL, 0},
    {"1MiBs", -EINVAL, 0},
    {"1s", -EINVAL, 0},
    {"off", -EINVAL, 0},
    {"\xd9\xa1", -EINVAL, 0}, /* an Arabic one */
};

static const struct sample times[] = {
    {"0ms", 0, 0},
    {"500ms", 0, 500},
    {"30s", 0, 30000},
    {"5m", 0, 300000},
    {"1h", 0, 3600000},
    {"18446744073709551615ms", 0, UINT64_MAX},
    {"18446744073709552s", -ERANGE, 0},
    {"5124095576031h", -ERANGE, 0},
    {"5", -EINVAL, 0}, /* seconds? milliseconds? */
    {"0", -EINVAL, 0},
    {"s", -EINVAL, 0},
    {"1h30m", -EINVAL, 0},
    {"5x", -EINVAL, 0},
    {"5S", -EINVAL, 0},
    {"5 s", -EINVAL, 0},
    {"1.5s", -EINVAL, 0},
    {"1d", -EINVAL, 0},
    {"-1s", -EINVAL, 0},
};

static const struct sample counts[] = {
    {"0", 0, 0},
    {"4", 0, 4},
    {"18446744073709551615", 0, UINT64_MAX},
    {"18446744073709551616", -ERANGE, 0},
    {"", -EINVAL, 0},
    {"4x", -EINVAL, 0},
    {"-4", -EINVAL, 0},
    {"1KiB", -EINVAL, 0},
};

static void check_sample(const struct sample *sample, int (*parse)(const char *, uint64_t *))
{
    uint64_t value = UNTOUCHED;
    int result = parse(sample->text, &value);

    ck_assert_msg(result == sample->result, "\"%s\": %d", sample->text, result);
    ck_assert_msg(value == (result == 0 ? sample->value : UNTOUCHED), "\"%s\"", sample->text);
}

START_TEST(sizes_are_read)
{
    check_sample(&sizes[_i], units_parse_size);
}
END_TEST

START_TEST(times_are_read)
{
    check_sample(&times[_i], units_parse_time);
}
END_TEST

START_TEST(counts_are_read)
{
    check_sample(&counts[_i], units_parse_count);
}
END_TEST

START_TEST(the_largest_exact_unit_is_written)
{
    static const struct {
        void (*format)(uint64_t, char *);
        uint64_t value;
        const char *text;
    } rows[] = {
        {units_format_size, 0, "0"},
        {units_format_size, 1, "1"},
        {units_format_size, 1000, "1000"},
        {units_format_size, 1024, "1KiB"},
        {units_format_size, 1025, "1025"},
        {units_format_size, 16 << 20, "16MiB"},
        {units_format_size, UINT64_C(3) << 30, "3GiB"},
        {units_format_size, UINT64_MAX, "18446744073709551615"},
        {units_format_time, 0, "0ms"},
        {units_format_time, 1, "1ms"},
        {units_format_time, 1000, "1s"},
        {units_format_time, 1500, "1500ms"},
        {units_format_time, 90000, "90s"},
        {units_format_time, 120000, "2m"},
        {units_format_time, 7200000, "2h"},
        {units_format_count, 0, "0"},
        {units_format_count, 511, "511"},
    };
    char text[UNITS_TEXT_SIZE];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i].format(rows[i].value, text);
        ck_assert_str_eq(text, rows[i].text);
    }
}
END_TEST

START_TEST(what_is_written_reads_back)
{
    static const uint64_t steps[] = {1, 7, 1000, 1024, 60000, 1 << 20, 3600000, 1 << 30};
    char text[UNITS_TEXT_SIZE];
    uint64_t value;

    for (uint64_t factor = 1; factor < 5000; factor += 13) {
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            units_format_size(factor * steps[i], text);
            ck_assert_int_eq(units_parse_size(text, &value), 0);
            ck_assert_uint_eq(value, factor * steps[i]);
            units_format_time(factor * steps[i], text);
            ck_assert_int_eq(units_parse_time(text, &value), 0);
            ck_assert_uint_eq(value, factor * steps[i]);
        }
    }
}
END_TEST

START_TEST(distance_counts_typing_errors)
{
    ck_assert_uint_eq(framed_nearest_distance("", ""), 0);
    ck_assert_uint_eq(framed_nearest_distance("", "abc"), 3);
    ck_assert_uint_eq(framed_nearest_distance("idle", "idle"), 0);
    ck_assert_uint_eq(framed_nearest_distance("idel", "idle"), 1); /* swapped */
    ck_assert_uint_eq(framed_nearest_distance("ide", "idle"), 1);  /* left out */
    ck_assert_uint_eq(framed_nearest_distance("iddle", "idle"), 1);
    ck_assert_uint_eq(framed_nearest_distance("idla", "idle"), 1);
    ck_assert_uint_eq(framed_nearest_distance("max-reply", "max_reply"), 0);
    ck_assert_uint_eq(framed_nearest_distance("kitten", "sitting"), 3);
    ck_assert_uint_eq(framed_nearest_distance("123456789012345678901234567890123", "a"), SIZE_MAX);
}
END_TEST

START_TEST(only_what_is_near_is_suggested)
{
    static const char *const names[] = {"idle", "frame", "request", "write"};
    static const struct {
        const char *wanted;
        const char *best;
    } rows[] = {
        {"idel", "idle"},   {"fram", "frame"},       {"reqeust", "request"},
        {"wirte", "write"}, {"listen", NULL},        {"x", NULL},
        {"", NULL},         {"requests", "request"}, {"completely", NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct framed_nearest nearest;

        framed_nearest_init(&nearest, rows[i].wanted);
        for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
            framed_nearest_consider(&nearest, names[n]);
        if (rows[i].best)
            ck_assert_pstr_eq(nearest.best, rows[i].best);
        else
            ck_assert_msg(!nearest.best, "\"%s\" suggests %s", rows[i].wanted, nearest.best);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("units");
    TCase *units = tcase_create("units");
    TCase *suggest = tcase_create("suggest");

    tcase_add_loop_test(units, sizes_are_read, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
    tcase_add_loop_test(units, times_are_read, 0, (int)(sizeof(times) / sizeof(times[0])));
    tcase_add_loop_test(units, counts_are_read, 0, (int)(sizeof(counts) / sizeof(counts[0])));
    tcase_add_test(units, the_largest_exact_unit_is_written);
    tcase_add_test(units, what_is_written_reads_back);
    tcase_add_test(suggest, distance_counts_typing_errors);
    tcase_add_test(suggest, only_what_is_near_is_suggested);
    suite_add_tcase(suite, units);
    suite_add_tcase(suite, suggest);
    return unit_run(suite);
}
