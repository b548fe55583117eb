/* What framectl shows of a framed whose workers hang, and what it does to one of them. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO                                                                                       \
    "service echo { listen = \"tcp:127.0.0.1:0\" framing = line workers { max = 1 }\n"             \
    "handler { builtin = echo } }\n"

static json_int_t service_number(const char *key)
{
    json_t *status = control_ask("status");
    json_t *service = json_array_get(json_object_get(status, "services"), 0);
    json_int_t number = json_integer_value(json_object_get(service, key));

    json_decref(status);
    return number;
}

static json_int_t only_slot(void)
{
    json_t *status = control_ask("status");
    json_t *worker = json_array_get(json_object_get(status, "workers"), 0);
    json_int_t slot = json_integer_value(json_object_get(worker, "slot"));

    json_decref(status);
    return slot;
}

START_TEST(a_hanging_pool_is_seen_with_its_queue)
{
    pid_t pids[WORKERS_MAX];
    struct output output;
    char pid_text[16];
    int fds[3];

    daemon_start(ECHO);
    status_wait_workers("echo", 1);
    ck_assert_uint_eq(status_workers("echo", pids), 1);
    ck_assert_int_eq(kill(pids[0], SIGSTOP), 0);
    for (int i = 0; i < 3; i++)
        fds[i] = raw_connect(daemon_address("echo", 0));
    ck_assert(UNTIL(service_number("queue") == 3));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "3 connections wait"), "%s", output.out);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "workers");
    ck_assert_int_eq(output.status, 0);
    snprintf(pid_text, sizeof(pid_text), " %d ", (int)pids[0]);
    ck_assert_msg(strstr(output.out, pid_text), "%s", output.out);
    ck_assert_int_eq(kill(pids[0], SIGCONT), 0);
    for (int i = 0; i < 3; i++) {
        raw_send_text(fds[i], "it is your turn\n");
        raw_expect_text(fds[i], "it is your turn\n");
        close(fds[i]); /* the only worker is the next one's */
    }
    ck_assert(UNTIL(service_number("queue") == 0));
}
END_TEST

static const json_t *first(const json_t *status, const char *array)
{
    return json_array_get(json_object_get(status, array), 0);
}

static json_int_t number_in(const json_t *object, const char *key)
{
    ck_assert(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

/* Whom each worker serves, and what it has, though none of them moves. */
START_TEST(every_worker_hangs_and_all_is_shown)
{
    pid_t pids[WORKERS_MAX];
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    struct output output;
    char peer[64];
    json_t *status;
    int fds[2];

    daemon_start("service echo { listen = \"tcp:127.0.0.1:0\" framing = line\n"
                 "workers { max = 2 connections = 1 } handler { builtin = echo } }\n");
    for (int i = 0; i < 2; i++) {
        fds[i] = raw_connect(daemon_address("echo", 0));
        raw_send_text(fds[i], "hello\n");
        raw_expect_text(fds[i], "hello\n");
    }
    status_wait_counter("echo", "messages", 2);
    ck_assert_uint_eq(status_workers("echo", pids), 2);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(kill(pids[i], SIGSTOP), 0);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "2/2 busy"), "%s", output.out);
    ck_assert_msg(strstr(output.out, "rates     0.0 connections, 0.0 messages"), "%s", output.out);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(getsockname(fds[i], (struct sockaddr *)&name, &length), 0);
        snprintf(peer, sizeof(peer), " tcp:127.0.0.1:%u\n", ntohs(name.sin_port));
        ck_assert_msg(strstr(output.out, peer), "%s: %s", peer, output.out);
        close(fds[i]);
    }
    status = control_ask("status");
    ck_assert_int_gt(number_in(first(status, "workers"), "rss"), 100000);
    ck_assert_int_eq(number_in(first(status, "workers"), "handler_rss"), 0);
    ck_assert_int_gt(number_in(status, "monotonic_ms"), 0);
    json_decref(status);
    for (int i = 0; i < 2; i++)
        kill(pids[i], SIGCONT);
}
END_TEST

START_TEST(rates_are_those_of_the_moment)
{
    struct load load = {.framing = "line", .style = LOAD_PERSISTENT, .clients = 1};
    struct output output;
    double connections = -1;
    double messages = -1;
    const char *rates;

    daemon_start(ECHO);
    load.address = daemon_address("echo", 0);
    load_start(&load);
    load_wait(&load, 100);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    load_stop_clean(&load);
    rates = strstr(output.out, "  rates     ");
    ck_assert_msg(rates != NULL, "%s", output.out);
    ck_assert_int_eq(
        sscanf(rates, "  rates     %lf connections, %lf messages", &connections, &messages), 2);
    ck_assert_msg(connections >= 0 && connections < 5 && messages > 20, "%s", output.out);
}
END_TEST

START_TEST(the_last_error_is_shown_with_its_service)
{
    pid_t pids[WORKERS_MAX];
    struct output output;
    json_t *status;

    daemon_start(ECHO);
    ck_assert_uint_eq(status_workers("echo", pids), 1);
    kill(pids[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "s ago: a worker ended: signal 9 (Killed)"), "%s", output.out);
    status = control_ask("status");
    ck_assert_int_ge(number_in(first(status, "services"), "last_error_ago_ms"), 0);
    json_decref(status);
}
END_TEST

START_TEST(no_terminal_acts_upon_what_is_shown)
{
    struct output output;

    daemon_start("service echo { listen = \"unix:$DIR/x.sock\" framing = \"delimited:\\x1b[2J\"\n"
                 "handler { builtin = echo } }\n");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "echo: delimited:?[2J,"), "%s", output.out);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "kill-worker", "a\033[2Jb", "0");
    ck_assert_msg(strstr(output.err, "a?[2Jb"), "%s", output.err);
}
END_TEST

START_TEST(a_worker_is_killed_and_replaced)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];
    struct output output;
    char slot[24];

    daemon_start(ECHO);
    status_wait_workers("echo", 1);
    ck_assert_uint_eq(status_workers("echo", before), 1);
    ck_assert_int_eq(kill(before[0], SIGSTOP), 0);
    snprintf(slot, sizeof(slot), "%lld", (long long)only_slot());
    RUN(&output, FRAMECTL, "-s", daemon_control(), "kill-worker", "echo", slot);
    ck_assert_msg(output.status == 0, "%s", output.err);
    log_wait("event=worker-exit", "killed_for=framectl");
    status_wait_workers("echo", 1);
    ck_assert_uint_eq(status_workers("echo", after), 1);
    ck_assert_int_ne(after[0], before[0]);
    client_once(daemon_address("echo", 0), "line", "hello", "hello");
}
END_TEST

START_TEST(the_log_names_the_client_of_the_dead)
{
    char peer[64];
    struct sockaddr_in name;
    socklen_t length = sizeof(name);
    pid_t worker;
    int fd;

    daemon_start(ECHO);
    client_once(daemon_address("echo", 0), "line", "one before", "one before");
    fd = raw_connect(daemon_address("echo", 0));
    raw_send_text(fd, "hello\n");
    raw_expect_text(fd, "hello\n");
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    snprintf(peer, sizeof(peer), "peer=tcp:127.0.0.1:%u", ntohs(name.sin_port));
    worker = status_wait_busy("echo", "reading");
    kill(worker, SIGKILL);
    log_wait("event=worker-exit", "signal 9", "phase=reading", peer);
    close(fd);
    /* And names nobody where nobody was served. */
    client_once(daemon_address("echo", 0), "line", "one after", "one after");
    worker = status_wait_busy("echo", "idle");
    kill(worker, SIGKILL);
    log_wait("event=worker-exit", "signal 9", "phase=idle");
    ck_assert(!log_has("event=worker-exit", "phase=idle", "peer="));
}
END_TEST

START_TEST(who_is_not_there_is_not_killed)
{
    static const char *const rows[][2] = {{"echo", "77"},
                                          {"ech", "0"},
                                          {"echo", "-1"},
                                          {"echo", "0x0"},
                                          {"", "0"},
                                          {"echo", ""},
                                          {"echo", "99999999999999999999"}};
    struct output output;

    daemon_start(ECHO);
    status_wait_workers("echo", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        RUN(&output, FRAMECTL, "-s", daemon_control(), "--", "kill-worker", rows[i][0], rows[i][1]);
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, "allowed: "), "%s", output.err);
    }
    RUN(&output, FRAMECTL, "-s", daemon_control(), "kill-worker", "echo");
    ck_assert_int_eq(output.status, 2);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status", "echo");
    ck_assert_int_eq(output.status, 2);
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
}
END_TEST

static json_int_t latency(const char *key)
{
    json_t *status = control_ask("status");
    json_t *service = json_array_get(json_object_get(status, "services"), 0);
    json_t *latency = json_object_get(service, "latency_us");
    json_int_t number = json_integer_value(json_object_get(latency, key));

    ck_assert(json_is_integer(json_object_get(latency, key)));
    json_decref(status);
    return number;
}

START_TEST(latency_outlives_the_worker)
{
    pid_t pids[WORKERS_MAX];
    struct output output;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n");
    client_once("unix:$DIR/x.sock", "line", "!slow 100", "slow");
    for (int i = 0; i < 9; i++)
        client_once("unix:$DIR/x.sock", "line", "quick", "quick");
    ck_assert(UNTIL(latency("count") == 10));
    ck_assert_int_ge(latency("max"), 100000);
    ck_assert_int_lt(latency("p50"), latency("max"));
    ck_assert_int_eq(latency("p99"), latency("max"));
    ck_assert_uint_eq(status_workers("it", pids), 1);
    kill(pids[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9");
    ck_assert_int_eq(latency("count"), 10);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "  latency   p50 "), "%s", output.out);
}
END_TEST

START_TEST(logs_are_opened_anew)
{
    struct output output;

    daemon_start(ECHO);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "logs-reopen");
    ck_assert_msg(output.status == 0, "%s", output.err);
    log_wait("event=log-reopened");
}
END_TEST

SUITE("seeing", a_hanging_pool_is_seen_with_its_queue, every_worker_hangs_and_all_is_shown,
      rates_are_those_of_the_moment, the_last_error_is_shown_with_its_service,
      no_terminal_acts_upon_what_is_shown, a_worker_is_killed_and_replaced,
      the_log_names_the_client_of_the_dead, who_is_not_there_is_not_killed,
      latency_outlives_the_worker, logs_are_opened_anew)
