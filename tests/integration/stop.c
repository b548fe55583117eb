/* Stop: in order within the drain deadline, at once when asked twice, and nothing stays. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPTED(more)                                                                             \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"              \
    "handler { command = {\"$HANDLERS/scripted\"} } " more " }\n"

static struct framed_client *ask(const char *text)
{
    struct framed_client *client = client_open("unix:$DIR/x.sock", "line");

    client_send(client, text);
    status_wait_busy("it", "handling");
    return client;
}

/* Framed ends with status 0, not before LEAST_MS and not after MOST_MS. */
static void expect_end(unsigned least_ms, unsigned most_ms)
{
    uint64_t began = now_ms();

    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert_uint_ge(now_ms() - began, least_ms);
    ck_assert_uint_le(now_ms() - began, most_ms);
    daemon_check_gone();
    ck_assert_int_ne(access(expand("$DIR/x.sock"), F_OK), 0);
    ck_assert_int_ne(access(expand("$DIR/control.sock"), F_OK), 0);
}

START_TEST(request_in_flight_is_answered)
{
    struct framed_client *client;

    daemon_start(SCRIPTED(""));
    client = ask("!slow 400");
    kill(daemon_pid(), SIGTERM);
    client_receive(client, "slow");
    client_expect_end(client);
    framed_client_free(client);
    expect_end(0, BOUND_MS);
}
END_TEST

START_TEST(waiting_connections_are_served)
{
    struct framed_client *first, *second, *third;

    daemon_start(SCRIPTED(""));
    first = ask("!slow 300");
    second = client_open("unix:$DIR/x.sock", "line");
    client_send(second, "second");
    third = client_open("unix:$DIR/x.sock", "line");
    client_send(third, "third");
    kill(daemon_pid(), SIGTERM);
    client_receive(first, "slow");
    framed_client_free(first);
    client_receive(second, "second");
    framed_client_free(second);
    client_receive(third, "third");
    framed_client_free(third);
    expect_end(0, BOUND_MS);
}
END_TEST

START_TEST(drain_deadline_holds)
{
    struct framed_client *client;

    daemon_start(SCRIPTED("deadlines { drain = 500ms request = 1m }"));
    client = ask("!never");
    kill(daemon_pid(), SIGTERM);
    expect_end(400, 8000);
    framed_client_free(client);
    /* The worker kept the deadline itself, if the machine let it, and said whom it left without a
     * reply. */
    ck_assert(log_has("event=closed", "reason=stop"));
    ck_assert(log_has("event=standstill") || !log_has("event=worker-exit", "killed_for"));
}
END_TEST

START_TEST(silent_client_does_not_stretch_the_drain)
{
    int fd;

    daemon_start(SCRIPTED("deadlines { drain = 500ms }"));
    fd = raw_connect("unix:$DIR/x.sock");
    status_wait_busy("it", "reading");
    kill(daemon_pid(), SIGTERM);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    expect_end(0, 8000);
}
END_TEST

/* There is always one more in the queue. */
START_TEST(new_connections_do_not_stretch_the_drain)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 16};

    daemon_start(SCRIPTED("deadlines { drain = 500ms }"));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    load_wait(&load, 100);
    kill(daemon_pid(), SIGTERM);
    expect_end(0, 8000);
    load_stop(&load);
    ck_assert_uint_eq(load.wrong, 0);
    ck_assert(!log_has("event=worker-exit", "killed_for"));
}
END_TEST

static void stop_at_once(int first, int second)
{
    struct framed_client *client;

    daemon_start(SCRIPTED("deadlines { drain = 1m request = 1m }"));
    client = ask("!never");
    kill(daemon_pid(), first);
    log_wait("event=stop");
    if (second) {
        nap(50);
        ck_assert(process_lives(daemon_pid()));
        kill(daemon_pid(), second);
    }
    expect_end(0, 8000);
    framed_client_free(client);
    ck_assert(log_has("event=closed", "reason=stop"));
}

START_TEST(second_term_stops_at_once)
{
    stop_at_once(SIGTERM, SIGTERM);
}
END_TEST

START_TEST(interrupt_stops_at_once)
{
    stop_at_once(SIGINT, 0);
}
END_TEST

START_TEST(interrupt_after_term_stops_at_once)
{
    stop_at_once(SIGTERM, SIGINT);
}
END_TEST

START_TEST(stop_while_starting)
{
    pid_t pids[PROCESSES_MAX];

    daemon_configure("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                     "handler { command = {\"$HANDLERS/scripted\"} settle = 20s }\n"
                     "deadlines { start = 30s } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(process_descendants(daemon_pid(), pids, PROCESSES_MAX) >= 2));
    kill(daemon_pid(), SIGTERM);
    expect_end(0, 8000);
    ck_assert(!log_has("event=start "));
}
END_TEST

START_TEST(framectl_stops_and_waits)
{
    struct output output;

    daemon_start(SCRIPTED(""));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "stop");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_str_eq(output.out, "stopped\n");
    expect_end(0, BOUND_MS);
}
END_TEST

START_TEST(pid_file_comes_and_goes)
{
    char *text;

    daemon_start("pid_file = \"$DIR/framed.pid\"\n" SCRIPTED(""));
    text = read_whole(expand("$DIR/framed.pid"));
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq((int)strtol(text, NULL, 10), daemon_pid());
    free(text);
    daemon_stop();
    ck_assert_int_ne(access(expand("$DIR/framed.pid"), F_OK), 0);
}
END_TEST

/* Two with one file would each name themselves, and the first to leave remove the other's. */
START_TEST(pid_file_that_is_held_is_refused)
{
    struct output output;
    char *before;
    char *after;

    daemon_start("pid_file = \"$DIR/framed.pid\"\n" SCRIPTED(""));
    before = read_whole(expand("$DIR/framed.pid"));
    RUN(&output, FRAMED, "run", "-l", expand("unix:$DIR/other.sock"), "--builtin", "echo",
        "--pid-file", expand("$DIR/framed.pid"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "another process that runs holds it") != NULL, "%s",
                  output.err);
    after = read_whole(expand("$DIR/framed.pid"));
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
}
END_TEST

START_TEST(pid_file_of_another_stays)
{
    daemon_start("pid_file = \"$DIR/framed.pid\"\n" SCRIPTED(""));
    ck_assert_int_eq(unlink(expand("$DIR/framed.pid")), 0);
    daemon_write("framed.pid", "4711\n");
    daemon_stop();
    ck_assert_int_eq(access(expand("$DIR/framed.pid"), F_OK), 0);
}
END_TEST

SUITE("stop", request_in_flight_is_answered, waiting_connections_are_served, drain_deadline_holds,
      silent_client_does_not_stretch_the_drain, new_connections_do_not_stretch_the_drain,
      second_term_stops_at_once, interrupt_stops_at_once, interrupt_after_term_stops_at_once,
      stop_while_starting, framectl_stops_and_waits, pid_file_comes_and_goes,
      pid_file_that_is_held_is_refused, pid_file_of_another_stays)
