/* The wall clock is set a day ahead and a day back, over and over: nothing but the times in the log
 * is any different. */
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
#include <time.h>

#define IDLE_MS 700

/* Whether the log has lines of the day that is DAYS from now. */
static bool log_has_day(int days)
{
    time_t then = time(NULL) + (time_t)days * 86400;
    struct tm utc;
    char day[32];

    strftime(day, sizeof(day), "time=%Y-%m-%d", gmtime_r(&then, &utc));
    return log_has(day);
}

START_TEST(leaps_change_nothing)
{
    struct load lines = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 2};
    struct load passing = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 2};
    pid_t workers[WORKERS_MAX];
    uint64_t began;
    int silent, half;

    ck_assert_int_eq(setenv("LD_PRELOAD", expand("$HANDLERS/../faults/leap.so"), 1), 0);
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                 "workers { mode = dynamic min = 4 max = 8 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} }\n"
                 "deadlines { idle = 700ms frame = 700ms request = 5s } }\n");
    unsetenv("LD_PRELOAD");
    ck_assert_uint_ge(status_workers("it", workers), 4);
    lines.address = passing.address = expand("unix:$DIR/x.sock");
    load_start(&lines);
    load_start(&passing);
    began = now_ms();
    silent = raw_connect("unix:$DIR/x.sock");
    half = raw_connect("unix:$DIR/x.sock");
    raw_send_text(half, "half a li");
    ck_assert_int_eq(raw_end(silent), RAW_EOF);
    ck_assert_uint_ge(now_ms() - began, IDLE_MS - 20);
    ck_assert_int_ne(raw_end(half), RAW_TIMEOUT);
    ck_assert_uint_ge(now_ms() - began, IDLE_MS - 20);
    ck_assert_uint_lt(now_ms() - began, IDLE_MS + 5000);
    log_wait("event=closed", "reason=idle");
    log_wait("event=closed", "reason=frame");
    kill(workers[0], SIGKILL); /* the start of another is on the clock, too */
    log_wait("event=worker-exit", "signal 9");
    load_wait(&passing, 100);
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    load_wait(&passing, 100);
    /* Lines until there have been some of both days. */
    ck_assert_msg(UNTIL(({
                      kill(daemon_pid(), SIGHUP);
                      nap(30);
                      log_has_day(1) && log_has_day(-1);
                  })),
                  "the clock has not leapt");
    load_stop(&lines);
    load_stop(&passing);
    ck_assert_uint_eq(lines.wrong + passing.wrong, 0);
    /* The worker that was killed may have had them all. */
    ck_assert_msg(lines.broken + passing.broken <= lines.clients + passing.clients, "%s",
                  passing.first_trouble);
    ck_assert_uint_eq(log_count("event=worker-late"), 0);
    ck_assert_uint_eq(log_count("event=standstill"), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {leaps_change_nothing};

    if (is_sanitized()) {
        puts("SKIP: a sanitizer wants to be loaded first");
        return EXIT_SKIP;
    }
    return suite_run("clock", tests, sizeof(tests) / sizeof(tests[0]));
}
