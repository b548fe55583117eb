/* Orders to pools: scale, drain, resume, and the signals that say so. */
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
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE(workers, handler)                                                                  \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { " workers " }\n"                                                                    \
    "handler { " handler " } }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"
#define PROGRAM "command = {\"$DIR/program\"} settle = 50ms"

/* framectl does it, and says TEXT. */
static void order(const char *text, const char *word, const char *first, const char *second)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), word, first, second);
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_msg(strstr(output.out, text), "%s", output.out);
}

static void refused(const char *text, const char *word, const char *first, const char *second)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), word, first, second);
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, text), "%s", output.err);
}

static void reload_well(void)
{
    order("reloaded", "reload", NULL, NULL);
}

static void shows(const char *text)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, text), "%s", output.out);
}

/* How many workers of the one service have ever been started, says the answer that waits there. */
static long long started(struct framed_client *client)
{
    const void *data;
    size_t length;
    json_t *status;
    long long count;

    ck_assert_int_eq(framed_client_receive(client, &data, &length), 0);
    status = json_loadb(data, length, 0, NULL);
    count = json_integer_value(
        json_object_get(json_array_get(json_object_get(status, "services"), 0), "started"));
    json_decref(status);
    return count;
}

static long switches(void)
{
    static const char *const keys[] = {"voluntary_ctxt_switches:", NULL};

    return process_sum(daemon_pid(), "status", keys);
}

START_TEST(static_pools_have_the_size_that_was_ordered)
{
    daemon_start(SERVICE("max = 2", ECHO));
    order("from 2 to 5 workers", "scale", "it", "5");
    status_wait_workers("it", 5);
    order("from 5 to 7 workers", "scale", "it", "+2");
    status_wait_workers("it", 7);
    shows("static, 7 of 7 ready, 0/7 busy, scaled from 2;");
    order("from 7 to 1 workers", "scale", "it", "-6");
    status_wait_workers("it", 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    reload_well();
    status_wait_workers("it", 2);
    shows("0/2 busy; ");
    ck_assert_uint_eq(log_count("event=worker-exit", "killed_for=drain"), 0);
    ck_assert_uint_eq(log_count("event=scale"), 3);
}
END_TEST

/* Who looks while many start need not wait for all of them. */
START_TEST(many_are_started_a_few_at_a_time)
{
    struct framed_client *clients[2];
    long long count;

    daemon_start(SERVICE("max = 1", ECHO));
    clients[0] = client_open(daemon_control(), "u32be");
    status_wait_workers("it", 1); /* by then it is heard */
    kill(daemon_pid(), SIGSTOP);
    client_send(clients[0], "scale it 200");
    clients[1] = client_open(daemon_control(), "u32be");
    client_send(clients[1], "status");
    kill(daemon_pid(), SIGCONT);
    count = started(clients[1]);
    ck_assert_int_gt(count, 1);
    ck_assert_int_lt(count, 200);
    for (int i = 0; i < 2; i++)
        framed_client_free(clients[i]);
    log_wait_count(200, "event=worker-ready");
}
END_TEST

START_TEST(others_have_another_limit)
{
    struct framed_client *clients[4];

    daemon_start(SERVICE("mode = ondemand max = 2 idle_exit = 10s connections = 1", ECHO));
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open("unix:$DIR/x.sock", "line");
        client_send(clients[i], "hello");
    }
    status_wait_workers("it", 2);
    order("from 2 to 4 workers", "scale", "it", "4");
    for (int i = 0; i < 4; i++)
        client_receive(clients[i], "hello");
    status_wait_workers("it", 4);
    order("from 4 to 1 workers", "scale", "it", "1");
    /* Those who have an answer are let go in order, and may come again. */
    status_wait_workers("it", 1);
    for (int i = 0; i < 4; i++)
        framed_client_free(clients[i]);
    client_once("unix:$DIR/x.sock", "line", "again", "again");
}
END_TEST

START_TEST(what_is_no_size_is_refused)
{
    static const struct {
        const char *size, *told;
    } rows[] = {
        {"0", "allowed: 1 to 1024; drain"},
        {"1025", "allowed: 1 to 1024"},
        {"-2", "allowed: 1 to 1024"},
        {"+1023", "allowed: 1 to 1024"},
        {"", "SERVICE +N"},
        {"+", "SERVICE +N"},
        {"two", "SERVICE +N"},
        {"1x", "SERVICE +N"},
        {"--1", "SERVICE +N"},
        {"99999999999999999999", "SERVICE +N"},
    };
    struct output output;

    daemon_start(SERVICE("max = 2", ECHO));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        RUN(&output, FRAMECTL, "-s", daemon_control(), "--", "scale", "it", rows[i].size);
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, rows[i].told), "%s: %s", rows[i].size, output.err);
    }
    refused("no service \"at\"", "scale", "at", "1");
    refused("no service \"at\"", "drain", "at", NULL);
    refused("no service \"at\"", "resume", "at", NULL);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "scale", "it");
    ck_assert_int_eq(output.status, 2);
    ck_assert_uint_eq(log_count("event=scale"), 0);
    status_wait_workers("it", 2);
}
END_TEST

START_TEST(all_services_together_have_a_limit)
{
    daemon_start(SERVICE(
        "mode = ondemand max = 1024",
        ECHO) "service a { listen = \"unix:$DIR/a.sock\" workers { mode = ondemand max = 1024 }\n"
              "handler { builtin = echo } }\n"
              "service b { listen = \"unix:$DIR/b.sock\" workers { mode = ondemand max = 1024 }\n"
              "handler { builtin = echo } }\n"
              "service c { listen = \"unix:$DIR/c.sock\" workers { mode = ondemand max = 1000 }\n"
              "handler { builtin = echo } }\n"
              "service d { listen = \"unix:$DIR/d.sock\" workers { max = 1 }\n"
              "handler { builtin = echo } }\n");
    refused("allowed: 1 to 24", "scale", "d", "25");
    order("from 1 to 2", "scale", "d", "+1");
}
END_TEST

START_TEST(signals_take_one_step_and_stay_in_bounds)
{
    daemon_start(SERVICE("max = 2", ECHO));
    kill(daemon_pid(), SIGTTIN);
    status_wait_workers("it", 3);
    for (size_t count = 2; count >= 1; count--) {
        kill(daemon_pid(), SIGTTOU);
        status_wait_workers("it", count);
    }
    for (int i = 0; i < 200; i++)
        kill(daemon_pid(), SIGTTOU);
    log_wait("event=scale-refused", "allowed: 1 to 1024");
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    for (int i = 0; i < 200; i++)
        kill(daemon_pid(), i % 2 ? SIGTTOU : SIGTTIN);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}
END_TEST

static void scale_under(enum load_style style)
{
    static const char *const sizes[] = {"8", "2", "+3", "1", "6"};
    struct load load = {.framing = "line", .style = style, .clients = 6};

    daemon_start(SERVICE("max = 4", ECHO));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (int i = 0; i < 20; i++) {
        order("scaled", "scale", "it", sizes[i % 5]);
        load_wait(&load, 50);
    }
    load_stop_clean(&load);
    status_wait_workers("it", 6);
}

START_TEST(nothing_is_lost_by_scaling)
{
    scale_under(LOAD_CONNECTION_A_MESSAGE);
}
END_TEST

START_TEST(connections_that_stay_end_in_order)
{
    scale_under(LOAD_PERSISTENT);
}
END_TEST

START_TEST(who_comes_while_it_is_drained_waits)
{
    struct framed_client *busy;
    struct framed_client *waiting;
    pid_t pids[WORKERS_MAX];
    pid_t worker;

    /* Nor are they turned away. */
    daemon_start(SERVICE("max = 2 } overload = reject queue_timeout = 0s limits {", SCRIPTED));
    ck_assert_uint_eq(status_workers("it", pids), 2);
    busy = client_open("unix:$DIR/x.sock", "line");
    client_send(busy, "!slow 500");
    worker = status_wait_busy("it", "handling");
    order("drained", "drain", "it", NULL);
    ck_assert(!process_lives(worker));
    client_receive(busy, "slow");
    framed_client_free(busy);
    shows("static, drained, 0 of 0 ready");
    waiting = client_open("unix:$DIR/x.sock", "line");
    client_send(waiting, "when you can");
    reload_well();
    status_wait_workers("it", 0);
    shows("static, drained, 0 of 0 ready");
    ck_assert(!framed_client_ready(waiting));
    order("resumed", "resume", "it", NULL);
    client_receive(waiting, "when you can");
    framed_client_free(waiting);
    status_wait_workers("it", 2);
    ck_assert_uint_eq(log_count("event=worker-exit", "killed_for=drain"), 0);
}
END_TEST

/* Not by those who wait, and not by what a size ordered meanwhile would start. */
START_TEST(a_drained_service_is_at_rest)
{
    struct framed_client *waiting;
    long before;

    daemon_start(SERVICE("mode = ondemand max = 4 idle_exit = 1ms", ECHO));
    order("drained", "drain", "it", NULL);
    waiting = client_open("unix:$DIR/x.sock", "line");
    client_send(waiting, "patience");
    order("from 4 to 3", "scale", "it", "3");
    nap(100); /* what framectl left behind is seen to */
    before = switches();
    nap(500);
    ck_assert_int_eq(switches(), before);
    ck_assert_uint_eq(status_workers("it", (pid_t[WORKERS_MAX]){0}), 0);
    order("resumed", "resume", "it", NULL);
    client_receive(waiting, "patience");
    framed_client_free(waiting);
}
END_TEST

static void write_program(const char *text)
{
    daemon_write("program", text);
    ck_assert_int_eq(chmod(expand("$DIR/program"), 0755), 0);
}

START_TEST(resume_says_why_not)
{
    write_program("#!/bin/sh\nexec cat\n");
    daemon_start(SERVICE("max = 2", PROGRAM));
    order("drained", "drain", "it", NULL);
    write_program("#!/bin/sh\nexit 3\n");
    refused("resumed but not ready: a worker ended before it was ready", "resume", "it", NULL);
    write_program("#!/bin/sh\nexec cat\n");
    status_wait_workers("it", 2);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}
END_TEST

/* A reload tries out a handler also for a service that is drained. */
START_TEST(reload_refuses_a_bad_handler_for_a_drained_service)
{
    write_program("#!/bin/sh\nexec cat\n");
    daemon_start(SERVICE("max = 2", PROGRAM));
    order("drained", "drain", "it", NULL);
    write_program("#!/bin/sh\nexit 3\n");
    refused("it", "reload", NULL, NULL);
    shows("static, drained, 0 of 0 ready");
    write_program("#!/bin/sh\nexec cat\n");
    order("resumed", "resume", "it", NULL);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}
END_TEST

SUITE("scaling", static_pools_have_the_size_that_was_ordered, many_are_started_a_few_at_a_time,
      others_have_another_limit, what_is_no_size_is_refused, all_services_together_have_a_limit,
      signals_take_one_step_and_stay_in_bounds, nothing_is_lost_by_scaling,
      connections_that_stay_end_in_order, who_comes_while_it_is_drained_waits,
      a_drained_service_is_at_rest, resume_says_why_not,
      reload_refuses_a_bad_handler_for_a_drained_service)
