/* The requests in flight: ids, order, what is kept, what is cancelled. */
#include "handler/record/window.h"
#include "unit.h"

#include <check.h>
#include <errno.h>
#include <string.h>

#define COUNT 4
#define KEPT_MAX 100

static struct window window;

static void setup(void)
{
    ck_assert_int_eq(window_init(&window, COUNT, KEPT_MAX), 0);
}

static void teardown(void)
{
    window_deinit(&window);
}

static const char *taken(const struct window_request *request)
{
    static char text[256];
    const uint8_t *data;
    size_t length;
    size_t at = 0;

    text[0] = '\0';
    while (window_take(request, &at, &data, &length)) {
        strncat(text, (const char *)data, length);
        strcat(text, ".");
    }
    return text;
}

START_TEST(order_is_that_of_the_requests)
{
    struct window_request *requests[COUNT];

    for (int i = 0; i < COUNT; i++) {
        ck_assert(!window_is_full(&window));
        requests[i] = window_add(&window, 7);
        ck_assert_uint_ne(requests[i]->id, 0);
    }
    ck_assert(window_is_full(&window));
    for (int i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(window.first, requests[i]);
        window_pop(&window);
        ck_assert_uint_eq(window.owed, (size_t)(COUNT - 1 - i));
    }
    ck_assert(!window_is_full(&window));
}
END_TEST

/* However often a place is used, no id is that of the one before, nor 0. */
START_TEST(ids_are_not_used_again_soon)
{
    uint32_t before = 0;
    bool good = true;

    for (long i = 0; i < (1L << 22) + 10 && good; i++) {
        uint32_t id = window_add(&window, 7)->id;

        good = id != 0 && id != before && !window_find(&window, before, 7);
        before = id;
        window_pop(&window);
    }
    ck_assert_msg(good, "%u", before);
}
END_TEST

START_TEST(only_what_is_open_is_found)
{
    struct window_request *request = window_add(&window, 7);
    uint32_t id = request->id;

    ck_assert_ptr_eq(window_find(&window, id, 7), request);
    ck_assert_ptr_null(window_find(&window, id, 8));
    ck_assert_ptr_null(window_find(&window, id + 1, 7));
    ck_assert_ptr_null(window_find(&window, id + 1024, 7));
    ck_assert_ptr_null(window_find(&window, id | 1023, 7));
    ck_assert_ptr_null(window_find(&window, 0, 0));
    request->state = WINDOW_COMPLETE;
    ck_assert_ptr_null(window_find(&window, id, 7));
    window_pop(&window);
    ck_assert_ptr_null(window_find(&window, id, 7));
}
END_TEST

START_TEST(replies_are_kept_in_order_and_bounded)
{
    struct window_request *first = window_add(&window, 7);
    struct window_request *second = window_add(&window, 7);
    static const char much[KEPT_MAX] = "";

    ck_assert_int_eq(window_keep(&window, second, "ab", 2), 0);
    ck_assert_int_eq(window_keep(&window, second, "", 0), 0);
    ck_assert_int_eq(window_keep(&window, second, "cde", 3), 0);
    ck_assert_str_eq(taken(second), "ab..cde.");
    ck_assert_str_eq(taken(first), "");
    ck_assert_uint_eq(window.kept, 5 + 3 * sizeof(uint32_t));
    ck_assert_int_eq(window_keep(&window, first, much, KEPT_MAX - window.kept - 3), -ENOBUFS);
    ck_assert_int_eq(window_keep(&window, first, much, KEPT_MAX - window.kept - 4), 0);
    /* Even empty ones cost something, so that they are bounded, too. */
    ck_assert_int_eq(window_keep(&window, second, "", 0), -ENOBUFS);
    window_drop_kept(&window, second);
    ck_assert_int_eq(window_keep(&window, second, "f", 1), 0);
    ck_assert_str_eq(taken(second), "f.");
    window_pop(&window);
    window_pop(&window);
    ck_assert_uint_eq(window.kept, 0);
}
END_TEST

/* What was answered is free at once; what was not keeps its place until it is. */
START_TEST(cancelled_ones_keep_their_place)
{
    struct window_request *open = window_add(&window, 7);
    struct window_request *complete = window_add(&window, 7);
    struct window_request *other;

    window_keep(&window, complete, "kept", 4);
    complete->state = WINDOW_COMPLETE;
    ck_assert_ptr_eq(window_cancel(&window), open);
    ck_assert_ptr_null(window_cancel(&window));
    ck_assert_uint_eq(window.owed, 0);
    ck_assert_uint_eq(window.cancelled, 1);
    ck_assert_uint_eq(window.kept, 0);
    for (int i = 0; i < COUNT - 1; i++)
        other = window_add(&window, 8);
    ck_assert(window_is_full(&window));
    ck_assert_ptr_eq(window_find(&window, open->id, 7), open);
    window_release(&window, open);
    ck_assert(!window_is_full(&window));
    ck_assert_ptr_null(window_find(&window, open->id, 7));
    ck_assert_ptr_eq(window_find(&window, other->id, 8), other);
    ck_assert_ptr_nonnull(window_cancel(&window));
    window_clear(&window);
    ck_assert_uint_eq(window.owed + window.cancelled + window.kept, 0);
    for (int i = 0; i < COUNT; i++)
        window_add(&window, 9);
    ck_assert(window_is_full(&window));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        order_is_that_of_the_requests,   ids_are_not_used_again_soon,
        only_what_is_open_is_found,      replies_are_kept_in_order_and_bounded,
        cancelled_ones_keep_their_place,
    };
    Suite *suite = suite_create("record_window");
    TCase *tcase = tcase_create("record_window");

    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
