/*
 * The keeper: whoever calls is heard by a worker that is free, whatever the one before is at; more
 * have room than workers could have; and what becomes of the keeper costs those that it has, at
 * most, and nobody else.
 */
#include "support/client.h"
#include "support/crowd.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(handler, workers, more)                                                            \
    "service it { listen = \"" PLACE "\" framing = line handler { " handler " }\n"                 \
    "workers { " workers " } " more " }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"} settle = 20ms"

static void check_sums(void)
{
    status_wait_counter("it", "connections", CROWD_SIZE);
    ck_assert_int_eq(status_closed("it"), 0);
    crowd_close();
    status_wait_counter("it", "closed.client", CROWD_SIZE);
    ck_assert(UNTIL(status_counter("it", "moved_in") == status_counter("it", "moved_out")));
    ck_assert_int_eq(status_service("it", "kept"), 0);
}

static pid_t keeper(void)
{
    return (pid_t)status_service("it", "keeper");
}

static void wait_for_keeper(void)
{
    ck_assert(UNTIL(keeper() > 0 && log_count("event=keeper-ready") > 0));
}

/* Two of three workers are lost to messages that never end; the third one serves all others. */
START_TEST(slow_messages_delay_nobody)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(
        SERVICE(SCRIPTED, "max = 3 connections = 100 idle = keep", "deadlines { drain = 500ms }"));
    crowd_connect(PLACE);
    crowd_ask(0);
    raw_send_text(crowd[0], "!never\n");
    raw_send_text(crowd[1], "!never\n");
    ck_assert(UNTIL(status_in("it", "handling", pids) == 2));
    crowd_ask(2);
    crowd_ask(2);
    ck_assert_int_eq(status_closed("it"), 0);
    ck_assert_int_gt(status_counter("it", "moved_in"), CROWD_SIZE);
}
END_TEST

/* With messages that take no time nobody is moved; with slow ones everybody is. */
START_TEST(auto_learns)
{
    daemon_start(SERVICE(SCRIPTED, "max = 2 connections = 100 idle = auto", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    for (int i = 0; i < 20; i++) {
        raw_send_text(crowd[0], "!slow 30\n");
        raw_send_text(crowd[1], "!slow 30\n");
        raw_expect_text(crowd[0], "slow\n");
        raw_expect_text(crowd[1], "slow\n");
    }
    crowd_ask(2);
    ck_assert_int_gt(status_service("it", "kept"), CROWD_SIZE / 2);
    check_sums();
}
END_TEST

START_TEST(quick_ones_stay)
{
    long long moved;

    daemon_start(SERVICE(ECHO, "max = 2 connections = 100", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    moved = status_counter("it", "moved_in"); /* so that each has its share */
    crowd_ask(0);
    ck_assert_int_eq(status_counter("it", "moved_in"), moved);
    ck_assert_int_eq(status_service("it", "held"), CROWD_SIZE);
    check_sums();
}
END_TEST

/* Nor do those of a program that is quick; which one is, a busy machine decides. */
START_TEST(quick_ones_of_a_program_stay)
{
    long long moved;

    daemon_start(SERVICE(SCRIPTED, "max = 2", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    moved = status_counter("it", "moved_in");
    for (int i = 0; i < 5; i++)
        crowd_ask(0);
    if (status_latency("it", "p99") < 200)
        ck_assert_int_eq(status_counter("it", "moved_in"), moved);
    else
        puts("SKIP: it was not quick");
    check_sums();
}
END_TEST

/* Those for whom no worker has room. */
START_TEST(more_than_workers_have_room_for)
{
    daemon_start(SERVICE(ECHO, "max = 2 connections = 3", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    crowd_ask(0);
    /* One that made room for a caller whom the other worker took has one less. */
    ck_assert_int_le(status_service("it", "held"), 6);
    ck_assert_int_ge(status_service("it", "held"), 4);
    ck_assert_int_eq(status_service("it", "held") + status_service("it", "kept"), CROWD_SIZE);
    check_sums();
}
END_TEST

/* A pool without workers has connections, and has a worker again when one of them calls. */
START_TEST(nobody_works_and_all_are_kept)
{
    daemon_start(SERVICE(ECHO, "max = 2 mode = ondemand idle_exit = 10ms connections = 100", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    status_wait_workers("it", 0);
    ck_assert(UNTIL(status_service("it", "kept") == CROWD_SIZE));
    crowd_ask(0);
    status_wait_workers("it", 0);
    check_sums();
}
END_TEST

/* With what they have sent of a message, and what they have of their time. */
START_TEST(reloads_and_upgrades_move_the_kept)
{
    int slow;

    daemon_start(SERVICE(ECHO, "max = 2 connections = 3", "deadlines { frame = 4s }"));
    slow = raw_connect(PLACE);
    raw_send_text(slow, "half a ");
    crowd_connect(PLACE);
    crowd_ask(0);
    for (int i = 0; i < 10; i++) {
        json_decref(control_ask("reload"));
        if (i % 3 == 0)
            crowd_ask(0);
    }
    crowd_ask(0);
    ck_assert_int_eq(status_closed("it"), 0);
    daemon_upgrade();
    crowd_ask(0);
    raw_send_text(slow, "message\n");
    raw_expect_text(slow, "half a message\n");
    raw_send_text(slow, "half a ");
    crowd_ask(0);
    daemon_upgrade();
    ck_assert_int_ne(raw_end(slow), RAW_TIMEOUT);
    status_wait_counter("it", "closed.frame", 1);
    crowd_ask(0);
    crowd_close();
    status_wait_counter("it", "closed.client", CROWD_SIZE);
    ck_assert_int_eq(log_count("event=keeper-exit", "level=warning"), 0);
}
END_TEST

START_TEST(deadlines_hold)
{
    int begun;

    daemon_start(
        SERVICE(ECHO, "max = 1 connections = 2", "deadlines { idle = 900ms frame = 400ms }"));
    begun = raw_connect(PLACE);
    raw_send_text(begun, "half of");
    crowd_connect(PLACE);
    crowd_ask(0);
    ck_assert_int_ne(raw_end(begun), RAW_TIMEOUT);
    for (size_t i = 0; i < CROWD_SIZE; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    status_wait_counter("it", "closed.idle", CROWD_SIZE);
    status_wait_counter("it", "closed.frame", 1);
    log_wait_count(CROWD_SIZE, "event=closed", "reason=idle");
}
END_TEST

/* It costs those that it had. */
START_TEST(keeper_that_dies)
{
    pid_t first;
    long long kept;
    char text[64];

    daemon_start(SERVICE(ECHO, "max = 2 connections = 10", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    ck_assert(UNTIL(({
        kept = status_service("it", "kept");
        kept + status_service("it", "held") == CROWD_SIZE;
    })));
    ck_assert_int_ge(kept, CROWD_SIZE - 20);
    first = keeper();
    kill(first, SIGKILL);
    status_wait_counter("it", "closed.worker_died", kept);
    snprintf(text, sizeof(text), "connections=%lld ", kept);
    log_wait("event=keeper-exit", "level=warning", text);
    ck_assert(UNTIL(keeper() > 0 && keeper() != first));
    ck_assert_int_eq(status_service("it", "held"), CROWD_SIZE - kept);
    ck_assert_int_eq(status_closed("it"), kept);
    crowd_close();
    status_wait_counter("it", "closed.client", CROWD_SIZE - kept);
    crowd_connect(PLACE);
    crowd_ask(0);
    ck_assert_int_ge(status_service("it", "kept"), CROWD_SIZE - 20);
}
END_TEST

/* Whoever calls meanwhile waits for its end. */
START_TEST(keeper_that_is_stopped)
{
    daemon_start(SERVICE(ECHO, "max = 2 connections = 10", ""));
    wait_for_keeper();
    kill(keeper(), SIGSTOP);
    log_wait("event=keeper-exit", "killed_for=stopped");
    crowd_connect(PLACE);
    crowd_ask(0);
    check_sums();
}
END_TEST

/* While it does not take any, workers serve those that they have, and nobody else; a reload waits.
 */
START_TEST(keeper_that_is_not_there)
{
    pid_t stopped;

    daemon_start(SERVICE(ECHO, "max = 1 connections = 10", ""));
    wait_for_keeper();
    stopped = keeper();
    kill(stopped, SIGSTOP);
    for (size_t i = 0; i < CROWD_SIZE / 2; i++) {
        crowd[i] = raw_connect(PLACE);
        raw_send_text(crowd[i], "x\n");
        raw_expect_text(crowd[i], "x\n");
    }
    ck_assert(UNTIL(keeper() > 0 && keeper() != stopped));
    for (size_t i = 0; i < CROWD_SIZE / 2; i++) {
        raw_send_text(crowd[i], "y\n");
        raw_expect_text(crowd[i], "y\n");
        close(crowd[i]);
    }
    ck_assert_int_eq(status_closed("it") - status_counter("it", "closed.client"), 0);
}
END_TEST

START_TEST(drained_service_closes_them)
{
    daemon_start(SERVICE(ECHO, "max = 1 connections = 3", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    json_decref(control_ask("drain it"));
    for (size_t i = 0; i < CROWD_SIZE; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    status_wait_counter("it", "closed.drain", CROWD_SIZE);
    crowd_close();
    ck_assert(UNTIL(keeper() == 0));
    json_decref(control_ask("resume it"));
    crowd_connect(PLACE);
    crowd_ask(0);
    crowd_close();
    status_wait_counter("it", "closed.client", CROWD_SIZE);
}
END_TEST

START_TEST(stop_closes_them)
{
    daemon_start(SERVICE(ECHO, "max = 1 connections = 3", "deadlines { linger = 200ms }"));
    crowd_connect(PLACE);
    crowd_ask(0);
    kill(daemon_pid(), SIGTERM);
    for (size_t i = 0; i < CROWD_SIZE; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

START_TEST(sticky_connections_stay)
{
    daemon_start(SERVICE(SCRIPTED, "max = 2 connections = 100 idle = keep sticky = yes", ""));
    crowd_connect(PLACE);
    crowd_ask(0);
    crowd_ask(0);
    ck_assert_int_eq(status_counter("it", "moved_out"), 0);
    ck_assert_int_eq(keeper(), 0);
    json_decref(control_ask("reload"));
    for (size_t i = 0; i < CROWD_SIZE; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    ck_assert_int_eq(status_counter("it", "moved_out"), 0);
}
END_TEST

/* Keeper and workers are killed while all are on the move: each costs what it has, at most. */
START_TEST(deaths_amid_moves)
{
    long long lost = 0;
    long long deaths = 0;
    pid_t pids[WORKERS_MAX];

    daemon_start(SERVICE(ECHO, "max = 3 connections = 5 idle = keep", ""));
    crowd_connect(PLACE);
    for (int round = 0; round < 30; round++) {
        size_t count = status_workers("it", pids);
        pid_t victim = round % 2 || count == 0 ? keeper() : pids[(size_t)round % count];

        for (size_t i = 0; i < CROWD_SIZE; i++)
            send(crowd[i], "x\n", 2, MSG_NOSIGNAL);
        if (round % 3 == 0)
            kill(daemon_pid(), SIGHUP);
        if (round % 5 == 0 && victim > 0 && kill(victim, SIGKILL) == 0)
            deaths++;
        for (size_t i = 0; i < CROWD_SIZE; i++) {
            struct pollfd client = {.fd = crowd[i], .events = POLLIN};
            char reply[2];

            if (poll(&client, 1, BOUND_MS) == 1 && recv(crowd[i], reply, 2, MSG_WAITALL) == 2)
                continue;
            lost++;
            close(crowd[i]);
            crowd[i] = raw_connect(PLACE);
        }
    }
    crowd_close();
    ck_assert_msg(UNTIL(llabs(status_counter("it", "connections") - status_closed("it")) <= deaths),
                  "%lld connections, %lld closed, %lld moved out, %lld in; %lld lost",
                  status_counter("it", "connections"), status_closed("it"),
                  status_counter("it", "moved_out"), status_counter("it", "moved_in"), lost);
    printf("%lld were lost with %lld deaths\n", lost, deaths);
}
END_TEST

SUITE("keeping", slow_messages_delay_nobody, auto_learns, quick_ones_stay,
      quick_ones_of_a_program_stay, more_than_workers_have_room_for, nobody_works_and_all_are_kept,
      reloads_and_upgrades_move_the_kept, deadlines_hold, keeper_that_dies, keeper_that_is_stopped,
      keeper_that_is_not_there, drained_service_closes_them, stop_closes_them,
      sticky_connections_stay, deaths_amid_moves)
