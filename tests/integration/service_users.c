/* Services that run as another user than framed: who they are, that they can be reached, ended and
 * given another log, and what a framed without the right to it says. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE(more, handler)                                                                     \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n" more         \
    "\nhandler { " handler " } }\n"
#define SHOW                                                                                       \
    "command = {\"sh\", \"-c\", \"while read -r line; do echo $(id -u) $(id -g) $(id -G) $USER "   \
    "$HOME; done\"}"
#define CAPABILITIES_KEPT "00000000000004e0" /* bind, setuid, setgid, kill */

static const struct passwd *nobody;

/* False, and the reason, where this cannot be tried. */
static bool can_become_nobody(void)
{
    nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) {
        puts("SKIP: only root can become nobody");
        return false;
    }
    ck_assert_int_eq(chmod(expand("$DIR"), 0777), 0);
    return true;
}

/* The line of /proc/PID/status that begins with KEY is VALUE. */
static void check_status(pid_t pid, const char *key, const char *value)
{
    char path[64], wanted[128];
    char *text;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    text = read_whole(path);
    ck_assert_ptr_nonnull(text);
    snprintf(wanted, sizeof(wanted), "\n%s:\t%s\n", key, value);
    ck_assert_msg(strstr(text, wanted) != NULL, "%s is not %s:\n%s", key, value, text);
    free(text);
}

/* The worker, the program, the keeper, and whatever else descends from framed: nobody, with
 * nothing.
 */
static void check_all_are_nobody(size_t count)
{
    pid_t pids[PROCESSES_MAX];
    char ids[64];

    snprintf(ids, sizeof(ids), "%1$u\t%1$u\t%1$u\t%1$u", (unsigned)nobody->pw_uid);
    ck_assert_uint_eq(process_descendants(daemon_pid(), pids, PROCESSES_MAX), count);
    for (size_t i = 0; i < count; i++) {
        check_status(pids[i], "Uid", ids);
        check_status(pids[i], "CapPrm", "0000000000000000");
        check_status(pids[i], "CapInh", "0000000000000000");
        check_status(pids[i], "CapAmb", "0000000000000000");
    }
}

/* "65534 65534 65534 nobody /nonexistent" */
static void check_who(void)
{
    char wanted[256];

    snprintf(wanted, sizeof(wanted), "%u %u %u nobody %s", (unsigned)nobody->pw_uid,
             (unsigned)nobody->pw_gid, (unsigned)nobody->pw_gid, nobody->pw_dir);
    client_once("unix:$DIR/x.sock", "line", "who", wanted);
}

START_TEST(a_service_is_another_user)
{
    if (!can_become_nobody())
        return;
    daemon_start(SERVICE("process { user = nobody }", SHOW));
    check_who();
    check_all_are_nobody(3);
}
END_TEST

START_TEST(a_group_alone_is_enough)
{
    if (!can_become_nobody())
        return;
    daemon_start(SERVICE("process { group = 1 }", SHOW));
    client_once("unix:$DIR/x.sock", "line", "who", "0 1 1 root /root");
}
END_TEST

/* As daemon, framed keeps what it needs for the one that is nobody, also through an upgrade. */
START_TEST(framed_itself_need_not_stay_root)
{
    if (!can_become_nobody())
        return;
    daemon_start("user = daemon\n" SERVICE("process { user = nobody }", SHOW));
    ck_assert_int_eq(chmod(expand("$DIR/framed.conf"), 0644), 0);
    check_status(daemon_pid(), "CapPrm", CAPABILITIES_KEPT);
    check_who();
    check_all_are_nobody(3);
    daemon_upgrade();
    check_status(daemon_pid(), "CapPrm", CAPABILITIES_KEPT);
    ck_assert(UNTIL(process_descendants(daemon_pid(), (pid_t[4]){0}, 4) == 3));
    check_who();
    check_all_are_nobody(3);
}
END_TEST

/* A stop, of one that does not want to and has started another that has left its group. */
START_TEST(a_stuck_one_is_ended)
{
    pid_t pids[PROCESSES_MAX];

    if (!can_become_nobody())
        return;
    daemon_start("user = daemon\n" SERVICE(
        "process { user = nobody } deadlines { drain = 200ms grace = 100ms }",
        "command = {\"sh\", \"-c\", \"trap '' TERM; setsid sleep 1000 & while :; do sleep 100; "
        "done\"}"));
    ck_assert(UNTIL(process_descendants(daemon_pid(), pids, PROCESSES_MAX) == 5));
    check_all_are_nobody(5);
    daemon_stop();
    daemon_check_gone();
}
END_TEST

/* A worker that is stopped, and cannot end itself. */
START_TEST(a_stopped_worker_is_killed)
{
    pid_t pids[PROCESSES_MAX];

    if (!can_become_nobody())
        return;
    daemon_start("user = daemon\n" SERVICE(
        "process { user = nobody } deadlines { drain = 200ms grace = 100ms }",
        "command = {\"sh\", \"-c\", \"setsid sleep 1000 & exec cat\"}"));
    ck_assert(UNTIL(process_descendants(daemon_pid(), pids, PROCESSES_MAX) == 4));
    ck_assert_uint_eq(status_workers("it", pids), 1);
    ck_assert_int_eq(kill(pids[0], SIGSTOP), 0);
    daemon_stop();
    daemon_check_gone();
}
END_TEST

static bool file_has(const char *name, const char *word)
{
    char *text = read_whole(expand(name));
    bool has = text && strstr(text, word);

    free(text);
    return has;
}

/* Whether a process of framed has the file NAME open. */
static bool is_held(const char *name)
{
    pid_t pids[PROCESSES_MAX];
    size_t count = process_descendants(daemon_pid(), pids, PROCESSES_MAX);

    for (size_t i = 0; i < count; i++)
        if (process_holds(pids[i], expand(name)))
            return true;
    return false;
}

/* Each process turns to the new log in its own time. */
static bool is_told_in(const char *log)
{
    client_once("unix:$DIR/x.sock", "line", "after", "after");
    return file_has(log, "text=after");
}

/* Only framed may make files there. */
START_TEST(the_log_is_opened_anew)
{
    if (!can_become_nobody())
        return;
    ck_assert_int_eq(mkdir(expand("$DIR/log"), 0700), 0);
    daemon_configure("log = \"file:$DIR/log/framed\"\n" SERVICE(
        "process { user = nobody }",
        "command = {\"sh\", \"-c\", \"while read -r line; do echo $line >&2; echo $line; done\"}"));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(file_has("$DIR/log/framed", "event=worker-ready")));
    client_once("unix:$DIR/x.sock", "line", "before", "before");
    ck_assert(UNTIL(file_has("$DIR/log/framed", "before")));
    ck_assert_int_eq(rename(expand("$DIR/log/framed"), expand("$DIR/log/old")), 0);
    kill(daemon_pid(), SIGUSR1);
    ck_assert(UNTIL(file_has("$DIR/log/framed", "event=log-reopened")));
    ck_assert(UNTIL(is_told_in("$DIR/log/framed")));
    ck_assert(UNTIL(!is_held("$DIR/log/old")));
    ck_assert(!file_has("$DIR/log/framed", "event=log-reopen "));
    ck_assert(!file_has("$DIR/log/old", "event=log-reopen "));
    check_all_are_nobody(3);
}
END_TEST

static void expect_refusal(const char *const *command)
{
    struct output output;

    process_run(command, &output);
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err,
                         "service \"it\": process.user: found \"nobody\", allowed: only "
                         "who framed is itself") != NULL,
                  "%s", output.err);
}

/* The first such service comes too late: what runs goes on. */
START_TEST(a_reload_cannot_bring_the_first)
{
    if (!can_become_nobody())
        return;
    daemon_start("user = daemon\n" SERVICE("", "builtin = echo"));
    daemon_configure("user = daemon\n" SERVICE("process { user = nobody }", SHOW));
    ck_assert_int_eq(chmod(expand("$DIR/framed.conf"), 0644), 0);
    expect_refusal((const char *const[]){FRAMECTL, "-s", daemon_control(), "reload", NULL});
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    check_status(daemon_pid(), "CapPrm", "0000000000000400");
}
END_TEST

/* But another one, where there is one already. */
START_TEST(a_reload_brings_a_second)
{
    struct output output;

    if (!can_become_nobody())
        return;
    daemon_start("user = daemon\n" SERVICE("process { user = 7 }", "builtin = echo"));
    daemon_configure("user = daemon\n" SERVICE("process { user = nobody }", SHOW));
    ck_assert_int_eq(chmod(expand("$DIR/framed.conf"), 0644), 0);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    check_who();
}
END_TEST

START_TEST(who_is_not_root_cannot)
{
    if (!can_become_nobody())
        return;
    daemon_configure(SERVICE("process { user = nobody }", SHOW));
    ck_assert_int_eq(chmod(expand("$DIR/framed.conf"), 0644), 0);
    expect_refusal((const char *const[]){"/usr/bin/setpriv", "--reuid=2", "--regid=2",
                                         "--clear-groups", FRAMED, "-c", expand("$DIR/framed.conf"),
                                         NULL});
}
END_TEST

START_TEST(an_unknown_account_is_told)
{
    struct output output;

    daemon_configure(SERVICE("process { user = no-such-user group = no-such-group }", SHOW));
    RUN(&output, FRAMED, "check", "-c", expand("$DIR/framed.conf"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(
        strstr(output.err, "framed.conf:2: service \"it\": process.user: found "
                           "\"no-such-user\", allowed: an account of this system\n") &&
            strstr(output.err, "process.group: found \"no-such-group\", allowed: a group"),
        "%s", output.err);
}
END_TEST

SUITE("service users", a_service_is_another_user, a_group_alone_is_enough,
      framed_itself_need_not_stay_root, a_stuck_one_is_ended, a_stopped_worker_is_killed,
      the_log_is_opened_anew, a_reload_cannot_bring_the_first, a_reload_brings_a_second,
      who_is_not_root_cannot, an_unknown_account_is_told)
