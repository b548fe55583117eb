/* Workers that leave: unasked, which is a crash by any status; and asked by hand, at any moment. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

#define SERVICE(handler)                                                                           \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"              \
    "handler { " handler " } deadlines { request = 10s } }\n"
#define COMMAND "command = {\"$HANDLERS/scripted\"}"
#define MODULE "module = \"$HANDLERS/stuck.so\""

/* The limit: some at once, then ten a second (see daemon/master/pool.h). */
#define STORM_MS 1500
#define STARTS_AT_ONCE 5
#define COST_MS 100

START_TEST(exit_unasked_is_a_crash)
{
    uint64_t began;
    size_t exits = 0;

    daemon_start(SERVICE(MODULE));
    began = now_ms();
    for (; now_ms() - began < STORM_MS; exits++) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send_text(fd, "!exit\n");
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    }
    log_wait_count(exits, "event=worker-exit", "level=warning", "exit status 0");
    ck_assert_uint_le(exits, STARTS_AT_ONCE + (now_ms() - began) / COST_MS);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
}
END_TEST

static void *poison(void *stop)
{
    while (!*(atomic_bool *)stop) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send_text(fd, "!exit\n");
        raw_end(fd);
    }
    return NULL;
}

/* A client whose messages end each worker that it meets, over and over: others are served. A worker
 * that has several would take those along. */
START_TEST(crashes_by_messages_leave_room_for_others)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 3};
    atomic_bool stop = false;
    pthread_t thread;
    uint64_t began;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                 "workers { max = 4 connections = 1 } handler { " MODULE " } }\n");
    load.address = expand("unix:$DIR/x.sock");
    ck_assert_int_eq(pthread_create(&thread, NULL, poison, &stop), 0);
    load_start(&load);
    began = now_ms();
    log_wait_count(20, "event=worker-exit", "level=warning");
    load_wait(&load, 20);
    ck_assert_uint_ge(load.answered * 1000 / (now_ms() - began), 5);
    stop = true;
    pthread_join(thread, NULL);
    load_stop_clean(&load);
}
END_TEST

/* SIGTERM to the worker while MESSAGE is in its handler: REPLY, the end, and a new worker. */
static void leave_in_a_message(const char *config, const char *message, const char *reply)
{
    struct framed_client *client;
    pid_t worker;

    daemon_start(config);
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, message);
    worker = status_wait_busy("it", "handling");
    ck_assert(UNTIL(process_state(worker) == 'S'));
    ck_assert_int_eq(kill(worker, SIGTERM), 0);
    client_receive(client, reply);
    client_expect_end(client);
    framed_client_free(client);
    status_wait_gone(&worker, 1);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    log_wait("event=worker-exit", "level=info", "exit status 0");
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
}

START_TEST(told_in_a_command)
{
    leave_in_a_message(SERVICE(COMMAND), "!slow 300", "slow");
}
END_TEST

START_TEST(told_in_a_module)
{
    leave_in_a_message(SERVICE(MODULE), "!pause", "paused");
}
END_TEST

/* The connection ends with the message: what was told in it is still known when there is no client
 * any more. */
START_TEST(told_in_the_last_message)
{
    leave_in_a_message(SERVICE(MODULE), "!pause, hang up", "paused");
}
END_TEST

SUITE("leaving", exit_unasked_is_a_crash, crashes_by_messages_leave_room_for_others,
      told_in_a_command, told_in_a_module, told_in_the_last_message)
