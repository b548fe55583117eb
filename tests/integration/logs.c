/* Logs: to a file, opened anew when asked; as JSON; no more than is wanted. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE(more)                                                                              \
    "service it { listen = \"unix:$DIR/x.sock\" framing = netstring workers { max = 2 }\n"         \
    "handler { builtin = echo } " more " }\n"
#define TO_FILE "log = \"file:$DIR/framed.log\"\n"

/* Starts with a log that is not on standard error. */
static void start(const char *config)
{
    daemon_configure(config);
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(status_number("generation") == 1));
}

static bool file_has(const char *name, const char *words)
{
    char *text = read_whole(expand(name));
    bool found = text && strstr(text, words);

    free(text);
    return found;
}

/* A connection that is worth a line of its worker: this one quotes BYTES. */
static void break_connection(const char *bytes)
{
    int fd = raw_connect("unix:$DIR/x.sock");

    raw_send(fd, bytes, strlen(bytes));
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}

START_TEST(file_is_opened_anew)
{
    start(TO_FILE SERVICE(""));
    break_connection("first");
    ck_assert(UNTIL(file_has("$DIR/framed.log", "first")));
    ck_assert(file_has("$DIR/framed.log", "event=start "));
    ck_assert_int_eq(rename(expand("$DIR/framed.log"), expand("$DIR/framed.log.1")), 0);
    kill(daemon_pid(), SIGUSR1);
    ck_assert(UNTIL(file_has("$DIR/framed.log", "event=log-reopened")));
    /* Each worker opens it for itself, in its own time. */
    ck_assert(UNTIL(({
        break_connection("second");
        file_has("$DIR/framed.log", "second");
    })));
    ck_assert(!log_has("event="));
    daemon_stop();
    ck_assert(file_has("$DIR/framed.log", "event=stopped"));
    ck_assert(!file_has("$DIR/framed.log.1", "event=stop"));
}
END_TEST

START_TEST(json_is_json)
{
    static const char *const keys[] = {"time", "level", "event"};
    unsigned lines = 0;
    char *text, *rest;

    start(TO_FILE "log_format = json\n" SERVICE("log_messages = yes"));
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
    break_connection("\"\\\n\t\377 all that hurts");
    ck_assert(UNTIL(file_has("$DIR/framed.log", "\"malformed\"")));
    daemon_stop();
    text = rest = read_whole(expand("$DIR/framed.log"));
    for (char *line; (line = strtok_r(rest, "\n", &rest)); lines++) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

        ck_assert_msg(json_is_object(object), "%s", line);
        for (size_t i = 0; i < 3; i++)
            ck_assert_msg(json_is_string(json_object_get(object, keys[i])), "%s", line);
        json_decref(object);
    }
    ck_assert_uint_gt(lines, 8);
    free(text);
}
END_TEST

START_TEST(level_drops_what_is_less_urgent)
{
    start("log_level = error\n" SERVICE("log_messages = yes"));
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
    break_connection("first");
    status_wait_counter("it", "closed.malformed", 1);
    ck_assert(!log_has("event="));
    daemon_configure("log_level = debug\n" SERVICE("log_messages = yes"));
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    ck_assert(UNTIL(({
        break_connection("second");
        log_has("event=closed", "reason=malformed", "second", "service=it");
    })));
}
END_TEST

START_TEST(messages_are_logged_only_when_asked)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(SERVICE(""));
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
    status_wait_counter("it", "messages", 1);
    ck_assert(!log_has("event=message"));
    ck_assert_uint_eq(status_workers("it", pids), 2);
    daemon_configure(SERVICE("log_messages = yes"));
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    status_wait_gone(pids, 2);
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
    log_wait("event=message", "bytes=5");
}
END_TEST

START_TEST(file_that_cannot_be_opened_is_told)
{
    struct output output;

    daemon_configure("log = \"file:/nowhere/framed.log\"\n" SERVICE(""));
    RUN(&output, FRAMED, "-c", expand("$DIR/framed.conf"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "/nowhere/framed.log"), "%s", output.err);
}
END_TEST

SUITE("logs", file_is_opened_anew, json_is_json, level_drops_what_is_less_urgent,
      messages_are_logged_only_when_asked, file_that_cannot_be_opened_is_told)
