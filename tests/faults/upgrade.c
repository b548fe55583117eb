/* Upgrades under load lose nothing; one that fails, whenever and however, leaves the old framed in
 * charge, and nothing behind. */
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
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS 20
#define ECHO                                                                                       \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 }\n"              \
    "handler { builtin = echo } deadlines { start = 500ms } }\n"
/* Its second service is not ready for long. */
#define SLOW                                                                                       \
    "service slow { listen = \"unix:$DIR/slow.sock\" framing = line workers { max = 1 }\n"         \
    "handler { command = {\"cat\"} settle = 2s } deadlines { start = 9s } }\n"

/* Upgrades with loads on TCP and on a Unix socket, one client a connection and connections that
 * stay: each message gets its reply. */
START_TEST(nothing_is_lost)
{
    struct load loads[] = {
        {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "u32be", .clients = 3},
        {.style = LOAD_PERSISTENT, .framing = "u32be", .clients = 2},
        {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 2},
        {.style = LOAD_PERSISTENT, .framing = "line", .clients = 2},
    };
    char tcp[512];
    const size_t processes = 7 + 3 + 2; /* seven workers, three programs, and two keepers */
    int descriptors, now;

    daemon_start("pid_file = \"$DIR/pid\"\n"
                 "service tcp { listen = \"tcp:127.0.0.1:0\" workers { max = 4 }\n"
                 "handler { builtin = echo } }\n"
                 "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 3 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} settle = 20ms } }\n");
    snprintf(tcp, sizeof(tcp), "%s", daemon_address("tcp", 0));
    ck_assert_int_eq(status_number("generation"), 1);
    daemon_upgrade();
    status_wait_workers(NULL, 7);
    descriptors = process_settled_descriptors(daemon_pid(), processes);
    for (size_t i = 0; i < 4; i++) {
        loads[i].address = i < 2 ? tcp : expand("unix:$DIR/x.sock");
        load_start(&loads[i]);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < 4; i++)
            load_wait(&loads[i], 10);
        daemon_upgrade();
    }
    for (size_t i = 0; i < 4; i++) {
        load_stop_clean(&loads[i]);
        printf("%lu answered, %lu asked again on a new connection\n", loads[i].answered,
               loads[i].asked_again);
    }
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
    ck_assert_uint_eq(log_count("event=upgraded"), ROUNDS + 1);
    ck_assert_msg(
        UNTIL((now = process_settled_descriptors(daemon_pid(), processes)) <= descriptors),
        "%d descriptors, not %d", now, descriptors);
}
END_TEST

START_TEST(nothing_is_lost_by_framed_run)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "u32be", .clients = 4};

    daemon_run(1, "-l", "tcp:127.0.0.1:0", "-w", "4", "--builtin", "echo");
    load.address = daemon_announced(0);
    load_start(&load);
    for (size_t round = 1; round <= 5; round++) {
        char *log;
        const char *at;
        int pid = 0;

        load_wait(&load, 20);
        kill(daemon_pid(), SIGUSR2);
        log_wait_count(round, "event=upgraded");
        log = log_text();
        at = log;
        for (size_t i = 0; i < round; i++)
            at = strstr(at, "event=upgraded pid=") + strlen("event=upgraded pid=");
        pid = atoi(at);
        free(log);
        daemon_follow(pid);
    }
    load_stop_clean(&load);
}
END_TEST

/* The program is $DIR/framed from now on, which the test may replace. */
static void own_program(void)
{
    struct output output;

    RUN(&output, "/bin/cp", FRAMED, expand("$DIR/framed"));
    ck_assert_int_eq(output.status, 0);
    setenv("FRAMED_BINARY", expand("$DIR/framed"), 1);
}

static void replace_program(const char *script)
{
    daemon_write("new", script);
    ck_assert_int_eq(chmod(expand("$DIR/new"), 0755), 0);
    ck_assert_int_eq(rename(expand("$DIR/framed"), expand("$DIR/good")), 0);
    ck_assert_int_eq(rename(expand("$DIR/new"), expand("$DIR/framed")), 0);
}

static void mend_program(void)
{
    ck_assert_int_eq(rename(expand("$DIR/good"), expand("$DIR/framed")), 0);
}

/* An upgrade that must fail with TOLD, and change nothing: not a worker, not a descriptor. */
static void upgrade_badly(const char *told)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];
    size_t count = status_workers(NULL, before);
    int descriptors = process_settled_descriptors(daemon_pid(), count + 1); /* and the keeper */
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, told), "%s", output.err);
    log_wait("event=upgrade-failed", told);
    ck_assert_msg(strstr(status_word("last_error"), told), "%s", status_word("last_error"));
    ck_assert_str_eq(status_word("last_try"), "upgrade");
    ck_assert_int_eq(status_number("pid"), daemon_pid());
    ck_assert_uint_eq(status_workers(NULL, after), count);
    ck_assert_int_eq(memcmp(before, after, count * sizeof(*before)), 0);
    ck_assert(UNTIL(process_descriptors(daemon_pid()) <= descriptors));
    ck_assert_int_eq(access(expand("$DIR/control.sock"), F_OK), 0);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}

START_TEST(a_program_that_fails)
{
    own_program();
    daemon_start("pid_file = \"$DIR/pid\"\n" ECHO);
    replace_program("#!/bin/sh\nexit 1\n");
    upgrade_badly("ended");
    chmod(expand("$DIR/framed"), 0644);
    upgrade_badly("cannot run");
    replace_program("#!/no/such/interpreter\n");
    upgrade_badly("cannot run");
    /* A framed whose options are others. */
    ck_assert_int_eq(rename(expand("$DIR/good"), expand("$DIR/x")), 0);
    RUN(&(struct output){0}, "/bin/cp", FRAMECTL, expand("$DIR/framed"));
    upgrade_badly("ended");
    RUN(&(struct output){0}, "/bin/rm", expand("$DIR/framed"));
    upgrade_badly("cannot run");
}
END_TEST

/* It says that it is ready, is told to take over, and dies. */
START_TEST(a_program_that_takes_nothing)
{
    char *text;
    char pid[32];

    own_program();
    daemon_start("pid_file = \"$DIR/pid\"\n" ECHO);
    replace_program("#!/bin/bash\nfd=${FRAMED_HANDOVER#*,}\nprintf 'ready ' >&$fd\n"
                    "read -r -n 1 <&$fd\nprintf 'nonsense' >&$fd\nexit 0\n");
    upgrade_badly("ended");
    snprintf(pid, sizeof(pid), "%d\n", (int)daemon_pid());
    text = read_whole(expand("$DIR/pid"));
    ck_assert_str_eq(text, pid);
    free(text);
    mend_program();
    daemon_upgrade();
}
END_TEST

/* Even one that does not hear TERM. */
START_TEST(a_program_that_hangs)
{
    own_program();
    daemon_start(ECHO);
    replace_program("#!/bin/sh\ntrap '' TERM\nexec sleep 60\n");
    upgrade_badly("not ready within");
    mend_program();
    daemon_upgrade();
    ck_assert_str_eq(status_word("last_error"), "");
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
}
END_TEST

START_TEST(a_configuration_that_is_bad)
{
    daemon_start("pid_file = \"$DIR/pid\"\n" ECHO);
    daemon_configure("pid_file = \"$DIR/pid\"\n" ECHO "nonsense = 1\n");
    upgrade_badly("nonsense");
    daemon_configure(
        "pid_file = \"$DIR/pid\"\n" ECHO
        "service b { listen = \"unix:$DIR/b.sock\" handler { command = {\"false\"} } }");
    upgrade_badly("ended at its start");
    ck_assert_int_eq(access(expand("$DIR/b.sock"), F_OK), -1);
    daemon_write("framed.conf", expand("pid_file = \"$DIR/no/such/pid\"\n"
                                       "control = \"unix:$DIR/other.sock\"\n" ECHO));
    upgrade_badly("pid_file");
    ck_assert_int_eq(access(expand("$DIR/other.sock"), F_OK), -1);
    daemon_configure("pid_file = \"$DIR/pid\"\n" ECHO);
    daemon_upgrade();
    ck_assert_str_eq(status_word("last_error"), "");
}
END_TEST

/* The pid of a new framed that does not get ready, after SIGUSR2. */
static pid_t start_slowly(void)
{
    char *log;
    int pid = 0;

    daemon_start(ECHO);
    daemon_configure(ECHO SLOW);
    ck_assert_int_eq(kill(daemon_pid(), SIGUSR2), 0);
    log_wait_count(3, "event=worker-ready", "service=it"); /* two, and the canary */
    log = log_text();
    ck_assert_int_eq(sscanf(strstr(log, "framed pid="), "framed pid=%d", &pid), 1);
    free(log);
    return pid;
}

/* Its workers that are ready have met nobody. */
START_TEST(the_new_one_is_killed)
{
    pid_t pid = start_slowly();
    struct output output;

    ck_assert_str_eq(status_word("state"), "upgrading");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_ptr_nonnull(strstr(output.err, "an upgrade is under way"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_int_eq(output.status, 1);
    for (int i = 0; i < 10; i++)
        client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert_int_eq(status_number("pid"), daemon_pid());
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    log_wait("event=upgrade-failed", "ended");
    ck_assert_str_eq(status_word("state"), "running");
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    /* It could not tidy up. */
    ck_assert_int_eq(unlink(expand("$DIR/slow.sock")), 0);
}
END_TEST

/* What was to be handed over is nobody's then: as after any death of a master. */
START_TEST(the_old_one_is_killed)
{
    pid_t pid = start_slowly();

    ck_assert_int_eq(kill(daemon_pid(), SIGKILL), 0);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
    log_wait("event=start-failed", "has ended");
    ck_assert(UNTIL(!process_lives(pid)));
    daemon_check_gone();
}
END_TEST

START_TEST(a_stop_meanwhile)
{
    start_slowly();
    daemon_stop();
}
END_TEST

/* It comes to the one that is in charge then. */
START_TEST(a_hangup_meanwhile)
{
    int pid;

    daemon_start(ECHO);
    daemon_configure(ECHO
                     "service b { listen = \"unix:$DIR/b.sock\" framing = line workers { max = "
                     "1 }\nhandler { command = {\"cat\"} settle = 500ms } }\n");
    ck_assert_int_eq(kill(daemon_pid(), SIGUSR2), 0);
    log_wait("event=upgrade ");
    ck_assert_int_eq(kill(daemon_pid(), SIGHUP), 0);
    log_wait("event=reloaded", "generation=2");
    pid = (int)status_number("pid");
    ck_assert_int_ne(pid, daemon_pid());
    daemon_follow(pid);
}
END_TEST

/* Nothing of it is believed that is not as a framed writes it. */
START_TEST(a_broken_hand_over)
{
    setenv("FRAMED_HANDOVER", "7", 1);
    daemon_configure(ECHO);
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    log_wait("event=start-failed", "FRAMED_HANDOVER=");
    ck_assert_int_eq(daemon_wait(), 1);
}
END_TEST

SUITE("upgrade", nothing_is_lost, nothing_is_lost_by_framed_run, a_program_that_fails,
      a_program_that_takes_nothing, a_program_that_hangs, a_configuration_that_is_bad,
      the_new_one_is_killed, the_old_one_is_killed, a_stop_meanwhile, a_hangup_meanwhile,
      a_broken_hand_over)
