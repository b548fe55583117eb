/* A program for each connection, with the client's socket as its standard input and output. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <framed/address.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE_AT(place, more, command)                                                           \
    "service it { listen = \"" place "\" handler { command = {" command "} per_connection = yes }" \
    "\nworkers { max = 1 } " more " }\n"
#define SERVICE(more, command) SERVICE_AT(PLACE, more, command)
#define SHELL(script) "\"sh\", \"-c\", \"" script "\""
/* Says that it is there, and its number. */
#define STAYS SHELL("echo $$; exec sleep 600")

/* All that comes until the end of the stream, in order. */
static const char *read_rest(int fd)
{
    static char text[65536];
    size_t length = 0;
    ssize_t got;

    while ((got = recv(fd, text + length, sizeof(text) - 1 - length, 0)) > 0)
        length += (size_t)got;
    ck_assert_int_eq(got, 0);
    text[length] = '\0';
    close(fd);
    return text;
}

/* The number that the program has said. */
static pid_t read_pid(int fd)
{
    char text[32] = "";

    for (size_t i = 0; i < sizeof(text) - 1 && !strchr(text, '\n'); i++)
        ck_assert_int_eq(recv(fd, text + i, 1, 0), 1);
    return (pid_t)strtol(text, NULL, 10);
}

static void expect_answer(const char *answer)
{
    ck_assert_str_eq(read_rest(raw_connect(PLACE)), answer);
}

static void reload(const char *config)
{
    struct output output;

    daemon_configure(config);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

START_TEST(a_connection_is_counted_as_a_message)
{
    int fd;

    daemon_start(SERVICE("", "cat"));
    fd = raw_connect(PLACE);
    raw_send_text(fd, "one\ntwo");
    raw_expect_text(fd, "one\ntwo");
    status_wait_busy("it", "handling");
    ck_assert_int_eq(status_counter("it", "connections"), 1);
    shutdown(fd, SHUT_WR);
    ck_assert_str_eq(read_rest(fd), "");
    status_wait_counter("it", "closed.replied", 1);
    ck_assert_int_eq(status_counter("it", "messages"), 1);
    ck_assert_int_eq(status_counter("it", "replies"), 1);
    ck_assert(log_has("event=listen", "framing=none"));
}
END_TEST

/* As tcpserver and others name it; the test of them side by side is interop's. */
START_TEST(a_unix_client_is_named)
{
    char expected[512];

    daemon_start(SERVICE("environment { PROTO = mine OTHER = mine }",
                         SHELL("echo $PROTO $UNIXLOCALPATH $UNIXREMOTEPID $UNIXREMOTEEUID "
                               "$UNIXREMOTEEGID $FRAMED_SERVICE $FRAMED_WORKER $OTHER; "
                               "env | grep -c ^PROTO=")));
    snprintf(expected, sizeof(expected), "UNIX %s %d %d %d it 0 mine\n1\n", expand("$DIR/x.sock"),
             getpid(), getuid(), getgid());
    expect_answer(expected);
}
END_TEST

START_TEST(an_ipv6_client_is_named)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    char expected[512];
    const char *port;
    int fd;

    daemon_start(SERVICE_AT("tcp:[::1]:0", "",
                            SHELL("echo $PROTO $TCPREMOTEIP $TCP6REMOTEIP $REMOTE_ADDR "
                                  "$SERVER_ADDR $SERVER_NAME $TCPREMOTEPORT $REMOTE_PORT")));
    fd = raw_connect(daemon_address("it", 0));
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    framed_address_format((struct sockaddr *)&name, length, text, sizeof(text));
    port = strrchr(text, ':') + 1;
    snprintf(expected, sizeof(expected), "TCP6 ::1 ::1 ::1 ::1 [::1] %s %s\n", port, port);
    ck_assert_str_eq(read_rest(fd), expected);
}
END_TEST

/* Three descriptors, of which the socket blocks; signals as after boot. */
START_TEST(a_program_finds_what_inetd_gives_it)
{
    const char *text;

    daemon_start(SERVICE_AT("tcp:127.0.0.1:0", "",
                            SHELL("ls /proc/$$/fd; cat /proc/$$/fdinfo/0; "
                                  "grep -E 'Sig(Blk|Ign)' /proc/self/status; "
                                  "ss -tnoH sport = :$TCPLOCALPORT")));
    text = read_rest(raw_connect(daemon_address("it", 0)));
    ck_assert_msg(strncmp(text, "0\n1\n2\npos:", 10) == 0, "%s", text);
    ck_assert_msg(strstr(text, "flags:\t02\n") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "SigBlk:\t0000000000000000\n") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "SigIgn:\t0000000000000000\n") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "timer:(keepalive,") != NULL, "%s", text);
}
END_TEST

START_TEST(bad_ends_are_logged_and_counted)
{
    int fd;

    daemon_start(SERVICE("", SHELL("read -r how || exit 3; echo no way >&2; kill $how $$")));
    fd = raw_connect(PLACE);
    shutdown(fd, SHUT_WR);
    ck_assert_str_eq(read_rest(fd), "");
    status_wait_counter("it", "closed.handler_failed", 1);
    ck_assert(log_has("event=handler-failed", "service=it", "status=\"exit status 3\"",
                      "took_ms=", "peer=unix:"));
    fd = raw_connect(PLACE);
    raw_send_text(fd, "-SEGV\n");
    ck_assert_str_eq(read_rest(fd), "");
    status_wait_counter("it", "closed.handler_died", 1);
    ck_assert(log_has("event=handler-died", "status=SIGSEGV"));
    ck_assert(log_has("event=handler-stderr", "text=\"no way\""));
}
END_TEST

/* Much more than a pipe holds. */
START_TEST(stderr_is_drained)
{
    daemon_start(SERVICE("", SHELL("yes no | head -c 1000000 >&2; echo yes")));
    expect_answer("yes\n");
    status_wait_counter("it", "closed.replied", 1);
}
END_TEST

START_TEST(a_program_that_is_no_more_is_told_of)
{
    daemon_write("program", "#!/bin/sh\necho here\n");
    ck_assert_int_eq(chmod(expand("$DIR/program"), 0755), 0);
    daemon_start(expand(SERVICE("", "\"$DIR/program\"")));
    expect_answer("here\n");
    ck_assert_int_eq(unlink(expand("$DIR/program")), 0);
    expect_answer("");
    status_wait_counter("it", "closed.handler_failed", 1);
    ck_assert(log_has("event=handler-failed", "cannot start", "/program"));
}
END_TEST

/* The end of what it reads, and SIGPIPE, are all that it needs to know. */
START_TEST(a_client_that_leaves_ends_its_program)
{
    int fd;

    daemon_start(SERVICE("", SHELL("read -r line || exit 0; echo $line")));
    fd = raw_connect(PLACE);
    shutdown(fd, SHUT_RD);
    raw_send_text(fd, "nobody hears\n");
    status_wait_counter("it", "closed.reset", 1);
    close(fd);
    ck_assert(!log_has("event=handler-died"));
    close(raw_connect(PLACE));
    status_wait_counter("it", "closed.replied", 1);
}
END_TEST

START_TEST(a_worker_takes_its_program_along)
{
    pid_t worker, program;
    int fd;

    daemon_start(SERVICE("", STAYS));
    fd = raw_connect(PLACE);
    program = read_pid(fd);
    worker = status_wait_busy("it", "handling");
    ck_assert(UNTIL(status_handler_group("it") == program));
    kill(worker, SIGKILL);
    ck_assert_str_eq(read_rest(fd), "");
    ck_assert(UNTIL(!process_lives(program)));
}
END_TEST

/* Neither those in its group nor those that have left it. */
START_TEST(a_program_leaves_nothing_behind)
{
    char text[64];

    daemon_start(SERVICE("", SHELL("setsid sleep 600 & sleep 600 & echo done")));
    snprintf(text, sizeof(text), "%s", read_rest(raw_connect(PLACE)));
    ck_assert_str_eq(text, "done\n");
    status_wait_counter("it", "closed.replied", 1);
    daemon_stop();
}
END_TEST

/* The socket may be in other hands by now: here it is in ours. */
START_TEST(nobody_keeps_a_client_waiting)
{
    pid_t program;
    int pid_fd, taken;
    int fd;

    daemon_start(SERVICE("deadlines { request = 300ms }", STAYS));
    fd = raw_connect(PLACE);
    program = read_pid(fd);
    pid_fd = pidfd_open(program, 0);
    taken = pidfd_getfd(pid_fd, STDOUT_FILENO, 0);
    ck_assert_msg(taken >= 0, "pidfd_getfd: %m");
    kill(daemon_pid(), SIGINT); /* a stop at once, in which the worker does not linger */
    ck_assert_str_eq(read_rest(fd), "");
    close(taken);
    close(pid_fd);
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert(!process_lives(program));
}
END_TEST

START_TEST(a_stop_lets_a_program_finish)
{
    int fd;

    daemon_start(SERVICE("", SHELL("read -r one; echo $one; read -r two; echo $two")));
    fd = raw_connect(PLACE);
    raw_send_text(fd, "one\n");
    raw_expect_text(fd, "one\n");
    kill(daemon_pid(), SIGTERM);
    log_wait("event=stop");
    raw_send_text(fd, "two\n");
    ck_assert_str_eq(read_rest(fd), "two\n");
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* TERM after `drain`, KILL after `grace`. */
START_TEST(a_stop_does_not_wait_for_ever)
{
    int fd;

    daemon_start(SERVICE("deadlines { drain = 200ms grace = 100ms }",
                         SHELL("trap 'echo asked' TERM; echo here; while :; do sleep 0.05; done")));
    fd = raw_connect(PLACE);
    raw_expect_text(fd, "here\n");
    kill(daemon_pid(), SIGTERM);
    ck_assert_str_eq(read_rest(fd), "asked\n");
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert(log_has("event=closed", "reason=stop"));
    ck_assert(!log_has("event=worker-killed"));
}
END_TEST

START_TEST(a_reload_leaves_who_is_served_alone)
{
    pid_t old;
    int fd;

    daemon_start(SERVICE("", SHELL("echo old; read -r line; echo old $line")));
    fd = raw_connect(PLACE);
    raw_expect_text(fd, "old\n");
    old = status_wait_busy("it", "handling");
    reload(SERVICE("", SHELL("echo new")));
    expect_answer("new\n");
    raw_send_text(fd, "still\n");
    ck_assert_str_eq(read_rest(fd), "old still\n");
    status_wait_gone(&old, 1);
}
END_TEST

START_TEST(request_is_for_the_whole_connection)
{
    int fd;

    daemon_start(SERVICE("deadlines { request = 200ms }", STAYS));
    fd = raw_connect(PLACE);
    read_pid(fd);
    ck_assert_str_eq(read_rest(fd), "");
    status_wait_counter("it", "closed.request", 1);
    ck_assert(log_has("event=handler-timeout", "status=SIGTERM", "took_ms="));
    fd = raw_connect(PLACE); /* the same worker goes on */
    read_pid(fd);
    close(fd);
    ck_assert(!log_has("event=worker-late"));
}
END_TEST

START_TEST(pools_work_as_ever)
{
    pid_t first[WORKERS_MAX];

    daemon_start("service it { listen = \"" PLACE "\" overload = reject queue_timeout = 0s\n"
                 "busy_reply = 'full\\n'\n"
                 "handler { command = cat per_connection = yes }\n"
                 "workers { mode = ondemand max = 1 max_requests = 2 idle_exit = 100ms } }\n");
    for (int i = 0; i < 2; i++) {
        int fd = raw_connect(PLACE);

        raw_send_text(fd, "x");
        raw_expect_text(fd, "x");
        if (i == 0)
            ck_assert_uint_eq(status_workers("it", first), 1);
        expect_answer("full\n");
        close(fd);
        status_wait_counter("it", "closed.replied", i + 1);
    }
    ck_assert_int_eq(status_counter("it", "closed.rejected"), 2);
    status_wait_gone(first, 1);
    status_wait_workers("it", 0);
}
END_TEST

SUITE("per_connection", a_connection_is_counted_as_a_message, a_unix_client_is_named,
      an_ipv6_client_is_named, a_program_finds_what_inetd_gives_it, bad_ends_are_logged_and_counted,
      stderr_is_drained, a_program_that_is_no_more_is_told_of,
      a_client_that_leaves_ends_its_program, a_worker_takes_its_program_along,
      a_program_leaves_nothing_behind, nobody_keeps_a_client_waiting, a_stop_lets_a_program_finish,
      a_stop_does_not_wait_for_ever, a_reload_leaves_who_is_served_alone,
      request_is_for_the_whole_connection, pools_work_as_ever)
