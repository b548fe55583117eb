/* Listeners over reloads: what stays is the same socket, what has changed is so afterwards. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define SERVICE(name, listen, more)                                                                \
    "service " name " { listen = {" listen "} framing = line workers { max = 2 }\n" more "\n"      \
    "handler { builtin = echo } }\n"

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

/* TEXT with PORT for its %u, if it has one. */
static const char *with_port(const char *text, unsigned port)
{
    static char whole[4096];
    const char *mark = strstr(text, "%u");

    if (!mark)
        return text;
    snprintf(whole, sizeof(whole), "%.*s%u%s", (int)(mark - text), text, port, mark + 2);
    return whole;
}

/* Of the loopback, and nobody's just now. */
static unsigned free_port(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    close(fd);
    return ntohs(name.sin_port);
}

static const char *tcp(unsigned port)
{
    static char text[32];

    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u", port);
    return text;
}

static ino_t inode_of(const char *path)
{
    struct stat status;

    ck_assert_int_eq(stat(expand(path), &status), 0);
    return status.st_ino;
}

/* A copy of the master's listening socket at PORT. */
static int take_listener(unsigned port)
{
    int pidfd = (int)syscall(SYS_pidfd_open, daemon_pid(), 0);
    int found = -1;

    for (int number = 3; pidfd >= 0 && number < 64 && found < 0; number++) {
        int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        struct sockaddr_in name = {0};
        socklen_t length = sizeof(name);
        int listens = 0;
        socklen_t size = sizeof(listens);

        if (fd < 0)
            continue;
        if (getsockname(fd, (struct sockaddr *)&name, &length) == 0 && name.sin_family == AF_INET &&
            ntohs(name.sin_port) == port &&
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
            found = fd;
        else
            close(fd);
    }
    close(pidfd);
    return found;
}

static bool is_bound(unsigned port)
{
    int fd = take_listener(port);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* For a listener the kernel has its backlog there. */
static unsigned backlog_of(unsigned port)
{
    int fd = take_listener(port);
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    close(fd);
    return info.tcpi_sacked;
}

/* How many connect to the Unix socket PATH before the kernel takes no more. */
static unsigned room_at(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fds[64];
    unsigned count = 0;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", expand(path));
    while (count < 64) {
        fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(fds[count], (const struct sockaddr *)&name, sizeof(name)) < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            close(fds[count]);
            break;
        }
        count++;
    }
    for (unsigned i = 0; i < count; i++)
        close(fds[i]);
    return count;
}

START_TEST(backlog_of_a_kept_socket_changes)
{
    unsigned port = free_port();
    struct output output;

    daemon_start(with_port(
        SERVICE("it", "\"tcp:127.0.0.1:%u\", \"unix:$DIR/x.sock\"", "limits { backlog = 5 }"),
        port));
    ck_assert_uint_eq(backlog_of(port), 5);
    daemon_configure(with_port(
        SERVICE("it", "\"tcp:127.0.0.1:%u\", \"unix:$DIR/x.sock\"", "limits { backlog = 17 }"),
        port));
    reload_well();
    ck_assert_uint_eq(backlog_of(port), 17);
    /* Without workers nobody takes them away. */
    RUN(&output, FRAMECTL, "-s", daemon_control(), "drain", "it");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_uint_eq(room_at("$DIR/x.sock"), 18);
    daemon_configure(with_port(
        SERVICE("it", "\"tcp:127.0.0.1:%u\", \"unix:$DIR/x.sock\"", "limits { backlog = 30 }"),
        port));
    reload_well();
    ck_assert_uint_eq(room_at("$DIR/x.sock"), 31 - 18);
}
END_TEST

START_TEST(owner_of_a_kept_socket_changes)
{
    const struct group *daemon = getgrnam("daemon");
    struct stat status;
    ino_t inode;

    if (geteuid() != 0 || !daemon)
        return;
    daemon_start(SERVICE("it", "\"unix:$DIR/x.sock\"", ""));
    inode = inode_of("$DIR/x.sock");
    daemon_configure(SERVICE("it", "\"unix:$DIR/x.sock,user=nobody,group=daemon,mode=0604\"", ""));
    reload_well();
    ck_assert_int_eq(stat(expand("$DIR/x.sock"), &status), 0);
    ck_assert_uint_eq(status.st_ino, inode);
    ck_assert_uint_eq(status.st_gid, daemon->gr_gid);
    ck_assert_uint_ne(status.st_uid, 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0604);
}
END_TEST

/* Those who come and go at the address notice nothing of what becomes of its service. */
START_TEST(rename_under_load_loses_nobody)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 4};
    unsigned port = free_port();

    daemon_start(with_port(SERVICE("one", "\"tcp:127.0.0.1:%u\"", ""), port));
    load.address = tcp(port);
    load_start(&load);
    for (int i = 0; i < 5; i++) {
        load_wait(&load, 100);
        daemon_configure(with_port(i % 2 ? SERVICE("one", "\"tcp:127.0.0.1:%u\"", "")
                                         : SERVICE("two", "\"tcp:127.0.0.1:%u\"", ""),
                                   port));
        reload_well();
    }
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_int_gt(status_counter("two", "messages"), 0);
    ck_assert_int_eq(status_counter("one", "messages"), -1);
}
END_TEST

START_TEST(changes_elsewhere_under_load_lose_nobody)
{
    static const char *const others[] = {
        SERVICE("stays", "\"unix:$DIR/x.sock\"", ""),
        SERVICE("stays", "\"unix:$DIR/x.sock,mode=0666\", \"tcp:127.0.0.1:%u\"", ""),
        SERVICE("stays", "\"unix:$DIR/x.sock\", \"unix:$DIR/y.sock\"", "limits { backlog = 9 }")
            SERVICE("other", "\"tcp:127.0.0.1:%u\"", ""),
    };
    struct load passing = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 3};
    struct load staying = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 1};
    unsigned port = free_port();

    daemon_start(others[0]);
    passing.address = staying.address = expand("unix:$DIR/x.sock");
    load_start(&passing);
    load_start(&staying);
    for (int i = 1; i <= 9; i++) {
        load_wait(&passing, 50);
        daemon_configure(with_port(others[i % 3], port));
        reload_well();
    }
    load_wait(&passing, 50);
    load_stop_clean(&passing);
    load_stop_clean(&staying);
}
END_TEST

START_TEST(listeners_move_between_services)
{
    ino_t x, y;
    pid_t pids[PROCESSES_MAX];

    daemon_start("service a { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { builtin = echo } }\n"
                 "service b { listen = \"unix:$DIR/y.sock\" framing = netstring\n"
                 "workers { max = 1 } handler { builtin = echo } }\n");
    x = inode_of("$DIR/x.sock");
    y = inode_of("$DIR/y.sock");
    client_once("unix:$DIR/x.sock", "line", "hello", "hello");
    client_once("unix:$DIR/y.sock", "netstring", "hello", "hello");
    daemon_configure(
        "service a { listen = \"unix:$DIR/y.sock\" framing = line workers { max = 1 }\n"
        "handler { builtin = echo } }\n"
        "service b { listen = \"unix:$DIR/x.sock\" framing = netstring\n"
        "workers { max = 1 } handler { builtin = echo } }\n");
    reload_well();
    /* and a keeper of each */
    ck_assert(UNTIL(process_children(daemon_pid(), pids, PROCESSES_MAX) == 2 + 2));
    client_once("unix:$DIR/y.sock", "line", "hello", "hello");
    client_once("unix:$DIR/x.sock", "netstring", "hello", "hello");
    ck_assert_uint_eq(inode_of("$DIR/x.sock"), x);
    ck_assert_uint_eq(inode_of("$DIR/y.sock"), y);
}
END_TEST

#define OTHER SERVICE("other", "\"unix:$DIR/o.sock\"", "")
#define SLOW(listen)                                                                               \
    "service slow { listen = " listen " framing = line workers { max = 1 }\n"                      \
    "handler { command = {\"$HANDLERS/scripted\"} probe = ping } }\n"

/* A worker that had the address is still busy when the address comes back. */
static void bring_back(const char *with, unsigned port, const char *address)
{
    struct framed_client *client;

    daemon_start(with_port(with, port));
    client = client_open(address, "line");
    client_send(client, "!slow 1000");
    status_wait_busy("slow", "handling");
    daemon_configure(OTHER);
    reload_well();
    daemon_configure(with_port(with, port));
    reload_well();
    client_once(address, "line", "hello", "hello");
    client_receive(client, "slow");
    framed_client_free(client);
    client_once(address, "line", "again", "again");
    daemon_configure(OTHER);
    reload_well();
    ck_assert(UNTIL(({
        struct framed_client *late;
        int result = framed_client_open(address, "line", 0, 1000, &late, NULL, 0);
        if (result == 0)
            framed_client_free(late);
        result < 0;
    })));
}

START_TEST(tcp_address_comes_back_while_workers_leave)
{
    unsigned port = free_port();

    bring_back(OTHER SLOW("\"tcp:127.0.0.1:%u\""), port, tcp(port));
}
END_TEST

START_TEST(abstract_address_comes_back_while_workers_leave)
{
    char address[64];
    char config[1024];

    snprintf(address, sizeof(address), "unix:@framed-test-%d", (int)getpid());
    snprintf(config, sizeof(config), OTHER SLOW("\"%s\""), address);
    bring_back(config, 0, address);
}
END_TEST

/* What a reload has bound that comes to nothing is let go of, and can be had by the next one. */
START_TEST(address_of_a_failed_reload_is_free)
{
    unsigned port = free_port();
    struct output output;

    daemon_start(OTHER);
    for (int i = 0; i < 3; i++) {
        daemon_configure(with_port(OTHER
                                   "service new { listen = \"tcp:127.0.0.1:%u\" framing = line\n"
                                   "handler { command = {\"false\"} } }\n",
                                   port));
        RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, "\"false\" ended at its start"), "%s", output.err);
    }
    ck_assert(UNTIL(!is_bound(port)));
    daemon_configure(with_port(OTHER SERVICE("new", "\"tcp:127.0.0.1:%u\"", ""), port));
    reload_well();
    client_once(tcp(port), "line", "hello", "hello");
}
END_TEST

SUITE("sockets", backlog_of_a_kept_socket_changes, owner_of_a_kept_socket_changes,
      rename_under_load_loses_nobody, changes_elsewhere_under_load_lose_nobody,
      listeners_move_between_services, tcp_address_comes_back_while_workers_leave,
      abstract_address_comes_back_while_workers_leave, address_of_a_failed_reload_is_free)
