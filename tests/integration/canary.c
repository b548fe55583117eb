/* One new worker of each service has to show that it works before the others start; and what it has
 * to show, with a probe. */
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
#include <sys/stat.h>

#define ECHO                                                                                       \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 6 }\n"              \
    "handler { builtin = echo } }\n"
#define PROGRAM(handler)                                                                           \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 6 }\n"              \
    "deadlines { start = 60s } handler { " handler " } }\n"

/* Nobody but the first passes before there is a file `go`; who has passed answers with WORD. */
static void write_gate(const char *word)
{
    char script[512];

    snprintf(script, sizeof(script),
             "#!/bin/sh\ncd \"${0%%/*}\" || exit\n"
             "(set -C && : >first) 2>/dev/null || while [ ! -e go ]; do sleep 0.01; done\n"
             "while read -r line; do echo \"%s\"; done\n",
             word);
    daemon_write("gate", script);
    ck_assert_int_eq(chmod(expand("$DIR/gate"), 0755), 0);
}

#define GATE PROGRAM("command = {\"$DIR/gate\"} probe = ping")

static void reload(struct output *output)
{
    RUN(output, FRAMECTL, "-s", daemon_control(), "reload");
}

static void reload_well(void)
{
    struct output output;

    reload(&output);
    ck_assert_msg(output.status == 0, "%s", output.err);
}

/* How many lines of TEXT have WORD. */
static size_t lines_with(const char *text, const char *word)
{
    size_t count = 0;

    for (; (text = strstr(text, word)); text += strlen(word))
        count++;
    return count;
}

/* Of the log's lines of worker-ready, those before all the canaries of a GENERATION were ready. */
static size_t ready_before(const char *generation)
{
    char *text = log_text();
    char wanted[64];
    char *end;
    size_t count;

    snprintf(wanted, sizeof(wanted), "event=canaries-ready generation=%s", generation);
    end = strstr(text, wanted);
    ck_assert_msg(end != NULL, "%s", text);
    *end = '\0';
    count = lines_with(text, "event=worker-ready");
    free(text);
    return count;
}

START_TEST(one_starts_before_the_others)
{
    daemon_start(ECHO "service other { listen = \"unix:$DIR/o.sock\" workers { max = 3 }\n"
                      "handler { builtin = echo } }\n");
    ck_assert_uint_eq(ready_before("1"), 2);
    status_wait_workers(NULL, 9);
    reload_well();
    ck_assert_uint_eq(ready_before("2"), 9 + 2);
    ck_assert_uint_eq(log_count("event=worker-ready"), 18);
}
END_TEST

START_TEST(bad_handler_is_started_once)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];
    struct output output;

    daemon_start(ECHO);
    ck_assert_uint_eq(status_workers("it", before), 6);
    daemon_configure(
        PROGRAM("command = {\"$HANDLERS/scripted\", \"--fail\", \"no database\"} settle = 1m"));
    reload(&output);
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "service \"it\": "), "%s", output.err);
    ck_assert_msg(strstr(output.err, "exit status 3; it said: no database"), "%s", output.err);
    ck_assert_msg(strstr(status_word("last_error"), "no database"), "%s",
                  status_word("last_error"));
    ck_assert(UNTIL(log_count("event=worker-exit") == 1));
    ck_assert_uint_eq(log_count("event=handler-stderr", "no database"), 1);
    ck_assert_uint_eq(status_workers("it", after), 6);
    ck_assert_int_eq(memcmp(before, after, 6 * sizeof(*before)), 0);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "last reload failed, "), "%s", output.out);
    ck_assert_msg(lines_with(output.out, "no database") == 2, "%s", output.out);
}
END_TEST

/* The others are started when the canary is ready, and may still bring it all to nothing. */
START_TEST(failure_of_the_others_changes_nothing)
{
    struct output output;

    daemon_start(ECHO);
    daemon_write("second", "#!/bin/sh\n(set -C && : >\"${0%/*}/first\") || exit 9\nexec cat\n");
    ck_assert_int_eq(chmod(expand("$DIR/second"), 0755), 0);
    daemon_configure(PROGRAM("command = {\"$DIR/second\"} probe = ping"));
    reload(&output);
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "exit status 9"), "%s", output.err);
    ck_assert_uint_eq(log_count("event=canaries-ready", "generation=2"), 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_int_eq(status_number("generation"), 1);
}
END_TEST

START_TEST(first_start_has_a_canary_too)
{
    daemon_configure(
        PROGRAM("command = {\"$HANDLERS/scripted\", \"--fail\", \"no luck\"} settle = 5s"));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert_int_eq(daemon_wait(), 1);
    log_wait("event=start-failed", "no luck");
    ck_assert_uint_eq(log_count("event=worker-exit"), 1);
}
END_TEST

/* Reloads to handlers that wait at the gate: all when the canary waits there already. */
static void begin_reload(bool canary)
{
    daemon_start(ECHO);
    write_gate("one");
    if (canary)
        daemon_write("first", "");
    daemon_configure(GATE);
    kill(daemon_pid(), SIGHUP);
    if (canary)
        ck_assert(UNTIL(strcmp(status_word("state"), "reloading") == 0));
    else
        log_wait("event=canaries-ready", "generation=2");
}

static void stop_while_it_starts(bool canary)
{
    begin_reload(canary);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    daemon_stop();
    ck_assert(log_has("event=reload-failed", "framed is stopping"));
}

START_TEST(stop_while_the_canary_starts)
{
    stop_while_it_starts(true);
}
END_TEST

START_TEST(stop_while_the_others_start)
{
    stop_while_it_starts(false);
}
END_TEST

static void reload_while_it_starts(bool canary)
{
    pid_t pids[PROCESSES_MAX];

    begin_reload(canary);
    daemon_configure(PROGRAM("command = {\"sed\", \"-u\", \"s/^/two /\"} probe = ping"));
    kill(daemon_pid(), SIGHUP);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_str_eq(status_word("state"), "reloading");
    ck_assert_int_eq(status_number("generation"), 1);
    daemon_write("go", "");
    log_wait("event=reloaded", "generation=2");
    log_wait("event=reloaded", "generation=3");
    /* and the keeper */
    ck_assert(UNTIL(process_children(daemon_pid(), pids, PROCESSES_MAX) == 6 + 1));
    client_once("unix:$DIR/x.sock", "line", "hello", "two hello");
}

START_TEST(second_reload_while_the_canary_starts)
{
    reload_while_it_starts(true);
}
END_TEST

START_TEST(second_reload_while_the_others_start)
{
    reload_while_it_starts(false);
}
END_TEST

/* Not a message, not a wait; and the first client is the first. */
START_TEST(probe_leaves_nothing_behind)
{
    struct output output;

    daemon_start(PROGRAM("command = {\"$HANDLERS/scripted\"} probe = hello probe_reply = hello"));
    ck_assert_int_eq(status_counter("it", "messages"), 0);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status", "--json");
    ck_assert_msg(strstr(output.out, "\"latency_us\""), "%s", output.out);
    ck_assert_msg(!strstr(output.out, "\"count\": 1"), "%s", output.out);
    for (int i = 0; i < 12; i++)
        client_once("unix:$DIR/x.sock", "line", "x", "x");
    ck_assert_int_eq(log_count("event=handler-"), 0);
    status_wait_counter("it", "messages", 12);
}
END_TEST

START_TEST(probe_decides)
{
    static const struct {
        const char *config;
        const char *told;
    } rows[] = {
        {PROGRAM("builtin = echo probe = ping probe_reply = pong"),
         "service \"it\": probe: the handler answered \"ping\" instead of \"pong\""},
        {PROGRAM("command = {\"$HANDLERS/scripted\"} probe = '!die 4'"),
         "ended at the probe: exit status 4"},
        {PROGRAM("command = {\"$HANDLERS/scripted\"} probe = '!twice'"), "more than one reply"},
        {"service it { listen = \"unix:$DIR/x.sock\" framing = line deadlines { start = 300ms }\n"
         "handler { command = {\"$HANDLERS/scripted\", \"--frame\"} codec = frame\n"
         "probe = '!never' } }\n",
         "did not answer the probe within 300 ms"},
        {"service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
         "deadlines { start = 300ms request = off }\n"
         "handler { module = \"$HANDLERS/stuck.so\" probe = '!never' } }\n",
         "not ready within the start deadline"},
    };
    struct output output;

    daemon_start(ECHO);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        daemon_configure(rows[i].config);
        reload(&output);
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, rows[i].told), "%s", output.err);
        client_once("unix:$DIR/x.sock", "line", "hello", "hello");
        ck_assert_uint_eq(log_count("event=worker-exit"), i + 1);
    }
}
END_TEST

START_TEST(probe_on_the_command_line)
{
    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "-w", "2", "--probe", "a\\\\b\\x63",
               "--probe-reply", "A\\\\BC", "--", "sed", "-u", "y/abc/ABC/");
    client_once("unix:$DIR/x.sock", "line", "cab", "CAB");
}
END_TEST

SUITE("canary", one_starts_before_the_others, bad_handler_is_started_once,
      failure_of_the_others_changes_nothing, first_start_has_a_canary_too,
      stop_while_the_canary_starts, stop_while_the_others_start,
      second_reload_while_the_canary_starts, second_reload_while_the_others_start,
      probe_leaves_nothing_behind, probe_decides, probe_on_the_command_line)
