/* Handlers that misbehave: their own client is closed, and no other client ever notices. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE(workers, words, more)                                                              \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = " workers " }\n"    \
    "handler { command = {" words "} } " more " }\n"
#define SCRIPTED "\"$HANDLERS/scripted\""
#define ROUNDS 400

/* Asks for trouble, over a connection of its own: whatever comes of it, no wait without bound. */
static void ask_for(const char *text)
{
    struct framed_client *client = client_open("unix:$DIR/x.sock", "line");
    const void *data;
    size_t length;

    ck_assert_int_ne(framed_client_call(client, text, strlen(text), &data, &length), -ETIMEDOUT);
    framed_client_free(client);
}

/* Asks for trouble that has no reply: the connection ends, with REASON counted. */
static void ask_in_vain(const char *text, const char *reason)
{
    struct framed_client *client = client_open("unix:$DIR/x.sock", "line");
    char counter[64];

    client_send(client, text);
    client_expect_end(client);
    framed_client_free(client);
    client_once("unix:$DIR/x.sock", "line", "the next one", "the next one");
    snprintf(counter, sizeof(counter), "closed.%s", reason);
    status_wait_counter("it", counter, 1);
}

START_TEST(stray_lines_reach_nobody_else)
{
    static const char *const troubles[] = {"!twice", "!late 0", "!late 1", "!late 3"};
    char text[32];

    daemon_start(SERVICE("1", SCRIPTED, ""));
    for (unsigned i = 0; i < ROUNDS; i++) {
        ask_for(troubles[i % 4]);
        snprintf(text, sizeof(text), "good %u", i);
        client_once("unix:$DIR/x.sock", "line", text, text);
    }
    status_wait_counter("it", "messages", 2 * (long long)ROUNDS);
}
END_TEST

/* Nor one whom the worker has known for long. */
START_TEST(stray_lines_reach_nobody_who_is_held)
{
    static const char *const troubles[] = {"!twice", "!late 0", "!late 1", "!late 3"};
    struct framed_client *others[3];
    char text[32];

    daemon_start(SERVICE("1", SCRIPTED, ""));
    for (unsigned i = 0; i < 3; i++)
        others[i] = client_open("unix:$DIR/x.sock", "line");
    for (unsigned i = 0; i < ROUNDS; i++) {
        ask_for(troubles[i % 4]);
        snprintf(text, sizeof(text), "good %u", i);
        client_expect(others[i % 3], text, text);
    }
    for (unsigned i = 0; i < 3; i++)
        framed_client_free(others[i]);
}
END_TEST

START_TEST(stray_lines_under_load)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 4};

    daemon_start(SERVICE("3", SCRIPTED, ""));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (unsigned i = 0; i < ROUNDS; i++)
        ask_for(i % 2 ? "!twice" : "!late 2");
    load_wait(&load, 1000);
    load_stop_clean(&load);
}
END_TEST

/* Its own client, too, is closed rather than given a line too many for its next message's reply. */
START_TEST(stray_line_ends_the_connection)
{
    struct framed_client *client;
    const void *data;
    size_t length;

    daemon_start(SERVICE("1", SCRIPTED, ""));
    for (unsigned i = 0; i < 20; i++) {
        client = client_open("unix:$DIR/x.sock", "line");
        client_expect(client, "well", "well");
        if (framed_client_call(client, "!pair", 5, &data, &length) == FRAMED_OK)
            ck_assert(length == 3 && memcmp(data, "one", 3) == 0);
        client_expect_end(client);
        framed_client_free(client);
    }
    status_wait_counter("it", "closed.handler_protocol", 20);
}
END_TEST

START_TEST(dies_over_a_message)
{
    daemon_start(SERVICE("1", SCRIPTED, ""));
    ask_in_vain("!die 3", "handler_died");
}
END_TEST

START_TEST(dies_in_the_middle_of_a_reply)
{
    struct framed_client *client;

    daemon_start(SERVICE("1", SCRIPTED, ""));
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!half");
    client_expect_end(client);
    framed_client_free(client);
    client_once("unix:$DIR/x.sock", "line", "the next one", "the next one");
    log_wait("event=closed", "reason=handler_");
}
END_TEST

START_TEST(closes_its_output)
{
    daemon_start(SERVICE("1", SCRIPTED, "deadlines { request = 5s }"));
    ask_in_vain("!mute", "handler_protocol");
}
END_TEST

START_TEST(never_answers_and_ignores_term)
{
    daemon_start(SERVICE("1", SCRIPTED ", \"--deaf\"", "deadlines { request = 300ms }"));
    ask_in_vain("!never", "request");
}
END_TEST

static pid_t handler_pid(struct framed_client *client)
{
    const void *data;
    size_t length;
    char text[16] = "";

    ck_assert_int_eq(framed_client_call(client, "!pid", 4, &data, &length), FRAMED_OK);
    memcpy(text, data, length < sizeof(text) ? length : 0);
    ck_assert_int_gt((int)strtol(text, NULL, 10), 1);
    return (int)strtol(text, NULL, 10);
}

START_TEST(killed_between_messages)
{
    struct framed_client *client;
    pid_t pid;

    daemon_start(SERVICE("1", SCRIPTED, ""));
    client = client_open("unix:$DIR/x.sock", "line");
    pid = handler_pid(client);
    kill(pid, SIGKILL);
    ck_assert(UNTIL(!process_lives(pid)));
    framed_client_free(client);
    for (int i = 0; i < 20; i++)
        client_once("unix:$DIR/x.sock", "line", "well", "well");
}
END_TEST

START_TEST(killed_over_and_over_under_load)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 3};
    unsigned killed = 0;

    daemon_start(SERVICE("3", SCRIPTED, ""));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (int i = 0; i < 30; i++) {
        pid_t workers[WORKERS_MAX], handlers[8];
        size_t count = status_workers("it", workers);

        if (count > 0 && process_children(workers[(size_t)i % count], handlers, 8) > 0)
            killed += kill(handlers[0], SIGKILL) == 0;
        load_wait(&load, 20);
    }
    load_stop(&load);
    ck_assert_uint_gt(killed, 10);
    ck_assert_uint_eq(load.wrong, 0);
    ck_assert_msg(load.broken <= killed, "%lu broken by %u kills: %s", load.broken, killed,
                  load.first_trouble);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

/* While no worker has a program that answers, nobody is left without an answer, and it is not for
 * each client that programs are started. */
START_TEST(broken_in_all_workers)
{
    char *starts;

    daemon_start(SERVICE("2", "\"/bin/sh\", \"-c\", \"echo >>$DIR/starts; read x; exit 7\"", ""));
    for (int i = 0; i < 200; i++)
        ask_for("anybody?");
    ck_assert(UNTIL(status_counter("it", "closed.handler_failed") >= 100));
    starts = read_whole(expand("$DIR/starts"));
    ck_assert_uint_lt(strlen(starts), 100);
    free(starts);
}
END_TEST

/* It started once, and then no more; until somebody repairs it. */
START_TEST(cannot_start_again)
{
    pid_t workers[WORKERS_MAX];
    long before;

    daemon_write("ok", "");
    daemon_start(SERVICE("1",
                         "\"/bin/sh\", \"-c\", "
                         "\"test -e $DIR/ok && exec $HANDLERS/scripted; exit 7\"",
                         ""));
    unlink(expand("$DIR/ok"));
    ask_for("!die 1");
    for (int i = 0; i < 10; i++) {
        struct framed_client *client = client_open("unix:$DIR/x.sock", "line");

        client_send(client, "anybody?");
        client_expect_end(client);
        framed_client_free(client);
    }
    before = status_workers("it", workers) == 1 ? process_cpu_ms(workers[0]) : 0;
    nap(300);
    if (status_workers("it", workers) == 1)
        ck_assert_int_lt(process_cpu_ms(workers[0]) - before, 200);
    daemon_write("ok", "");
    ck_assert(UNTIL(({
        struct framed_client *client = client_open("unix:$DIR/x.sock", "line");
        const void *data;
        size_t length;
        bool served = framed_client_call(client, "anybody?", 8, &data, &length) == FRAMED_OK;

        framed_client_free(client);
        served;
    })));
}
END_TEST

START_TEST(floods_its_errors)
{
    daemon_start(SERVICE("1", SCRIPTED, ""));
    client_once("unix:$DIR/x.sock", "line", "!flood", "flooded");
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    log_wait("flood");
}
END_TEST

START_TEST(its_children_go_with_it)
{
    daemon_start(SERVICE("1", "\"/bin/sh\", \"-c\", \"sleep 100 & exec $HANDLERS/scripted --deaf\"",
                         "deadlines { request = 300ms }"));
    ask_in_vain("!never", "request");
    daemon_stop(); /* checks that nobody is left */
}
END_TEST

START_TEST(sees_its_own_descriptors_only)
{
    daemon_start("pid_file = \"$DIR/framed.pid\"\n"
                 "service other { listen = {\"tcp:127.0.0.1:0\", \"unix:$DIR/o.sock\"}\n"
                 "handler { builtin = echo } }\n" SERVICE("2", SCRIPTED, ""));
    client_once("unix:$DIR/x.sock", "line", "!descriptors", "0 1 2");
    ask_for("!die 1"); /* the one that is started later */
    for (int i = 0; i < 8; i++)
        client_once("unix:$DIR/x.sock", "line", "!descriptors", "0 1 2");
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    for (int i = 0; i < 8; i++)
        client_once("unix:$DIR/x.sock", "line", "!descriptors", "0 1 2");
}
END_TEST

SUITE("handlers", stray_lines_reach_nobody_else, stray_lines_reach_nobody_who_is_held,
      stray_lines_under_load, stray_line_ends_the_connection, dies_over_a_message,
      dies_in_the_middle_of_a_reply, closes_its_output, never_answers_and_ignores_term,
      killed_between_messages, killed_over_and_over_under_load, broken_in_all_workers,
      cannot_start_again, floods_its_errors, its_children_go_with_it, sees_its_own_descriptors_only)
