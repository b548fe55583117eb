/* What a reload does with a key that has changed: one test for each class of framed.conf(5). */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVICE(more)                                                                              \
    "service it { listen = \"unix:$DIR/x.sock\" handler { builtin = echo }\n" more "\n}\n"

/* Reloads TEXT, and waits until WORKERS and their keeper are all that there is. */
static void reload(const char *text, size_t workers)
{
    size_t count = workers + 1;
    struct output output;
    pid_t pids[PROCESSES_MAX];

    if (text)
        daemon_configure(text);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_msg(UNTIL(process_children(daemon_pid(), pids, PROCESSES_MAX) == count),
                  "%zu processes, not %zu", process_children(daemon_pid(), pids, PROCESSES_MAX),
                  count);
}

static bool file_has(const char *name, const char *word)
{
    char *text = read_whole(expand(name));
    bool has = text && strstr(text, word);

    free(text);
    return has;
}

/* new workers: those that leave finish with what they had. */
START_TEST(framing_is_that_of_the_worker)
{
    struct framed_client *before;

    daemon_start(SERVICE("framing = line workers { max = 1 }"));
    before = client_open("unix:$DIR/x.sock", "line");
    status_wait_busy("it", "reading");
    reload(SERVICE("framing = netstring workers { max = 1 }"), 2);
    client_expect(before, "hello", "hello");
    client_expect_end(before);
    framed_client_free(before);
    status_wait_workers("it", 1);
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
}
END_TEST

START_TEST(limits_and_deadlines_are_those_of_the_worker)
{
    int fd;

    daemon_start(SERVICE("workers { max = 1 }"));
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    reload(SERVICE("workers { max = 1 } limits { max_message = 4 } deadlines { idle = 50ms }"), 1);
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\0\0\0\5hello");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    status_wait_counter("it", "closed.oversize", 1);
    ck_assert_int_eq(raw_end(raw_connect("unix:$DIR/x.sock")), RAW_EOF);
    status_wait_counter("it", "closed.idle", 1);
    reload(SERVICE("workers { max = 1 }"), 1);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
}
END_TEST

START_TEST(handler_is_that_of_the_worker)
{
    daemon_start(SERVICE("framing = line workers { max = 1 }"));
    reload("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
           "handler { command = {\"sed\", \"-u\", \"s/^/new /\"} probe = x probe_reply = 'new x' } "
           "}\n",
           1);
    client_once("unix:$DIR/x.sock", "line", "hello", "new hello");
}
END_TEST

/* The pool is that of the new configuration from the swap on. */
START_TEST(pool_takes_size_and_mode)
{
    daemon_start(SERVICE("workers { max = 2 }"));
    reload(SERVICE("workers { max = 5 }"), 5);
    reload(SERVICE("workers { max = 1 }"), 1);
    reload(SERVICE("workers { mode = dynamic min = 3 spare_min = 1 spare_max = 1 max = 6 }"), 3);
    reload(SERVICE("workers { mode = ondemand max = 3 idle_exit = 20ms }"), 0);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    reload(SERVICE("workers { max = 2 }"), 2);
}
END_TEST

/* now: also for the master, which stays. */
START_TEST(log_goes_elsewhere)
{
    daemon_configure("log = \"file:$DIR/first\"\n" SERVICE(""));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(file_has("$DIR/first", "event=start ")));
    reload("log = \"file:$DIR/second\"\nlog_format = json\n" SERVICE(""), 4);
    ck_assert(UNTIL(file_has("$DIR/second", "\"event\":\"reloaded\"")));
    ck_assert(!file_has("$DIR/first", "reloaded"));
    reload("log = \"file:$DIR/second\"\nlog_format = json\nlog_level = warning\n" SERVICE(""), 4);
    reload(NULL, 4);
    ck_assert(!file_has("$DIR/second", "\"generation\":4"));
}
END_TEST

/* Writes a whole file: its own control socket, and no other words before. */
static void configure_whole(const char *text)
{
    daemon_write("framed.conf", expand(text));
}

#define CONTROL "control = \"unix:$DIR/control.sock\"\n"

/* restart: told, shown, and as it was. */
START_TEST(what_needs_a_restart_is_kept)
{
    char *pid;

    configure_whole(CONTROL "pid_file = \"$DIR/pid\"\n" SERVICE(""));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    log_wait("event=start ");
    ck_assert_str_eq(status_word("needs_restart"), "");
    configure_whole("control = \"unix:$DIR/other.sock\"\npid_file = \"$DIR/other\"\n"
                    "user = daemon group = daemon\n" SERVICE(""));
    for (size_t i = 1; i <= 2; i++) {
        struct output output;

        reload(NULL, 4);
        log_wait_count(i, "event=reload-needs-restart", "key=user", "configured=daemon");
        log_wait_count(i, "event=reload-needs-restart", "key=group");
        log_wait_count(i, "event=reload-needs-restart", "key=control", "other.sock");
        log_wait_count(i, "event=reload-needs-restart", "key=pid_file", "running=", "/pid");
        ck_assert_str_eq(status_word("needs_restart"), "user, group, control, pid_file");
        RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
        ck_assert_msg(strstr(output.out, "only by a restart: user, group, control, pid_file"), "%s",
                      output.out);
    }
    ck_assert_int_ne(access(expand("$DIR/other.sock"), F_OK), 0);
    ck_assert_int_ne(access(expand("$DIR/other"), F_OK), 0);
    pid = read_whole(expand("$DIR/pid"));
    ck_assert_int_eq(strtol(pid, NULL, 10), daemon_pid());
    free(pid);
    configure_whole(CONTROL "pid_file = \"$DIR/pid\"\n" SERVICE(""));
    reload(NULL, 4);
    ck_assert_str_eq(status_word("needs_restart"), "");
    ck_assert_uint_eq(log_count("event=reload-needs-restart"), 8);
}
END_TEST

SUITE("classes", framing_is_that_of_the_worker, limits_and_deadlines_are_those_of_the_worker,
      handler_is_that_of_the_worker, pool_takes_size_and_mode, log_goes_elsewhere,
      what_needs_a_restart_is_kept)
