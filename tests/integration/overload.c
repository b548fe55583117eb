/* More clients than workers: those who come too many wait, or are told so. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(keys, workers)                                                                     \
    "service it { listen = \"" PLACE "\" framing = line " keys "\n"                                \
    "workers { connections = 1 " workers " } handler { builtin = echo } }\n"
#define AT_ONCE "overload = reject queue_timeout = 0s busy_reply = busy"
#define CROWD 200
#define REQUEST_BYTES 300000

/* Of the only service. */
static long long service_number(const char *key)
{
    json_t *status = control_ask("status");
    const json_t *service = json_array_get(json_object_get(status, "services"), 0);
    const json_t *value = json_object_get(service, key);
    long long number = json_is_integer(value) ? json_integer_value(value) : -1;

    json_decref(status);
    return number;
}

static pid_t usher(void)
{
    return (pid_t)service_number("usher");
}

/* They keep their workers until they are let go. */
static void hold(struct framed_client **clients, size_t count, const char *address,
                 const char *framing)
{
    for (size_t i = 0; i < count; i++) {
        clients[i] = client_open(address, framing);
        client_expect(clients[i], "hello", "hello");
    }
}

static void let_go(struct framed_client **clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        framed_client_free(clients[i]);
}

/* One more is told BUSY, whatever it is sending, and closed in order. */
static void check_rejected(const char *address, const char *busy, size_t length)
{
    static char request[REQUEST_BYTES];
    int fd = raw_connect(address);

    memset(request, 'x', sizeof(request));
    raw_send(fd, request, sizeof(request));
    raw_expect(fd, busy, length);
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}

#define WIRE(name, address, framing)                                                               \
    "service " name " { listen = \"" address "\" framing = " framing " " AT_ONCE "\n"              \
    "workers { max = 2 connections = 1 } handler { builtin = echo } }\n"

START_TEST(who_is_too_many_is_told_at_once)
{
    static const struct {
        const char *service;
        const char *framing;
        const char *busy;
        size_t length;
    } wires[] = {
        {"ul", "line", "busy\n", 5},
        {"uu", "u32be", "\0\0\0\4busy", 8},
        {"tl", "line", "busy\n", 5},
        {"tu", "u32be", "\0\0\0\4busy", 8},
    };

    daemon_start(WIRE("ul", "unix:$DIR/ul.sock", "line") WIRE("uu", "unix:$DIR/uu.sock", "u32be")
                     WIRE("tl", "tcp:127.0.0.1:0", "line") WIRE("tu", "tcp:127.0.0.1:0", "u32be"));
    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        const char *service = wires[i].service;
        struct framed_client *held[2];
        char address[256];
        uint64_t before;

        snprintf(address, sizeof(address), "%s", daemon_address(service, 0));
        hold(held, 2, address, wires[i].framing);
        before = now_ms();
        for (int n = 0; n < 3; n++)
            check_rejected(address, wires[i].busy, wires[i].length);
        ck_assert_uint_lt(now_ms() - before, 3000);
        let_go(held, 2);
        status_wait_counter(service, "closed.client", 2);
        client_once(address, wires[i].framing, "after", "after");
        status_wait_counter(service, "closed.client", 3);
        status_wait_counter(service, "closed.rejected", 3);
        ck_assert_int_eq(status_counter(service, "connections"), 6);
        log_wait("event=rejected", "service=", service, "connections=");
    }
}
END_TEST

START_TEST(who_is_too_many_may_wait_for_a_while)
{
    struct framed_client *held[2];
    uint64_t before;

    daemon_start(SERVICE("overload = reject queue_timeout = 400ms busy_reply = busy", "max = 2"));
    hold(held, 2, PLACE, "line");
    before = now_ms();
    check_rejected(PLACE, "busy\n", 5);
    ck_assert_uint_ge(now_ms() - before, 400);
    ck_assert_uint_lt(now_ms() - before, 5000);
    let_go(held, 2);
}
END_TEST

/* Who came later is not turned away together with who came first. */
START_TEST(each_waits_for_its_own_time)
{
    struct framed_client *held[1];
    int fds[2];
    uint64_t since[2];

    daemon_start(SERVICE("overload = reject queue_timeout = 600ms busy_reply = busy", "max = 1"));
    hold(held, 1, PLACE, "line");
    for (int i = 0; i < 2; i++) {
        since[i] = now_ms();
        fds[i] = raw_connect(PLACE);
        nap(i == 0 ? 400 : 0);
    }
    for (int i = 0; i < 2; i++) {
        raw_expect_text(fds[i], "busy\n");
        ck_assert_uint_ge(now_ms() - since[i], 600);
        close(fds[i]);
    }
    let_go(held, 1);
}
END_TEST

START_TEST(nobody_is_rejected_whom_a_worker_takes_in_time)
{
    struct framed_client *held[2];
    struct framed_client *third;

    daemon_start(SERVICE("overload = reject queue_timeout = 10s", "max = 2"));
    hold(held, 2, PLACE, "line");
    third = client_open(PLACE, "line");
    client_send(third, "patience");
    ck_assert(UNTIL(service_number("queue_ms") > 300));
    ck_assert_int_eq(service_number("queue"), 1);
    let_go(held, 1);
    client_receive(third, "patience");
    framed_client_free(third);
    let_go(held + 1, 1);
    ck_assert_int_eq(service_number("rejected"), 0);
}
END_TEST

START_TEST(without_a_reply_the_close_is_in_order)
{
    struct framed_client *held[1];

    daemon_start(SERVICE("overload = reject queue_timeout = 0s", "max = 1"));
    hold(held, 1, PLACE, "line");
    for (int i = 0; i < 3; i++)
        check_rejected(PLACE, "", 0);
    let_go(held, 1);
}
END_TEST

static long switches(void)
{
    static const char *const keys[] = {"voluntary_ctxt_switches:", NULL};

    return process_sum(daemon_pid(), "status", keys);
}

static bool sleeps(void)
{
    long before = switches();

    nap(1300); /* longer than a look at the queue is ever put off */
    return switches() == before;
}

static void shows(const char *text)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, text), "%s", output.out);
}

START_TEST(who_waits_for_long_is_told_of_and_served_in_the_end)
{
    struct framed_client *held[2];
    struct framed_client *waiting[3];
    long before;

    daemon_start(SERVICE("", "max = 2"));
    ck_assert_int_eq(usher(), 0);
    hold(held, 2, PLACE, "line");
    for (int i = 0; i < 3; i++) {
        waiting[i] = client_open(PLACE, "line");
        client_send(waiting[i], "patience");
    }
    before = switches();
    log_wait("level=warning event=overload ", "service=it", "waiting=3", "workers=2");
    ck_assert_int_le(switches() - before, 10);
    shows("  queue     3 connections wait, the first for ");
    ck_assert_int_eq(log_count("event=overload-over"), 0);
    let_go(held, 2);
    for (int i = 0; i < 3; i++) {
        client_receive(waiting[i], "patience");
        framed_client_free(waiting[i]);
    }
    log_wait("event=overload-over", "service=it", "most_waiting=3", "lasted_ms=", "longest_ms=");
    ck_assert_int_eq(log_count("event=overload "), 1);
    ck_assert_msg(sleeps() || sleeps() || sleeps(), "the master is awake at rest");
}
END_TEST

/* Takes one line, of five bytes: TEXT or BUSY; or neither. */
static bool is_answered(int fd, const char *text, bool *busy)
{
    char line[5] = "";
    ssize_t got = recv(fd, line, sizeof(line), MSG_WAITALL);

    *busy = got == 5 && memcmp(line, "busy\n", 5) == 0;
    return *busy || (got == 5 && memcmp(line, text, 5) == 0);
}

START_TEST(of_a_crowd_each_is_served_or_told)
{
    int fds[CROWD];
    long long rejected = 0;
    bool busy;

    daemon_start(
        "service it { listen = \"" PLACE "\" framing = line " AT_ONCE "\n"
        "workers { max = 2 connections = 1 } handler { command = {\"$HANDLERS/scripted\"} } }\n");
    for (int i = 0; i < CROWD; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send_text(fds[i], "!slow 10\n");
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < CROWD; i++) {
        ck_assert(is_answered(fds[i], "slow\n", &busy));
        rejected += busy;
        ck_assert_int_eq(raw_end(fds[i]), RAW_EOF);
    }
    ck_assert_int_gt(rejected, 0);
    ck_assert_int_lt(rejected, CROWD);
    status_wait_counter("it", "connections", CROWD);
    status_wait_counter("it", "closed.rejected", rejected);
    status_wait_counter("it", "closed.client", CROWD - rejected);
    ck_assert_int_eq(status_counter("it", "replies"), CROWD - rejected);
}
END_TEST

/* Whom it had in hand it takes along; nobody hangs, and the next one goes on. */
START_TEST(an_usher_that_is_killed_is_replaced)
{
    struct framed_client *held[2];
    int fds[CROWD];
    pid_t first;
    bool busy;
    unsigned told = 0;

    daemon_start(SERVICE(AT_ONCE, "max = 2"));
    hold(held, 2, PLACE, "line");
    first = usher();
    ck_assert_int_gt(first, 0);
    for (int i = 0; i < CROWD; i++) {
        fds[i] = raw_connect(PLACE);
        if (i == CROWD / 2)
            ck_assert_int_eq(kill(first, SIGKILL), 0);
    }
    for (int i = 0; i < CROWD; i++) {
        told += is_answered(fds[i], "busy\n", &busy);
        ck_assert_int_ne(raw_end(fds[i]), RAW_TIMEOUT);
    }
    ck_assert_uint_gt(told, 0);
    log_wait("event=usher-exit", "signal 9");
    ck_assert(UNTIL(usher() > 0 && usher() != first));
    check_rejected(PLACE, "busy\n", 5);
    let_go(held, 2);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

START_TEST(an_usher_that_is_stopped_is_replaced)
{
    struct framed_client *held[1];

    daemon_start(SERVICE(AT_ONCE, "max = 1"));
    hold(held, 1, PLACE, "line");
    check_rejected(PLACE, "busy\n", 5);
    kill(usher(), SIGSTOP);
    check_rejected(PLACE, "busy\n", 5);
    log_wait("event=usher-exit", "killed_for=stopped");
    let_go(held, 1);
}
END_TEST

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

START_TEST(a_reload_changes_what_is_said_and_then_whether)
{
    struct framed_client *held[3];
    pid_t first;

    daemon_start(SERVICE(AT_ONCE, "max = 1"));
    hold(held, 1, PLACE, "line");
    check_rejected(PLACE, "busy\n", 5);
    first = usher();
    daemon_configure(SERVICE("overload = reject queue_timeout = 0s busy_reply = later", "max = 1"));
    reload_well();
    hold(held + 1, 1, PLACE, "line"); /* the new worker's */
    check_rejected(PLACE, "later\n", 6);
    ck_assert(UNTIL(!process_lives(first)));
    ck_assert_int_eq(service_number("rejected"), 2);
    daemon_configure(SERVICE("", "max = 1"));
    reload_well();
    hold(held + 2, 1, PLACE, "line");
    ck_assert_int_eq(usher(), 0);
    ck_assert_int_eq(log_count("event=usher-exit", "signal"), 0);
    let_go(held, 3);
}
END_TEST

/* As long as another worker may come, nobody is turned away. */
START_TEST(a_pool_that_can_grow_does_not_reject)
{
    struct framed_client *held[4];

    daemon_start(SERVICE(AT_ONCE, "mode = dynamic max = 4"));
    for (int i = 0; i < 4; i++)
        held[i] = client_open(PLACE, "line");
    for (int i = 0; i < 4; i++)
        client_expect(held[i], "hello", "hello");
    ck_assert_int_eq(service_number("rejected"), 0);
    check_rejected(PLACE, "busy\n", 5);
    let_go(held, 4);
}
END_TEST

START_TEST(an_usher_leaves_with_its_master)
{
    pid_t pid;

    daemon_start(SERVICE(AT_ONCE, "max = 1"));
    pid = usher();
    ck_assert(process_lives(pid));
    kill(daemon_pid(), SIGKILL);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
    daemon_check_gone();
}
END_TEST

START_TEST(a_backlog_that_the_kernel_cuts_is_told)
{
    char *limit = read_whole("/proc/sys/net/core/somaxconn");
    size_t expected = limit && strtoul(limit, NULL, 10) < 65535;

    daemon_start("service it { listen = {\"" PLACE "\", \"tcp:127.0.0.1:0\"}\n"
                 "limits { backlog = 65535 } handler { builtin = echo } }\n");
    ck_assert_uint_eq(log_count("event=backlog", "configured=65535", "granted="), 2 * expected);
    free(limit);
}
END_TEST

SUITE("overload", who_is_too_many_is_told_at_once, who_is_too_many_may_wait_for_a_while,
      each_waits_for_its_own_time, nobody_is_rejected_whom_a_worker_takes_in_time,
      without_a_reply_the_close_is_in_order, who_waits_for_long_is_told_of_and_served_in_the_end,
      of_a_crowd_each_is_served_or_told, an_usher_that_is_killed_is_replaced,
      an_usher_that_is_stopped_is_replaced, a_reload_changes_what_is_said_and_then_whether,
      a_pool_that_can_grow_does_not_reject, an_usher_leaves_with_its_master,
      a_backlog_that_the_kernel_cuts_is_told)
