/* Pools that size themselves. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BURST 12

#define SERVICE(workers, handler)                                                                  \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { connections = 1 " workers " }\n"                                                    \
    "handler { " handler " } }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

static size_t workers(void)
{
    pid_t pids[WORKERS_MAX];

    return status_workers("it", pids);
}

/* So many are connected, and each was answered: each has a worker. */
static void hold(struct framed_client **clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        clients[i] = client_open("unix:$DIR/x.sock", "line");
    for (size_t i = 0; i < count; i++)
        client_expect(clients[i], "hello", "hello");
}

static void let_go(struct framed_client **clients, size_t count)
{
    for (size_t i = 0; i < count; i++)
        framed_client_free(clients[i]);
}

static long switches(void)
{
    static const char *const keys[] = {"voluntary_ctxt_switches:", NULL};

    return process_sum(daemon_pid(), "status", keys);
}

/* How often the master wakes in a second and a half. */
static long awakenings(void)
{
    long before = switches();

    nap(1500);
    return switches() - before;
}

/* Once it has looked for the last time at who may wait, the master is not woken once (but by those
 * who ask it to: none here). */
static void check_asleep(void)
{
    ck_assert(awakenings() == 0 || awakenings() == 0 || awakenings() == 0);
}

START_TEST(dynamic_grows_under_a_burst_and_shrinks_after)
{
    struct framed_client *clients[BURST];

    daemon_start(SERVICE("mode = dynamic min = 1 max = 20 spare_min = 2 spare_max = 10", ECHO));
    ck_assert_uint_eq(workers(), 2);
    check_asleep();
    hold(clients, BURST);
    ck_assert(UNTIL(workers() >= BURST + 2));
    ck_assert_uint_le(workers(), 20);
    let_go(clients, BURST);
    status_wait_workers("it", 10);
    client_once("unix:$DIR/x.sock", "line", "after", "after");
    ck_assert_int_eq(log_count("event=worker-exit", "signal"), 0);
    ck_assert_int_eq(log_count("event=worker-exit", "killed_for"), 0);
}
END_TEST

START_TEST(dynamic_stops_at_max)
{
    struct framed_client *clients[4];
    struct framed_client *fifth;

    daemon_start(SERVICE("mode = dynamic max = 4", ECHO));
    hold(clients, 4);
    ck_assert_uint_eq(workers(), 4);
    fifth = client_open("unix:$DIR/x.sock", "line");
    client_send(fifth, "patience");
    ck_assert_int_le(awakenings(), 3); /* to see how long it waits */
    ck_assert_uint_eq(workers(), 4);
    let_go(clients, 1);
    client_receive(fifth, "patience");
    framed_client_free(fifth);
    let_go(clients + 1, 3);
}
END_TEST

START_TEST(dynamic_replaces_who_dies_and_goes_on)
{
    pid_t pids[WORKERS_MAX];
    struct load load = {.framing = "line", .style = LOAD_CONNECTION_A_MESSAGE, .clients = 6};

    daemon_start(SERVICE("mode = dynamic min = 2 max = 8 spare_min = 2", ECHO));
    ck_assert_uint_eq(status_workers("it", pids), 2);
    kill(pids[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9");
    status_wait_workers("it", 2);
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    load_wait(&load, 2000);
    load_stop_clean(&load);
}
END_TEST

/* They go soon after another: that one leaves is no news to those who are idle. */
START_TEST(ondemand_starts_from_none_serves_and_goes_back)
{
    struct framed_client *clients[BURST];

    daemon_start(SERVICE("mode = ondemand max = 20 idle_exit = 1500ms", SCRIPTED));
    ck_assert_uint_eq(workers(), 1); /* it has shown that the handler works */
    status_wait_workers("it", 0);
    check_asleep();
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_uint_le(workers(), 1);
    hold(clients, BURST);
    ck_assert_uint_ge(workers(), BURST);
    let_go(clients, BURST);
    status_wait_workers("it", 0);
    client_once("unix:$DIR/x.sock", "line", "again", "again");
    ck_assert_int_eq(log_count("event=worker-exit", "signal"), 0);
    ck_assert_int_eq(log_count("event=worker-exit", "killed_for"), 0);
}
END_TEST

/* A second client is not kept waiting by the first. */
START_TEST(ondemand_starts_another_while_one_is_busy)
{
    struct framed_client *first;
    struct framed_client *second;
    uint64_t before;

    daemon_start(SERVICE("mode = ondemand max = 2", SCRIPTED));
    first = client_open("unix:$DIR/x.sock", "line");
    before = now_ms();
    client_send(first, "!slow 3000");
    status_wait_busy("it", "handling");
    second = client_open("unix:$DIR/x.sock", "line");
    client_expect(second, "quick", "quick");
    ck_assert_uint_lt(now_ms() - before, 2500);
    client_receive(first, "slow");
    framed_client_free(first);
    framed_client_free(second);
}
END_TEST

START_TEST(ondemand_loses_nobody_while_workers_come_and_go)
{
    struct load load = {.framing = "line", .style = LOAD_CONNECTION_A_MESSAGE, .clients = 4};

    daemon_start(SERVICE("mode = ondemand max = 8 idle_exit = 1ms", ECHO));
    for (int round = 0; round < 3; round++) {
        load.address = expand("unix:$DIR/x.sock");
        load.stop = false;
        load_start(&load);
        load_wait(&load, 1000);
        load_stop_clean(&load);
        status_wait_workers("it", 0);
    }
}
END_TEST

/* Wherever it is that somebody waits, and also after a reload. */
START_TEST(ondemand_hears_every_listener)
{
    char tcp[128];

    daemon_start(
        "service it { listen = {\"unix:$DIR/x.sock\", \"tcp:127.0.0.1:0\"} framing = line\n"
        "workers { mode = ondemand idle_exit = 1ms } handler { builtin = echo } }\n");
    snprintf(tcp, sizeof(tcp), "%s", daemon_address("it", 1));
    for (int i = 0; i < 2; i++) {
        status_wait_workers("it", 0);
        client_once("unix:$DIR/x.sock", "line", "hello", "hello");
        status_wait_workers("it", 0);
        client_once(tcp, "line", "hello", "hello");
        reload_well();
    }
}
END_TEST

/* One that is idle and does not move does not keep others from being started. */
START_TEST(ondemand_does_not_wait_for_one_that_is_stopped)
{
    pid_t pids[WORKERS_MAX];
    uint64_t before;

    daemon_start(SERVICE("mode = ondemand max = 2", ECHO));
    ck_assert_uint_eq(status_workers("it", pids), 1);
    kill(pids[0], SIGSTOP);
    ck_assert(UNTIL(process_state(pids[0]) == 'T'));
    before = now_ms();
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_uint_lt(now_ms() - before, 10000);
    kill(pids[0], SIGCONT);
}
END_TEST

START_TEST(reload_refuses_a_bad_handler_while_there_is_no_worker)
{
    struct output output;

    daemon_start(SERVICE("mode = ondemand idle_exit = 1ms", SCRIPTED));
    status_wait_workers("it", 0);
    daemon_configure(
        SERVICE("mode = ondemand idle_exit = 1ms",
                "command = {\"$HANDLERS/scripted\", \"--fail\", \"no luck\"} settle = 5s"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    client_once("unix:$DIR/x.sock", "line", "still", "still");
}
END_TEST

START_TEST(reload_goes_on_from_the_size_that_was)
{
    struct framed_client *clients[BURST];
    pid_t pids[WORKERS_MAX];

    daemon_start(SERVICE("mode = dynamic max = 20 spare_max = 20", ECHO));
    hold(clients, BURST);
    ck_assert(UNTIL(workers() > BURST));
    daemon_configure(SERVICE("mode = dynamic max = 20 spare_min = 3 spare_max = 20", ECHO));
    reload_well();
    ck_assert_uint_gt(status_workers("it", pids), BURST);
    daemon_configure(SERVICE("mode = ondemand max = 5", ECHO));
    reload_well();
    ck_assert_uint_eq(workers(), 5);
    daemon_configure(SERVICE("max = 3", ECHO));
    reload_well();
    ck_assert_uint_eq(workers(), 3);
    let_go(clients, BURST);
    check_asleep();
}
END_TEST

static void shows(const char *text)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, text), "%s", output.out);
}

START_TEST(status_shows_mode_and_limit)
{
    struct framed_client *client;

    daemon_start(SERVICE("mode = ondemand max = 7", ECHO));
    client = client_open("unix:$DIR/x.sock", "line");
    client_expect(client, "hello", "hello");
    shows("ondemand, 1 of 1 ready, 1/7 busy");
    framed_client_free(client);
}
END_TEST

SUITE("pools", dynamic_grows_under_a_burst_and_shrinks_after, dynamic_stops_at_max,
      dynamic_replaces_who_dies_and_goes_on, ondemand_starts_from_none_serves_and_goes_back,
      ondemand_starts_another_while_one_is_busy, ondemand_loses_nobody_while_workers_come_and_go,
      ondemand_does_not_wait_for_one_that_is_stopped, ondemand_hears_every_listener,
      reload_refuses_a_bad_handler_while_there_is_no_worker, reload_goes_on_from_the_size_that_was,
      status_shows_mode_and_limit)
