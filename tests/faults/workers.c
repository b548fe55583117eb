/* Workers that are killed, stopped or starved: nobody else notices, and they are replaced. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define ECHO(workers)                                                                              \
    "service echo { listen = \"unix:$DIR/x.sock\" workers { max = " workers " }\n"                 \
    "handler { builtin = echo } }\n"
#define KILLS 25

START_TEST(killed_while_serving)
{
    struct load load = {.style = LOAD_PERSISTENT, .framing = "u32be", .clients = 3};
    pid_t pids[WORKERS_MAX];
    pid_t victim;
    int fd;

    daemon_start(ECHO("4 connections = 1"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\0\0\0\2h");
    victim = status_wait_busy("echo", "receiving");
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    load_wait(&load, 500);
    ck_assert_int_eq(kill(victim, SIGKILL), 0);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    load_wait(&load, 500);
    status_wait_workers("echo", 4);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    log_wait("event=worker-exit", "signal 9", "phase=receiving");
    ck_assert_uint_eq(status_workers("echo", pids), 4);
    for (int i = 0; i < 4; i++)
        ck_assert_int_ne(pids[i], victim);
}
END_TEST

/* Whoever dies with a connection: as many have ended as have come. */
START_TEST(killed_ones_leave_counters_that_add_up)
{
    struct framed_client *client;

    daemon_start(ECHO("2"));
    for (int i = 1; i <= 3; i++) {
        client = client_open("unix:$DIR/x.sock", "u32be");
        client_send(client, "hello");
        client_receive(client, "hello");
        status_wait_counter("echo", "connections", i);
        ck_assert_int_eq(status_closed("echo"), i - 1);
        ck_assert_int_eq(kill(status_wait_busy("echo", "reading"), SIGKILL), 0);
        client_expect_end(client);
        framed_client_free(client);
        status_wait_counter("echo", "closed.worker_died", i);
        ck_assert_int_eq(status_closed("echo"), i);
    }
    ck_assert_int_eq(status_counter("echo", "connections"), 3);
}
END_TEST

START_TEST(all_killed_at_once)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(ECHO("4"));
    for (int round = 0; round < 3; round++) {
        ck_assert(UNTIL(status_workers("echo", pids) == 4));
        for (int i = 0; i < 4; i++)
            kill(pids[i], SIGKILL);
        client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
        log_wait_count(4 * (size_t)(round + 1), "event=worker-exit", "signal 9");
    }
    status_wait_workers("echo", 4);
}
END_TEST

/* A worker dies with at most one connection; all others are served. */
START_TEST(some_killed_while_clients_connect)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "u32be", .clients = 4};
    pid_t pids[WORKERS_MAX];
    unsigned killed = 0;

    daemon_start(ECHO("3"));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    while (killed < KILLS) {
        size_t count = status_workers("echo", pids);

        if (count > 0 && kill(pids[(killed * (size_t)7) % count], SIGKILL) == 0)
            killed++;
        load_wait(&load, 20);
    }
    load_wait(&load, 200);
    load_stop(&load);
    ck_assert_uint_eq(load.wrong, 0);
    ck_assert_msg(load.broken <= KILLS, "%lu connections broken by %d kills: %s", load.broken,
                  KILLS, load.first_trouble);
    status_wait_workers("echo", 3);
}
END_TEST

START_TEST(told_to_leave)
{
    pid_t before[WORKERS_MAX];

    daemon_start(ECHO("1"));
    ck_assert_uint_eq(status_workers("echo", before), 1);
    kill(before[0], SIGTERM);
    ck_assert(UNTIL(!process_lives(before[0])));
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    ck_assert_int_eq(log_count("event=worker-exit", "signal"), 0);
}
END_TEST

START_TEST(stopped_one_harms_nobody)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(ECHO("3"));
    ck_assert_uint_eq(status_workers("echo", pids), 3);
    kill(pids[0], SIGSTOP);
    ck_assert(UNTIL(process_state(pids[0]) == 'T'));
    for (int i = 0; i < 50; i++) {
        uint64_t began = now_ms();

        client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
        ck_assert_int_eq(status_number("pid"), daemon_pid());
        ck_assert_uint_lt(now_ms() - began, 2000);
    }
    kill(pids[0], SIGCONT);
    for (int i = 0; i < 10; i++)
        client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
}
END_TEST

/* SIGTERM to framed ends a worker that cannot obey, too. */
START_TEST(stopped_one_does_not_outlive_the_drain)
{
    pid_t pids[WORKERS_MAX];

    daemon_start("service echo { listen = \"unix:$DIR/x.sock\" handler { builtin = echo }\n"
                 "workers { max = 2 } deadlines { drain = 300ms } }\n");
    ck_assert_uint_eq(status_workers("echo", pids), 2);
    kill(pids[0], SIGSTOP);
    ck_assert(UNTIL(process_state(pids[0]) == 'T'));
    daemon_stop();
    ck_assert(log_has("event=worker-exit", "killed_for=drain"));
}
END_TEST

START_TEST(stopped_in_a_command)
{
    struct framed_client *client;
    uint64_t began;

    daemon_start(
        "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
        "handler { command = {\"$HANDLERS/scripted\"} } deadlines { request = 300ms } }\n");
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!slow 250");
    kill(status_wait_busy("it", "handling"), SIGSTOP);
    began = now_ms();
    log_wait("event=worker-exit", "phase=handling", "killed_for=stopped");
    ck_assert_uint_lt(now_ms() - began, 6000);
    framed_client_free(client);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    ck_assert_int_eq(status_counter("it", "closed.request"), 0);
}
END_TEST

/* Nobody keeps a deadline for a client whose worker is stopped, but the master. */
START_TEST(stopped_while_it_reads)
{
    pid_t worker;
    int fd;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { builtin = echo } deadlines { request = 500ms } }\n");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "well\n");
    raw_expect_text(fd, "well\n");
    worker = status_wait_busy("it", "reading");
    kill(worker, SIGSTOP);
    raw_send_text(fd, "hello?\n");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    log_wait("event=worker-exit", "killed_for=stopped");
    client_once("unix:$DIR/x.sock", "line", "well", "well");
}
END_TEST

/* Nor longer because it was about to leave. */
START_TEST(stopped_while_it_drains)
{
    uint64_t began;
    pid_t worker;
    int fd;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                 "workers { max = 1 connections = 1 } handler { builtin = echo }\n"
                 "deadlines { request = 300ms drain = 30s } }\n");
    fd = raw_connect("unix:$DIR/x.sock");
    worker = status_wait_busy("it", "reading");
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    kill(worker, SIGSTOP);
    raw_send_text(fd, "hello?\n");
    began = now_ms();
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    ck_assert_uint_lt(now_ms() - began, 10000);
    log_wait("event=worker-exit", "killed_for=stopped");
}
END_TEST

START_TEST(stopped_and_gone_on)
{
    pid_t pids[WORKERS_MAX];

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { builtin = echo } deadlines { request = 100ms } }\n");
    ck_assert_uint_eq(status_workers("it", pids), 1);
    kill(pids[0], SIGSTOP);
    ck_assert(UNTIL(process_state(pids[0]) == 'T'));
    kill(pids[0], SIGCONT);
    nap(1300); /* the time that a stopped one would have had */
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    ck_assert(process_lives(pids[0]));
}
END_TEST

START_TEST(out_of_descriptors)
{
    const struct rlimit none = {.rlim_cur = 3, .rlim_max = 1024};
    const struct rlimit enough = {.rlim_cur = 1024, .rlim_max = 1024};
    struct framed_client *client;
    pid_t pids[WORKERS_MAX];
    long before;

    daemon_start(ECHO("1"));
    ck_assert_uint_eq(status_workers("echo", pids), 1);
    ck_assert_int_eq(prlimit(pids[0], RLIMIT_NOFILE, &none, NULL), 0);
    before = process_cpu_ms(pids[0]);
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_send(client, "hello");
    log_wait_count(5, "event=accept");
    ck_assert(process_lives(pids[0]));
    ck_assert_int_lt(process_cpu_ms(pids[0]) - before, 300);
    ck_assert_uint_lt(log_count("event=accept"), 50);
    ck_assert_int_eq(prlimit(pids[0], RLIMIT_NOFILE, &enough, NULL), 0);
    client_receive(client, "hello");
    framed_client_free(client);
}
END_TEST

/* Here the control socket has nobody to accept for it. */
START_TEST(master_out_of_descriptors)
{
    struct rlimit ours, masters, workers, none;
    struct framed_client *client;
    pid_t pids[WORKERS_MAX];
    long before;

    daemon_start(ECHO("1"));
    ck_assert_uint_eq(status_workers("echo", pids), 1);
    getrlimit(RLIMIT_NOFILE, &ours);
    ck_assert_int_eq(prlimit(daemon_pid(), RLIMIT_NOFILE, NULL, &masters), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = masters.rlim_max};
    ck_assert_int_eq(prlimit(daemon_pid(), RLIMIT_NOFILE, &none, NULL), 0);
    ck_assert_int_eq(prlimit(pids[0], RLIMIT_NOFILE, NULL, &workers), 0);
    ck_assert_uint_eq(masters.rlim_cur, ours.rlim_max);
    ck_assert_uint_eq(workers.rlim_cur, ours.rlim_cur);
    before = process_cpu_ms(daemon_pid());
    client = client_open(daemon_control(), "u32be");
    client_send(client, "status");
    log_wait_count(2, "event=control-accept");
    ck_assert_int_lt(process_cpu_ms(daemon_pid()) - before, 300);
    ck_assert_uint_lt(log_count("event=control-accept"), 10);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    ck_assert_int_eq(prlimit(daemon_pid(), RLIMIT_NOFILE, &masters, NULL), 0);
    framed_client_free(client);
    status_wait_workers("echo", 1);
}
END_TEST

SUITE("workers", killed_while_serving, killed_ones_leave_counters_that_add_up, all_killed_at_once,
      some_killed_while_clients_connect, told_to_leave, stopped_one_harms_nobody,
      stopped_one_does_not_outlive_the_drain, stopped_in_a_command, stopped_while_it_reads,
      stopped_while_it_drains, stopped_and_gone_on, out_of_descriptors, master_out_of_descriptors)
