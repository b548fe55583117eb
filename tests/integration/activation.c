/* Sockets that somebody else has bound and keeps: by name, over reloads, over a restart. The test
 * is the one who keeps them, as systemd does. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3
#define SOCKETS_MAX 8
/* Descriptors that are safe from being placed. */
#define SAFE_FD 100

#define ECHO(address)                                                                              \
    "service echo { listen = " address " framing = line workers { max = 2 }\n"                     \
    "handler { builtin = echo } }\n"

static struct {
    int fds[SOCKETS_MAX];
    char names[256]; /* "echo:echo:web" */
    int count;
} kept;

/* As systemd does it, between fork and exec. */
static void pass_sockets(void)
{
    char text[16];

    for (int i = 0; i < kept.count; i++)
        dup2(kept.fds[i], FIRST_FD + i);
    snprintf(text, sizeof(text), "%d", getpid());
    setenv("LISTEN_PID", text, 1);
    snprintf(text, sizeof(text), "%d", kept.count);
    setenv("LISTEN_FDS", text, 1);
    setenv("LISTEN_FDNAMES", kept.names, 1);
}

static void keep(int fd, const char *name)
{
    size_t length = strlen(kept.names);

    ck_assert_int_ge(fd, 0);
    kept.fds[kept.count] = fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD);
    ck_assert_int_ge(kept.fds[kept.count], SAFE_FD);
    close(fd);
    snprintf(kept.names + length, sizeof(kept.names) - length, "%s%s", kept.count ? ":" : "", name);
    kept.count++;
    daemon_prepare_with(pass_sockets);
}

/* A TCP socket that listens, blocking as systemd leaves it; its address, in static storage. */
static const char *keep_tcp(const char *name)
{
    static char texts[SOCKETS_MAX][32];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    char *text = texts[kept.count];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 128), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(text, sizeof(texts[0]), "tcp:127.0.0.1:%d", ntohs(address.sin_port));
    keep(fd, name);
    return text;
}

/* A Unix socket of TYPE at $DIR/FILE. */
static void keep_unix(const char *name, const char *file, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", expand("$DIR"), file);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    if (type == SOCK_STREAM)
        ck_assert_int_eq(listen(fd, 128), 0);
    keep(fd, name);
}

static void reload(int status, const char *told)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == status, "%s%s", output.out, output.err);
    ck_assert_msg(strstr(status ? output.err : output.out, told), "%s", output.err);
}

/* It ends with 1, and has said why in TOLD. */
static void refuses_to_start(const char *listen, const char *told)
{
    char config[512];

    snprintf(config, sizeof(config), ECHO("%s"), listen);
    daemon_configure(config);
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert_int_eq(daemon_wait(), 1);
    ck_assert_msg(log_has("event=start-failed", told), "not told: %s", told);
}

START_TEST(all_sockets_of_a_name_are_served)
{
    const char *tcp = keep_tcp("echo");
    const char *spare = keep_tcp("spare");
    struct output output;
    char line[128];

    keep_unix("echo", "echo.sock", SOCK_STREAM);
    daemon_start(ECHO("\"fd:echo\""));
    client_once(tcp, "line", "over TCP", "over TCP");
    client_once("unix:$DIR/echo.sock", "line", "over Unix", "over Unix");
    snprintf(line, sizeof(line), "address=%s", tcp);
    ck_assert(log_has("event=listen", line, "activated=fd:echo#0"));
    ck_assert(log_has("event=listen", "/echo.sock", "activated=fd:echo#1"));
    snprintf(line, sizeof(line), "address=%s", spare);
    ck_assert(log_has("event=socket-unused", line, "activated=fd:spare#0"));
    ck_assert_uint_eq(log_count("event=socket-unused"), 1);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    snprintf(line, sizeof(line), "listen    %s (fd:echo#0)", tcp);
    ck_assert_msg(strstr(output.out, line), "%s", output.out);
    ck_assert_int_eq(unlink(expand("$DIR/echo.sock")), 0);
}
END_TEST

START_TEST(more_sockets_than_an_address_has)
{
    const char *tcp[SOCKETS_MAX];

    for (int i = 0; i < SOCKETS_MAX; i++)
        tcp[i] = keep_tcp(i % 2 ? "odd" : "even");
    daemon_start(ECHO("{\"fd:even\", \"tcp:127.0.0.1:0\", \"fd:odd\"}"));
    for (int i = 0; i < SOCKETS_MAX; i++)
        client_once(tcp[i], "line", "hello", "hello");
    client_once(daemon_address("echo", SOCKETS_MAX / 2), "line", "hello", "hello");
}
END_TEST

START_TEST(file_of_a_socket_is_not_ours)
{
    struct stat before, after;

    keep_unix("echo", "echo.sock", SOCK_STREAM);
    ck_assert_int_eq(chmod(expand("$DIR/echo.sock"), 0612), 0);
    ck_assert_int_eq(stat(expand("$DIR/echo.sock"), &before), 0);
    daemon_start(ECHO("\"fd:echo\""));
    reload(0, "reloaded");
    ck_assert_int_eq(kill(daemon_pid(), SIGTERM), 0);
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert_int_eq(stat(expand("$DIR/echo.sock"), &after), 0);
    ck_assert_uint_eq(after.st_ino, before.st_ino);
    ck_assert_uint_eq(after.st_mode, before.st_mode);
    ck_assert_int_eq(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
    ck_assert_int_eq(unlink(expand("$DIR/echo.sock")), 0);
}
END_TEST

START_TEST(reload_drops_a_name_and_takes_it_up_again)
{
    const char *one = keep_tcp("one");
    const char *two = keep_tcp("two");
    struct framed_client *waits;

    daemon_start(ECHO("{\"fd:one\", \"fd:two\"}"));
    client_once(two, "line", "hello", "hello");
    daemon_configure(ECHO("\"fd:one\""));
    reload(0, "reloaded");
    log_wait("event=socket-unused", "activated=fd:two#0");
    status_wait_workers("echo", 2);
    /* The socket is still there, and nobody refuses. */
    waits = client_open(two, "line");
    client_send(waits, "for later");
    client_once(one, "line", "hello", "hello");
    daemon_configure(ECHO("\"fd:three\""));
    reload(1, "found \"fd:three\", allowed: fd:two, fd:one");
    client_once(one, "line", "hello", "hello");
    daemon_configure(ECHO("{\"fd:one\", \"fd:two\"}"));
    reload(0, "reloaded");
    client_receive(waits, "for later");
    framed_client_free(waits);
}
END_TEST

/* Who waits where a reload has just taken the name away is served by those that leave. */
START_TEST(waiting_at_a_dropped_name_is_served)
{
    const char *one = keep_tcp("one");
    const char *two = keep_tcp("two");
    struct framed_client *busy, *waits;

    daemon_start("service it { listen = {\"fd:one\", \"fd:two\"} framing = line\n"
                 "workers { max = 1 } handler { builtin = echo } }\n");
    busy = client_open(one, "line");
    client_expect(busy, "hello", "hello");
    waits = client_open(two, "line");
    client_send(waits, "still");
    daemon_configure("service it { listen = \"fd:one\" framing = line\n"
                     "workers { max = 1 } handler { builtin = echo } }\n");
    reload(0, "reloaded");
    client_receive(waits, "still");
    framed_client_free(busy);
    framed_client_free(waits);
}
END_TEST

/* Names of the environment are gone by then; the sockets are not. */
START_TEST(upgrade_keeps_them)
{
    const char *one = keep_tcp("one");
    const char *two = keep_tcp("two");
    struct framed_client *busy, *waits;
    struct output output;
    int pid = 0;

    daemon_start("service it { listen = {\"fd:one\", \"fd:two\"} framing = line\n"
                 "workers { max = 1 } handler { builtin = echo } }\n");
    daemon_upgrade();
    busy = client_open(one, "line");
    client_expect(busy, "hello", "hello");
    waits = client_open(two, "line");
    client_send(waits, "still");
    daemon_configure("service it { listen = \"fd:one\" framing = line\n"
                     "workers { max = 1 } handler { builtin = echo } }\n");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_int_eq(sscanf(output.out, "upgraded: process %d", &pid), 1);
    client_receive(waits, "still");
    framed_client_free(busy);
    framed_client_free(waits);
    daemon_follow(pid);
    log_wait("event=socket-unused", "activated=fd:two#0");
    daemon_configure(ECHO("{\"fd:one\", \"fd:two\"}"));
    reload(0, "reloaded");
    client_once(one, "line", "hello", "hello");
    client_once(two, "line", "hello", "hello");
}
END_TEST

START_TEST(restart_refuses_nobody)
{
    struct load load = {
        .framing = "line", .style = LOAD_CONNECTION_A_MESSAGE, .clients = 4, .address = ""};

    load.address = keep_tcp("echo");
    daemon_start(ECHO("\"fd:echo\""));
    load_start(&load);
    for (int i = 0; i < 3; i++) {
        load_wait(&load, 20);
        daemon_stop();
        daemon_configure(ECHO("\"fd:echo\""));
        daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    }
    load_wait(&load, 20);
    load_stop_clean(&load);
}
END_TEST

START_TEST(who_connects_without_end_delays_no_stop)
{
    struct load load = {
        .framing = "line", .style = LOAD_CONNECTION_A_MESSAGE, .clients = 16, .address = ""};
    uint64_t began;

    load.address = keep_tcp("echo");
    daemon_start(ECHO("\"fd:echo\""));
    load_start(&load);
    load_wait(&load, 50);
    began = now_ms();
    daemon_stop();
    ck_assert_uint_lt(now_ms() - began, 5000);
    daemon_start(ECHO("\"fd:echo\""));
    load_stop_clean(&load);
}
END_TEST

START_TEST(a_datagram_socket_is_refused)
{
    keep_tcp("echo");
    keep_unix("log", "dgram.sock", SOCK_DGRAM);
    refuses_to_start("\"fd:echo\"", "descriptor 4, passed as \\\"log\\\", is no stream socket");
    ck_assert_int_eq(unlink(expand("$DIR/dgram.sock")), 0);
}
END_TEST

START_TEST(a_connected_socket_is_refused)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    keep(pair[0], "connection");
    refuses_to_start("\"fd:connection\"",
                     "descriptor 3, passed as \\\"connection\\\", does not listen");
    close(pair[1]);
}
END_TEST

START_TEST(what_is_no_socket_is_refused)
{
    keep(open("/dev/null", O_RDONLY | O_CLOEXEC), "null");
    refuses_to_start("\"fd:null\"", "is no socket");
}
END_TEST

START_TEST(an_unknown_name_is_refused_with_those_there_are)
{
    keep_tcp("echo");
    keep_tcp("echo");
    keep_tcp("web");
    refuses_to_start("\"fd:ecko\"", "found \\\"fd:ecko\\\", allowed: fd:web, fd:echo");
}
END_TEST

START_TEST(without_activation_it_is_said)
{
    refuses_to_start("\"fd:echo\"", "was not started by a .socket unit");
}
END_TEST

/* As when a shell with these words in its environment starts framed. */
static void pass_to_another(void)
{
    pass_sockets();
    setenv("LISTEN_PID", "1", 1);
}

START_TEST(sockets_for_another_process_are_not_taken)
{
    keep_tcp("echo");
    daemon_prepare_with(pass_to_another);
    refuses_to_start("\"fd:echo\"", "was not started by a .socket unit");
}
END_TEST

START_TEST(handlers_hear_nothing_of_it)
{
    const char *tcp = keep_tcp("env");

    daemon_start("service env { listen = \"fd:env\" framing = line workers { max = 1 }\n"
                 "handler { command = {\"/bin/sh\", \"-c\", \"while read -r x; do\n"
                 "echo $(env | grep -c LISTEN_) $(find /proc/$$/fd -lname socket:\\\\* | wc -l)\n"
                 "done\"} } }\n");
    client_once(tcp, "line", "?", "0 0");
}
END_TEST

SUITE("activation", all_sockets_of_a_name_are_served, more_sockets_than_an_address_has,
      file_of_a_socket_is_not_ours, reload_drops_a_name_and_takes_it_up_again,
      waiting_at_a_dropped_name_is_served, upgrade_keeps_them, restart_refuses_nobody,
      who_connects_without_end_delays_no_stop, a_datagram_socket_is_refused,
      a_connected_socket_is_refused, what_is_no_socket_is_refused,
      an_unknown_name_is_refused_with_those_there_are, without_activation_it_is_said,
      sockets_for_another_process_are_not_taken, handlers_hear_nothing_of_it)
