/* Queue policy, with a clock of the test's own; and the kernel's word on which it stands. */
#include "master/depth.h"
#include "master/queue.h"

#include "unit.h"

#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define START_MS 1000000U

static struct queue queue;
static struct pressure pressure;
static const struct pressure_rules waits = {.rejects = false};

static void setup(void)
{
    queue = (struct queue){0};
    pressure = (struct pressure){0};
}

START_TEST(who_is_seen_waits_since_then)
{
    queue_see(&queue, 10, 3, START_MS);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS), 0);
    ck_assert_uint_eq(queue_older(&queue, 0, START_MS), 3);
    ck_assert_uint_eq(queue_older(&queue, 100, START_MS + 99), 0);
    ck_assert_uint_eq(queue_older(&queue, 100, START_MS + 100), 3);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + 100), 100);
}
END_TEST

/* As many come as go: the depth is the same, and those in it are others. */
START_TEST(a_queue_that_moves_is_not_an_old_one)
{
    for (unsigned i = 0; i < 100; i++) {
        queue_see(&queue, (uint64_t)i * 5, 5, START_MS + i * 100);
        ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + i * 100), 0);
        ck_assert_uint_eq(queue_older(&queue, 1, START_MS + i * 100), 0);
    }
}
END_TEST

START_TEST(a_slow_drain_tells_the_oldest_apart)
{
    queue_see(&queue, 0, 4, START_MS);
    queue_see(&queue, 1, 6, START_MS + 1000); /* numbers 5 to 7 are new */
    ck_assert_uint_eq(queue_older(&queue, 1000, START_MS + 1000), 3);
    ck_assert_uint_eq(queue_older(&queue, 1000, START_MS + 2000), 6);
    queue_see(&queue, 5, 2, START_MS + 2000);
    ck_assert_uint_eq(queue_older(&queue, 1000, START_MS + 2000), 2);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + 2000), 1000);
    queue_see(&queue, 7, 0, START_MS + 3000);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + 3000), 0);
}
END_TEST

START_TEST(an_empty_queue_forgets)
{
    queue_see(&queue, 0, 4, START_MS);
    queue_see(&queue, 3, 0, START_MS + 10); /* one died before it counted */
    queue_see(&queue, 3, 1, START_MS + 5000);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + 5000), 0);
    ck_assert_uint_eq(queue_older(&queue, 1, START_MS + 5000), 0);
}
END_TEST

/* An accept that was not counted makes one more of the old, never more than there are. */
START_TEST(a_lost_count_is_bounded_by_the_depth)
{
    queue_see(&queue, 0, 4, START_MS);
    queue_see(&queue, 2, 1, START_MS + 500);
    ck_assert_uint_eq(queue_older(&queue, 500, START_MS + 500), 1);
}
END_TEST

START_TEST(numbers_that_go_back_begin_anew)
{
    queue_see(&queue, 1000, 4, START_MS);
    queue_see(&queue, 0, 4, START_MS + 100);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS + 100), 0);
    ck_assert_uint_eq(queue_older(&queue, 0, START_MS + 100), 4);
}
END_TEST

START_TEST(a_clock_that_goes_back_is_no_wait)
{
    queue_see(&queue, 0, 4, START_MS);
    ck_assert_uint_eq(queue_longest_ms(&queue, START_MS - 100), 0);
    ck_assert_uint_eq(queue_older(&queue, 1, START_MS - 100), 0);
}
END_TEST

/* Whatever came when: what is told is never too long, and not much too short. */
START_TEST(a_thousand_looks_are_remembered_well_enough)
{
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = START_MS + i * 20;

        queue_see(&queue, 0, i + 1, now);
        ck_assert_uint_le(queue.count, QUEUE_MARKS);
        for (uint64_t age = 0; age <= i * 20; age += 200) {
            unsigned came = (unsigned)((i * 20 - age) / 20 + 1);

            ck_assert_uint_le(queue_older(&queue, age, now), came);
        }
        ck_assert_uint_eq(queue_longest_ms(&queue, now), (uint64_t)i * 20);
    }
    /* Half of them came in the first half of the time. */
    ck_assert_uint_ge(queue_older(&queue, 10000, START_MS + 20000), 400);
}
END_TEST

/* A look at a service with DEPTH in its queue, the first for LONGEST_MS. */
static enum pressure_news see(const struct pressure_rules *rules, uint64_t accepted, unsigned depth,
                              uint64_t longest_ms, uint64_t now_ms)
{
    const struct pressure_sight sight = {
        .accepted = accepted, .depth = depth, .longest_ms = longest_ms};

    return pressure_look(&pressure, rules, &sight, now_ms);
}

START_TEST(nobody_looks_at_rest)
{
    ck_assert(!pressure_is_curious(&pressure, START_MS));
    see(&waits, 0, 0, 0, START_MS);
    ck_assert(pressure.listens);
    ck_assert_uint_eq(pressure.look_ms, 0);
    pressure_knocked(&pressure, START_MS + 10);
    ck_assert(!pressure.listens);
    ck_assert(pressure_is_curious(&pressure, START_MS + 10));
}
END_TEST

START_TEST(a_busy_service_costs_one_look_a_second)
{
    unsigned looks = 0;

    pressure_knocked(&pressure, START_MS);
    for (uint64_t now = START_MS; now < START_MS + 10000; now++) {
        if (!pressure_is_curious(&pressure, now))
            continue;
        looks++;
        see(&waits, now, (unsigned)(now % 2), 0, now);
        ck_assert(!pressure.listens);
    }
    ck_assert_uint_eq(looks, 10);
    see(&waits, START_MS, 0, 0, START_MS + 10000);
    see(&waits, START_MS, 0, 0, START_MS + 11000);
    ck_assert(pressure.listens);
}
END_TEST

START_TEST(looks_when_somebody_has_waited_too_long)
{
    const struct pressure_rules patient = {.rejects = true, .limit_ms = 1000};
    const struct pressure_rules strict = {.rejects = true, .limit_ms = 0};

    see(&patient, 0, 1, 900, START_MS);
    ck_assert_uint_eq(pressure.look_ms, START_MS + 100);
    see(&patient, 0, 1, 0, START_MS);
    ck_assert_uint_eq(pressure.look_ms, START_MS + 250);
    see(&strict, 0, 1, 0, START_MS);
    ck_assert_uint_eq(pressure.look_ms, START_MS + 20);
    see(&waits, 0, 1, 600, START_MS);
    ck_assert_uint_eq(pressure.look_ms, START_MS + 400);
}
END_TEST

START_TEST(a_long_wait_is_told_once_and_its_end)
{
    ck_assert_int_eq(see(&waits, 0, 3, QUEUE_LONG_MS - 1, START_MS), PRESSURE_NONE);
    ck_assert_int_eq(see(&waits, 0, 3, QUEUE_LONG_MS, START_MS + 1), PRESSURE_LONG);
    ck_assert_int_eq(see(&waits, 0, 9, 4000, START_MS + 3001), PRESSURE_NONE);
    ck_assert_int_eq(see(&waits, 0, 2, 3000, START_MS + 4001), PRESSURE_NONE);
    ck_assert_int_eq(see(&waits, 5, 1, 100, START_MS + 5001), PRESSURE_OVER);
    ck_assert_uint_eq(pressure.deepest, 9);
    ck_assert_uint_eq(pressure.longest_ms, 4000);
    ck_assert_uint_eq(pressure.since_ms, START_MS + 1 - QUEUE_LONG_MS);
    ck_assert_int_eq(see(&waits, 6, 0, 0, START_MS + 6001), PRESSURE_NONE);
}
END_TEST

START_TEST(a_wait_that_comes_and_goes_is_told_seldom)
{
    unsigned told = 0;
    unsigned over = 0;

    for (uint64_t now = START_MS; now < START_MS + 60000; now += 1000) {
        bool is_long = now / 1000 % 2 == 0;
        enum pressure_news news =
            see(&waits, now, is_long ? 5 : 0, is_long ? QUEUE_LONG_MS : 0, now);

        told += news == PRESSURE_LONG;
        over += news == PRESSURE_OVER;
    }
    ck_assert_uint_eq(told, 6);
    ck_assert_uint_eq(over, told);
}
END_TEST

static int make_listener(const struct sockaddr *name, socklen_t length, int backlog)
{
    int fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, name, length), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

/* Five connect, two are accepted; with DIAG_FD the kernel tells the numbers. */
static void check_depth(int listener, int diag_fd, bool exact)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    struct depth depth = depth_measure(diag_fd, listener);

    ck_assert_uint_eq(depth.waiting, 0);
    ck_assert_uint_eq(depth.limit, exact ? 7 : 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&name, &length), 0);
    for (int i = 0; i < 5; i++) {
        int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, length), 0);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_ge(accept4(listener, NULL, NULL, SOCK_CLOEXEC), 0);
    ck_assert_uint_eq(depth_measure(diag_fd, listener).waiting, exact ? 3 : 1);
}

START_TEST(the_kernel_tells_how_many_wait)
{
    const struct sockaddr_in tcp = {.sin_family = AF_INET,
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr_un any = {.sun_family = AF_UNIX};
    int diag_fd = depth_open();

    check_depth(make_listener((const struct sockaddr *)&tcp, sizeof(tcp), 7), -1, true);
    if (diag_fd >= 0)
        check_depth(make_listener((const struct sockaddr *)&any, sizeof(sa_family_t), 7), diag_fd,
                    true);
    check_depth(make_listener((const struct sockaddr *)&any, sizeof(sa_family_t), 7), -1, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *marks = tcase_create("marks");
    TCase *looks = tcase_create("looks");

    tcase_add_checked_fixture(marks, setup, NULL);
    tcase_add_test(marks, who_is_seen_waits_since_then);
    tcase_add_test(marks, a_queue_that_moves_is_not_an_old_one);
    tcase_add_test(marks, a_slow_drain_tells_the_oldest_apart);
    tcase_add_test(marks, an_empty_queue_forgets);
    tcase_add_test(marks, a_lost_count_is_bounded_by_the_depth);
    tcase_add_test(marks, numbers_that_go_back_begin_anew);
    tcase_add_test(marks, a_clock_that_goes_back_is_no_wait);
    tcase_add_test(marks, a_thousand_looks_are_remembered_well_enough);
    tcase_add_test(marks, the_kernel_tells_how_many_wait);
    suite_add_tcase(suite, marks);
    tcase_add_checked_fixture(looks, setup, NULL);
    tcase_add_test(looks, nobody_looks_at_rest);
    tcase_add_test(looks, a_busy_service_costs_one_look_a_second);
    tcase_add_test(looks, looks_when_somebody_has_waited_too_long);
    tcase_add_test(looks, a_long_wait_is_told_once_and_its_end);
    tcase_add_test(looks, a_wait_that_comes_and_goes_is_told_seldom);
    suite_add_tcase(suite, looks);
    return unit_run(suite);
}
