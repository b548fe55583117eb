/* Clients of the codec record outlive their workers: the handler hears that they have moved, and
 * the next one that they are there. */
#include "records.h"

#include "support/load.h"

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

/* The number that FD has in the log, as the handler knows it; it is BEFORE, unless that is "". */
static void check_number(int fd, char before[32])
{
    char text[512];
    const char *number;
    size_t length = 0;

    raw_send_text(fd, "!who\n");
    while (length < sizeof(text) - 1 && read(fd, text + length, 1) == 1 && text[length] != '\n')
        length++;
    text[length] = '\0';
    number = strstr(text, "FRAMED_CONNECTION=");
    ck_assert_msg(number != NULL, "%s", text);
    number += strlen("FRAMED_CONNECTION=");
    if (*before)
        ck_assert_uint_eq(strspn(number, "0123456789"), strlen(before));
    ck_assert_int_eq(strncmp(number, before, strlen(before)), 0);
    snprintf(before, 32, "%.*s", (int)strspn(number, "0123456789"), number);
}

/* ACT, which has the worker leave; the client stays the same, and its handler is another. */
static void move_by(void (*act)(void))
{
    char number[32] = "";
    int fd, pid;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    check_number(fd, number);
    pid = records_pid(fd);
    act();
    check_number(fd, number);
    ck_assert_int_ne(records_pid(fd), pid);
    log_wait("close 1 moved");
    close(fd);
    log_wait("close 0");
    status_wait_counter("it", "closed.client", 1);
    ck_assert_int_eq(status_closed("it"), 1);
}

START_TEST(reload_moves_them)
{
    move_by(reload_well);
}
END_TEST

START_TEST(upgrade_moves_them)
{
    move_by(daemon_upgrade);
}
END_TEST

/* The next handler knows it at once, and has it to push to, though it says nothing. */
START_TEST(silent_ones_are_opened)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    status_wait_busy("it", "reading");
    reload_well();
    status_wait_counter("it", "moved_in", 2); /* the keeper, and the new worker */
    ck_assert_int_eq(status_service("it", "kept"), 0);
    log_wait("close 1 moved");
    close(fd);
    log_wait("close 0");
}
END_TEST

/* A message that has begun to come is whole with the next one; so is the first one of all. */
START_TEST(parts_go_along)
{
    int fd, other;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "one\ntw");
    raw_expect_text(fd, "one\n");
    status_wait_busy("it", "receiving");
    reload_well();
    raw_send_text(fd, "o\n");
    raw_expect_text(fd, "two\n");
    close(fd);
    other = records_connect();
    reload_well();
    raw_send_text(other, "three\n");
    raw_expect_text(other, "three\n");
    close(other);
    status_wait_counter("it", "closed.client", 2);
    ck_assert_int_eq(status_closed("it"), 2);
}
END_TEST

/* All that was asked is answered by the one, what comes meanwhile by the other, in its order. */
START_TEST(requests_in_flight_are_answered)
{
    int fd, pid;

    daemon_start(RECORDS("window = 8", ""));
    fd = records_connect();
    pid = records_pid(fd);
    raw_send_text(fd, "!after 500\n!after 1\na\n");
    status_wait_busy("it", "handling");
    reload_well();
    raw_send_text(fd, "b\nc\n");
    ck_assert_int_eq(log_count("moved"), 0);
    raw_expect_text(fd, "500\n1\na\nb\nc\n");
    ck_assert_int_ne(records_pid(fd), pid);
    close(fd);
    status_wait_counter("it", "closed.client", 1);
    ck_assert_int_eq(status_closed("it"), 1);
    ck_assert_int_eq(status_counter("it", "messages"), 7);
}
END_TEST

/* One that asks and asks has to stop, too. */
START_TEST(busy_ones_move)
{
    struct load load = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 3};

    daemon_start(RECORDS("window = 8", ""));
    json_decref(control_ask("scale it 3"));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (int i = 0; i < 10; i++) {
        load_wait(&load, 100);
        reload_well();
    }
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_int_gt(status_counter("it", "moved_in"), 10);
}
END_TEST

SUITE("records moves", reload_moves_them, upgrade_moves_them, silent_ones_are_opened,
      parts_go_along, requests_in_flight_are_answered, busy_ones_move)
