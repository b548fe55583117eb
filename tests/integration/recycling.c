/* Workers that reach a limit are replaced: the new one first, and without a loss. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE(workers, handler)                                                                  \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { " workers " }\n"                                                                    \
    "handler { " handler " } }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"

static size_t workers(void)
{
    pid_t pids[WORKERS_MAX];

    return status_workers("it", pids);
}

/* At no time were there fewer than COUNT that could serve: in the log each worker that was due
 * leaves after the one in its place was ready. */
static void check_relieved(int count)
{
    char *text = log_text();
    int ready = 0;

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        ready += strstr(line, "event=worker-ready") != NULL;
        ready -= strstr(line, "event=worker-exit") != NULL;
        if (strstr(line, "event=worker-exit"))
            ck_assert_msg(ready >= count, "only %d: %s", ready, line);
    }
    free(text);
}

static void recycle_under_load(enum load_style style, const char *config)
{
    struct load load = {.framing = "line", .style = style, .clients = 6};

    daemon_start(config);
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    log_wait_count(20, "event=worker-due");
    log_wait_count(20, "event=worker-exit");
    load_wait(&load, 100);
    load_stop_clean(&load);
    check_relieved(3);
    ck_assert_int_eq(log_count("event=worker-exit", "signal"), 0);
    ck_assert_int_eq(log_count("event=worker-exit", "killed_for"), 0);
    ck_assert_uint_le(workers(), 6);
}

START_TEST(recycling_by_requests_loses_nothing)
{
    recycle_under_load(LOAD_CONNECTION_A_MESSAGE, SERVICE("max = 3 max_requests = 20", ECHO));
    ck_assert(log_has("event=worker-due", "limit=max_requests"));
}
END_TEST

START_TEST(recycling_after_every_request_loses_nothing)
{
    recycle_under_load(LOAD_CONNECTION_A_MESSAGE, SERVICE("max = 3 max_requests = 1", SCRIPTED));
}
END_TEST

START_TEST(recycling_in_a_pool_that_sizes_itself_loses_nothing)
{
    recycle_under_load(
        LOAD_CONNECTION_A_MESSAGE,
        SERVICE("mode = dynamic min = 3 spare_min = 3 max = 6 max_requests = 20", ECHO));
}
END_TEST

/* Connections that last are closed in order, between two messages. */
START_TEST(recycling_by_lifetime_loses_nothing)
{
    recycle_under_load(LOAD_PERSISTENT, SERVICE("max = 3 max_lifetime = 200ms", ECHO));
    ck_assert(log_has("event=worker-due", "limit=max_lifetime"));
}
END_TEST

START_TEST(idle_workers_have_a_lifetime_too)
{
    pid_t before[WORKERS_MAX];

    daemon_start(SERVICE("max = 2 max_lifetime = 500ms", ECHO));
    ck_assert_uint_eq(status_workers("it", before), 2);
    status_wait_gone(before, 2);
    status_wait_workers("it", 2);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    check_relieved(2);
}
END_TEST

START_TEST(recycling_by_memory)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];

    daemon_start(SERVICE("max = 1 max_rss = 1MiB", ECHO));
    ck_assert_uint_eq(status_workers("it", before), 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    status_wait_gone(before, 1);
    ck_assert(log_has("event=worker-due", "limit=max_rss"));
    ck_assert(UNTIL(status_workers("it", after) == 1));
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    check_relieved(1);
}
END_TEST

START_TEST(workers_below_the_limit_of_memory_stay)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];

    daemon_start(SERVICE("max = 1 max_rss = 100GiB", SCRIPTED));
    ck_assert_uint_eq(status_workers("it", before), 1);
    for (int i = 0; i < 20; i++)
        client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_uint_eq(status_workers("it", after), 1);
    ck_assert_int_eq(before[0], after[0]);
    ck_assert(!log_has("event=worker-due"));
}
END_TEST

/* What counts is the two together: this worker is small, and its program is not. */
START_TEST(recycling_by_memory_of_the_program)
{
    pid_t before[WORKERS_MAX];

    daemon_start(
        SERVICE("max = 1 max_rss = 40MiB",
                "command = {\"sh\", \"-c\", \"big=$(head -c 60000000 /dev/zero | tr '\\\\0' a)\n"
                "while read -r line; do echo $line; done\"}"));
    ck_assert_uint_eq(status_workers("it", before), 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    log_wait("event=worker-due", "limit=max_rss");
    status_wait_gone(before, 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}
END_TEST

/* The one that is to be replaced dies before it could be: it is replaced once. */
START_TEST(one_that_dies_while_due_is_replaced_once)
{
    pid_t before[WORKERS_MAX];

    daemon_start(
        SERVICE("max = 2 max_requests = 1", "command = {\"$HANDLERS/scripted\"} settle = 700ms"));
    ck_assert_uint_eq(status_workers("it", before), 2);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    log_wait("event=worker-due");
    kill(before[0], SIGKILL);
    kill(before[1], SIGKILL);
    log_wait_count(2, "event=worker-exit", "signal 9");
    log_wait_count(4, "event=worker-ready");
    ck_assert_uint_eq(workers(), 2);
    nap(1500);
    ck_assert_uint_eq(workers(), 2);
    ck_assert_int_eq(log_count("event=worker-ready"), 4);
}
END_TEST

SUITE("recycling", recycling_by_requests_loses_nothing, recycling_after_every_request_loses_nothing,
      recycling_in_a_pool_that_sizes_itself_loses_nothing, recycling_by_lifetime_loses_nothing,
      idle_workers_have_a_lifetime_too, recycling_by_memory, workers_below_the_limit_of_memory_stay,
      recycling_by_memory_of_the_program, one_that_dies_while_due_is_replaced_once)
