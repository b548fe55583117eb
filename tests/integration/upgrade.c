/* Upgrade: a new framed takes over sockets, control socket and pid file; the old one drains. */
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING 5
#define ECHO                                                                                       \
    "service echo { listen = {\"unix:$DIR/e.sock\", \"tcp:127.0.0.1:0\"} framing = line\n"         \
    "workers { max = 2 } handler { builtin = echo } }\n"

static void check_pid_file(pid_t pid)
{
    char *text = read_whole(expand("$DIR/pid"));
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "%d\n", (int)pid);
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(another_process_with_the_same_sockets)
{
    char address[512];
    pid_t first;

    daemon_start("pid_file = \"$DIR/pid\"\n" ECHO);
    snprintf(address, sizeof(address), "%s", daemon_address("echo", 1));
    first = daemon_pid();
    check_pid_file(first);
    for (int i = 0; i < 3; i++) {
        daemon_upgrade();
        ck_assert_int_ne(daemon_pid(), first);
        check_pid_file(daemon_pid());
        ck_assert_int_eq(status_number("pid"), daemon_pid());
        ck_assert_int_eq(status_number("generation"), 1);
        status_wait_workers("echo", 2);
        client_once("unix:$DIR/e.sock", "line", "hello", "hello");
        client_once(address, "line", "hello", "hello");
    }
    daemon_stop();
    ck_assert_int_eq(access(expand("$DIR/pid"), F_OK), -1);
}
END_TEST

/* What is on the command line is there again, and is not announced a second time. */
START_TEST(framed_run_by_signal)
{
    char address[512];
    char *out;
    int pid = 0;
    char *line;

    daemon_run(1, "-l", "tcp:127.0.0.1:0", "-F", "line", "-w", "2", "--", "sed", "-u", "s/^/a /");
    snprintf(address, sizeof(address), "%s", daemon_announced(0));
    out = read_whole(expand("$DIR/stdout"));
    kill(daemon_pid(), SIGUSR2);
    log_wait("event=upgraded");
    line = log_text();
    ck_assert_int_eq(sscanf(strstr(line, "event=upgraded"), "event=upgraded pid=%d", &pid), 1);
    free(line);
    daemon_follow(pid);
    client_once(address, "line", "hello", "a hello");
    line = read_whole(expand("$DIR/stdout"));
    ck_assert_str_eq(line, out);
    free(line);
    free(out);
}
END_TEST

/* A client that stays is served by the old one to the end of what it has asked, and then by the new
 * one, where it can move. */
static void stay(const char *workers, bool moves)
{
    char config[256];
    struct framed_client *client;
    struct output output;
    int pid = 0;

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { %s }\n"
             "handler { command = {\"$HANDLERS/scripted\"} } }\n",
             workers);
    daemon_start(config);
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!slow 700");
    status_wait_busy("it", "handling");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_int_eq(sscanf(output.out, "upgraded: process %d", &pid), 1);
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    ck_assert(process_lives(daemon_pid()));
    client_receive(client, "slow");
    if (moves)
        client_expect(client, "next", "next");
    else
        client_expect_end(client);
    framed_client_free(client);
    daemon_follow(pid);
}

START_TEST(who_is_served_is_served_to_the_end)
{
    stay("max = 1 connections = 1", false);
}
END_TEST

START_TEST(who_is_served_is_served_by_both)
{
    stay("max = 1", true);
}
END_TEST

/* The stop of the new one waits for the old one, and hurries it when it must be at once. */
START_TEST(a_stop_is_of_both)
{
    const char *const how[] = {"stop", "int"};

    for (int i = 0; i < 2; i++) {
        struct framed_client *client;
        struct output output;
        pid_t old;
        int pid = 0;

        daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 "
                     "}\nhandler { command = {\"$HANDLERS/scripted\"} } }\n");
        old = daemon_pid();
        client = client_open("unix:$DIR/x.sock", "line");
        client_send(client, i == 0 ? "!slow 500" : "!slow 20000");
        status_wait_busy("it", "handling");
        RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
        ck_assert_int_eq(sscanf(output.out, "upgraded: process %d", &pid), 1);
        if (i == 0) {
            RUN(&output, FRAMECTL, "-s", daemon_control(), how[i]);
            ck_assert_msg(!process_lives(old), "framectl stop did not wait for the old framed");
            client_receive(client, "slow");
        } else {
            ck_assert_int_eq(kill(pid, SIGINT), 0);
        }
        framed_client_free(client);
        ck_assert_int_eq(daemon_wait(), 0);
        daemon_check_gone();
        ck_assert_int_eq(unlink(expand("$DIR/log")), 0);
    }
}
END_TEST

/* An address goes while more clients wait there than workers serve; others come. */
START_TEST(addresses_that_change)
{
    struct framed_client *clients[WAITING];
    struct output output;
    int pid = 0;

    daemon_start("pid_file = \"$DIR/pid\"\n"
                 "service it { listen = {\"unix:$DIR/x.sock\", \"unix:$DIR/stays.sock\"}\n"
                 "framing = line workers { max = 1 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n");
    for (int i = 0; i < WAITING; i++) {
        clients[i] = client_open("unix:$DIR/x.sock", "line");
        client_send(clients[i], "!slow 50");
    }
    status_wait_busy("it", "handling");
    daemon_write("framed.conf",
                 expand("control = \"unix:$DIR/c2.sock\" pid_file = \"$DIR/pid2\"\n"
                        "service moved { listen = {\"unix:$DIR/stays.sock,mode=0640\", "
                        "\"unix:$DIR/new.sock\"} framing = line handler { builtin = echo } }\n"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_int_eq(sscanf(output.out, "upgraded: process %d", &pid), 1);
    for (int i = 0; i < WAITING; i++) {
        client_receive(clients[i], "slow");
        client_expect_end(clients[i]);
        framed_client_free(clients[i]);
    }
    daemon_follow(pid);
    client_once("unix:$DIR/new.sock", "line", "hello", "hello");
    client_once("unix:$DIR/stays.sock", "line", "hello", "hello");
    ck_assert_int_eq(access(expand("$DIR/x.sock"), F_OK), -1);
    ck_assert_int_eq(access(expand("$DIR/control.sock"), F_OK), -1);
    ck_assert_int_eq(access(expand("$DIR/pid"), F_OK), -1);
    RUN(&output, FRAMECTL, "-s", expand("unix:$DIR/c2.sock"), "status");
    ck_assert_int_eq(output.status, 0);
}
END_TEST

/* As large as it had grown, and drained where that was ordered. */
START_TEST(pools_go_on_as_they_were)
{
    struct framed_client *clients[4];
    struct output output;
    json_t *status;

    daemon_start("service d { listen = \"unix:$DIR/d.sock\" framing = line\n"
                 "workers { mode = dynamic min = 1 max = 8 spare_min = 1 spare_max = 8\n"
                 "connections = 1 }\n"
                 "handler { builtin = echo } }\n" ECHO);
    for (int i = 0; i < 4; i++) {
        clients[i] = client_open("unix:$DIR/d.sock", "line");
        client_expect(clients[i], "hello", "hello");
    }
    ck_assert(UNTIL(status_workers("d", (pid_t[WORKERS_MAX]){0}) >= 5));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "drain", "echo");
    ck_assert_int_eq(output.status, 0);
    for (int i = 0; i < 4; i++)
        framed_client_free(clients[i]);
    daemon_upgrade();
    ck_assert_uint_ge(log_count("event=worker-ready", "service=d"), 10);
    status_wait_workers("echo", 0);
    status = control_ask("status");
    ck_assert(json_is_true(json_object_get(
        json_object_get(json_array_get(json_object_get(status, "services"), 1), "workers"),
        "drained")));
    json_decref(status);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "resume", "echo");
    ck_assert_msg(output.status == 0, "%s", output.err);
    client_once("unix:$DIR/e.sock", "line", "hello", "hello");
}
END_TEST

static void check_status_file(pid_t pid, const char *wanted)
{
    char path[64];
    char *text;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    text = read_whole(path);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strstr(text, wanted) != NULL, "not %s:\n%s", wanted, text);
    free(text);
}

/* Not root any more, and yet able to bind a low port; and its workers are not. */
START_TEST(as_the_same_user)
{
    const struct passwd *nobody = getpwnam("nobody");
    pid_t pids[WORKERS_MAX];
    char uid[64];
    size_t count;

    if (geteuid() != 0 || !nobody) {
        puts("SKIP: only root can become nobody");
        return;
    }
    chmod(expand("$DIR"), 0777);
    daemon_start("user = nobody pid_file = \"$DIR/pid\"\n" ECHO);
    chmod(expand("$DIR/framed.conf"), 0644);
    snprintf(uid, sizeof(uid), "\nUid:\t%u\t%u\t%u\t%u\n", nobody->pw_uid, nobody->pw_uid,
             nobody->pw_uid, nobody->pw_uid);
    for (int i = 0; i < 2; i++) {
        daemon_upgrade();
        check_status_file(daemon_pid(), uid);
        check_status_file(daemon_pid(), "\nCapEff:\t0000000000000400\n");
        count = status_workers("echo", pids);
        ck_assert_uint_eq(count, 2);
        check_status_file(pids[0], uid);
        check_status_file(pids[0], "\nCapPrm:\t0000000000000000\n");
        check_status_file(pids[0], "\nCapAmb:\t0000000000000000\n");
        client_once("unix:$DIR/e.sock", "line", "hello", "hello");
        check_pid_file(daemon_pid());
    }
}
END_TEST

static void little_descriptors(void)
{
    const struct rlimit limit = {.rlim_cur = 200, .rlim_max = 4096};

    setrlimit(RLIMIT_NOFILE, &limit);
    setenv("FROM_BEFORE", "kept", 1);
}

/* What the first one was given reaches the handlers of the third. */
START_TEST(limits_and_environment_stay)
{
    daemon_prepare_with(little_descriptors);
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "environment { FROM_BEFORE = \"${FROM_BEFORE}\" }\n"
                 "handler { command = {\"sh\", \"-c\", \"while read -r line; do echo "
                 "$(ulimit -n) $(printenv FROM_BEFORE FRAMED_HANDOVER); done\"} } }\n");
    client_once("unix:$DIR/x.sock", "line", "what", "200 kept");
    daemon_upgrade();
    daemon_upgrade();
    client_once("unix:$DIR/x.sock", "line", "what", "200 kept");
}
END_TEST

SUITE("upgrade", another_process_with_the_same_sockets, framed_run_by_signal,
      who_is_served_is_served_to_the_end, who_is_served_is_served_by_both, a_stop_is_of_both,
      addresses_that_change, pools_go_on_as_they_were, as_the_same_user,
      limits_and_environment_stay)
