/* The swap from one configuration to the next happens once and whole: before it no client meets the
 * new one, and none that waits is lost by it. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>

#define WAITING 5

#define SERVICE(name, max, handler)                                                                \
    "service " name " { listen = \"unix:$DIR/" name ".sock\" framing = line\n"                     \
    "workers { max = " max " } handler { " handler " } }\n"
#define OLD SERVICE("it", "2", "builtin = echo")
#define NEW SERVICE("it", "2", "command = {\"sed\", \"-u\", \"s/^/new /\"}")

/* Part of the new configuration is ready long before another part fails. */
START_TEST(nobody_meets_what_comes_to_nothing)
{
    unsigned asked = 0;

    daemon_start(OLD);
    daemon_configure(
        NEW SERVICE("other", "1", "command = {\"sh\", \"-c\", \"sleep 1; exit 1\"} settle = 9s"));
    kill(daemon_pid(), SIGHUP);
    log_wait_count(3, "event=worker-ready", "service=it");
    while (!log_has("event=reload-failed")) {
        client_once("unix:$DIR/it.sock", "line", "hello", "hello");
        asked++;
    }
    ck_assert_uint_gt(asked, 5);
    client_once("unix:$DIR/it.sock", "line", "hello", "hello");
}
END_TEST

START_TEST(everybody_meets_what_was_swapped)
{
    pid_t before[WORKERS_MAX];

    daemon_start(OLD);
    ck_assert_uint_eq(status_workers("it", before), 2);
    daemon_configure(NEW);
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    status_wait_gone(before, 2);
    for (int i = 0; i < 10; i++)
        client_once("unix:$DIR/it.sock", "line", "hello", "new hello");
}
END_TEST

/* A worker that was ready dies while another service takes its time to start: the canary, and then
 * one of all. */
START_TEST(killed_while_others_start)
{
    pid_t pids[WORKERS_MAX];

    daemon_configure(OLD SERVICE("other", "2", "command = {\"cat\"} settle = 1s"));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    log_wait("event=worker-ready", "service=it");
    ck_assert(UNTIL(status_workers("it", pids) == 1));
    kill(pids[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9");
    log_wait("event=canaries-ready");
    ck_assert(UNTIL(status_workers("it", pids) == 2));
    kill(pids[0], SIGKILL);
    log_wait_count(2, "event=worker-exit", "signal 9");
    log_wait("event=start ");
    status_wait_workers("it", 2);
    client_once("unix:$DIR/it.sock", "line", "hello", "hello");
}
END_TEST

/* One that dies again and again is no start. */
START_TEST(killed_too_often_while_others_start)
{
    pid_t pids[WORKERS_MAX];

    daemon_configure(OLD
                     "service other { listen = \"unix:$DIR/o.sock\" framing = line\n"
                     "handler { command = {\"cat\"} settle = 1m } deadlines { start = 2m } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    for (size_t died = 1; died <= 3; died++) {
        ck_assert(UNTIL(status_workers("it", pids) == 1));
        kill(pids[0], SIGKILL);
        log_wait_count(died, "event=worker-exit", "signal 9");
    }
    log_wait("event=start-failed", "do not live long enough: a worker ended: signal 9");
    ck_assert_int_eq(daemon_wait(), 1);
}
END_TEST

/* The old address goes while more clients wait there than workers serve. */
START_TEST(who_waits_where_nobody_comes_any_more)
{
    struct framed_client *clients[WAITING];
    pid_t before[WORKERS_MAX];

    daemon_start(SERVICE("it", "1", "command = {\"$HANDLERS/scripted\"}"));
    ck_assert_uint_eq(status_workers("it", before), 1);
    for (int i = 0; i < WAITING; i++) {
        clients[i] = client_open("unix:$DIR/it.sock", "line");
        client_send(clients[i], "!slow 100");
    }
    status_wait_busy("it", "handling");
    daemon_configure(SERVICE("moved", "1", "builtin = echo"));
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    for (int i = 0; i < WAITING; i++) {
        client_receive(clients[i], "slow");
        client_expect_end(clients[i]);
        framed_client_free(clients[i]);
    }
    client_once("unix:$DIR/moved.sock", "line", "hello", "hello");
    status_wait_gone(before, 1);
}
END_TEST

/* Let in and told to leave in one breath: who waits is served all the same. */
START_TEST(stopped_before_it_was_let_in)
{
    struct framed_client *clients[WAITING];
    pid_t before[WORKERS_MAX], pids[WORKERS_MAX];

    daemon_start(SERVICE("it", "1", "builtin = echo"));
    ck_assert_uint_eq(status_workers("it", before), 1);
    daemon_configure(SERVICE("it", "1", "builtin = echo")
                         SERVICE("other", "1", "command = {\"cat\"} settle = 1s"));
    kill(daemon_pid(), SIGHUP);
    ck_assert(UNTIL(status_workers("it", pids) == 2));
    for (int i = 0; i < 2; i++)
        if (pids[i] != before[0])
            kill(pids[i], SIGSTOP);
    log_wait("event=reloaded");
    status_wait_gone(before, 1);
    for (int i = 0; i < WAITING; i++) {
        clients[i] = client_open("unix:$DIR/it.sock", "line");
        client_send(clients[i], "hello");
    }
    kill(daemon_pid(), SIGTERM);
    log_wait("event=stop ");
    for (int i = 0; i < 2; i++)
        if (pids[i] != before[0])
            kill(pids[i], SIGCONT);
    for (int i = 0; i < WAITING; i++) {
        client_receive(clients[i], "hello");
        framed_client_free(clients[i]);
    }
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

SUITE("swap", nobody_meets_what_comes_to_nothing, everybody_meets_what_was_swapped,
      killed_while_others_start, killed_too_often_while_others_start,
      who_waits_where_nobody_comes_any_more, stopped_before_it_was_let_in)
