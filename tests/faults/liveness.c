/* Workers that hold no deadline, because they spin, hang, or are held: the master does it for them,
 * and nobody else notices. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT(socket, name, workers, handler, deadlines)                                              \
    "service " name " { listen = \"unix:$DIR/" socket "\" framing = line\n"                        \
    "workers { max = " workers " } handler { " handler " } deadlines { " deadlines " } }\n"
#define SERVICE(name, workers, handler, deadlines) AT("x.sock", name, workers, handler, deadlines)
#define STUCK "module = \"$HANDLERS/stuck.so\""
#define ECHO "builtin = echo"
/* A second for the worker, a second after SIGTERM. */
#define LADDER_MS 2000
/* On a machine that is busy with other tests. */
#define SLACK_MS 5000

/* The deadline of MS milliseconds, which ran from BEGAN at the latest, is one that the master held.
 */
static void expect_replaced(pid_t worker, uint64_t began, unsigned ms)
{
    status_wait_gone(&worker, 1);
    ck_assert_uint_lt(now_ms() - began, ms + LADDER_MS + SLACK_MS);
}

#define HANGS 5

/* The worker that has just begun with TEXT. */
static pid_t hang(const char *text, struct framed_client **client)
{
    static pid_t known[HANGS];
    static size_t count;
    pid_t busy[WORKERS_MAX];

    *client = client_open("unix:$DIR/x.sock", "line");
    client_send(*client, text);
    ck_assert(UNTIL(status_in("it", "handling", busy) == count + 1));
    for (size_t i = 0; i <= count; i++) {
        bool is_known = false;

        for (size_t k = 0; k < count; k++)
            is_known |= known[k] == busy[i];
        if (!is_known)
            known[count] = busy[i];
    }
    return known[count++];
}

/* Five of seven workers hang; two clients of the others, with connections that stay, go on. The
 * third of them has manners: SIGTERM ends its wait, and it leaves in order and says why. */
START_TEST(those_that_hang_are_replaced_under_load)
{
    static const char *const texts[HANGS] = {"!spin", "!read", "!wait", "!never", "!nap"};
    struct load load = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 2};
    struct framed_client *clients[HANGS];
    pid_t workers[HANGS];
    uint64_t began;

    daemon_start(SERVICE("it", "7", STUCK, "request = 400ms write = 20s"));
    for (int i = 0; i < HANGS; i++)
        workers[i] = hang(texts[i], &clients[i]);
    kill(workers[4], SIGSTOP);
    began = now_ms();
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (int i = 0; i < HANGS; i++) {
        expect_replaced(workers[i], began, 400);
        client_expect_end(clients[i]);
        framed_client_free(clients[i]);
    }
    status_wait_workers("it", 7);
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_uint_eq(log_count("event=worker-exit"), HANGS);
    ck_assert_uint_eq(log_count("event=worker-exit", "phase=handling", "killed_for=request"), 3);
    ck_assert_uint_eq(log_count("event=worker-exit", "phase=handling", "killed_for=stopped"), 1);
    ck_assert_uint_eq(log_count("event=worker-exit", "level=info", "exit status 0"), 1);
    ck_assert_uint_eq(log_count("event=closed", "reason=request"), 1);
    ck_assert_int_eq(status_counter("it", "closed.request"), 4);
    ck_assert_int_ge(status_counter("it", "connections"), status_closed("it"));
}
END_TEST

/* What is not a message is the handler's time, too: when a client comes, and when it goes. */
START_TEST(those_that_hang_beside_messages_are_replaced)
{
    pid_t lobby[WORKERS_MAX], parting[WORKERS_MAX];
    uint64_t began;

    daemon_start(AT("l.sock", "lobby", "1", STUCK, "request = 200ms")
                     AT("p.sock", "parting", "1", STUCK, "request = 200ms"));
    ck_assert_uint_eq(status_workers("lobby", lobby), 1);
    ck_assert_uint_eq(status_workers("parting", parting), 1);
    close(raw_connect("unix:$DIR/l.sock"));
    close(raw_connect("unix:$DIR/p.sock"));
    began = now_ms();
    expect_replaced(lobby[0], began, 200);
    expect_replaced(parting[0], began, 200);
    log_wait_count(2, "event=worker-exit", "phase=handling", "killed_for=request");
}
END_TEST

/* Who was told by hand is not waited for without end either; its replacement does not wait at all.
 */
START_TEST(one_that_does_not_finish_leaving_is_killed)
{
    pid_t workers[WORKERS_MAX], others[WORKERS_MAX];

    daemon_start(SERVICE("last", "1", STUCK, "drain = 500ms"));
    ck_assert_uint_eq(status_workers("last", workers), 1);
    kill(workers[0], SIGTERM);
    ck_assert(UNTIL(status_workers("last", others) == 1 && others[0] != workers[0]));
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    status_wait_gone(workers, 1);
    log_wait("event=worker-exit", "killed_for=drain");
    kill(daemon_pid(), SIGINT); /* or the other one would take as long */
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* Held by a debugger, which the master cannot see. */
static void hold(pid_t worker)
{
    ck_assert_int_eq(ptrace(PTRACE_SEIZE, worker, NULL, NULL), 0);
    ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, worker, NULL, NULL), 0);
    ck_assert(UNTIL(process_state(worker) == 't'));
}

/* As many replies as nobody reads. */
static void stuff(int fd)
{
    static const char messages[] = "a line of some length, again and again and again and again\n";
    struct pollfd room = {.fd = fd, .events = POLLOUT};

    while (poll(&room, 1, 300) > 0 &&
           send(fd, messages, sizeof(messages) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

static const struct station {
    const char *service;
    const char *text; /* NULL: more than it can answer */
    const char *activity;
} stations[] = {
    {"idle", "", "reading"},
    {"frame", "half a li", "receiving"},
    {"write", NULL, "writing"},
};
#define STATIONS (sizeof(stations) / sizeof(stations[0]))

static void let_go(pid_t worker, const struct station *station)
{
    char killed_for[32], counter[32];
    int status = 0;

    /* The one who holds it hears of its end before its parent does. */
    ck_assert(UNTIL(waitpid(worker, &status, WNOHANG | __WALL) == worker && WIFSIGNALED(status)));
    snprintf(killed_for, sizeof(killed_for), "killed_for=%s ", station->service);
    snprintf(counter, sizeof(counter), "closed.%s", station->service);
    log_wait("event=worker-exit", station->activity, killed_for);
    status_wait_counter(station->service, counter, 1);
}

/* Each service is named after the deadline that its worker fails to hold. */
START_TEST(those_that_are_held_keep_no_client)
{
    pid_t workers[STATIONS];
    int fds[STATIONS];
    uint64_t began;

    daemon_start(AT("idle.sock", "idle", "1", ECHO, "idle = 800ms")
                     AT("frame.sock", "frame", "1", ECHO, "frame = 800ms")
                         AT("write.sock", "write", "1", ECHO, "write = 800ms"));
    for (size_t i = 0; i < STATIONS; i++) {
        char address[64];

        snprintf(address, sizeof(address), "unix:$DIR/%s.sock", stations[i].service);
        fds[i] = raw_connect(address);
        if (stations[i].text)
            raw_send(fds[i], stations[i].text, strlen(stations[i].text));
        else
            stuff(fds[i]);
        workers[i] = status_wait_busy(stations[i].service, stations[i].activity);
        hold(workers[i]);
    }
    began = now_ms();
    for (size_t i = 0; i < STATIONS; i++) {
        let_go(workers[i], &stations[i]);
        expect_replaced(workers[i], began, 800);
        ck_assert_int_ne(raw_end(fds[i]), RAW_TIMEOUT);
    }
    client_once("unix:$DIR/idle.sock", "line", "well", "well");
}
END_TEST

/* All stand still for longer than any deadline, as on a machine that was suspended: nobody is
 * blamed for it. */
START_TEST(standstill_is_nobodys_fault)
{
    struct framed_client *clients[3];
    pid_t workers[WORKERS_MAX], busy[WORKERS_MAX];

    daemon_start(SERVICE("it", "3", STUCK, "request = 400ms idle = 700ms"));
    ck_assert_uint_eq(status_workers("it", workers), 3);
    for (int i = 0; i < 3; i++) {
        clients[i] = client_open("unix:$DIR/x.sock", "line");
        client_send(clients[i], "!nap");
    }
    ck_assert(UNTIL(status_in("it", "handling", busy) == 3));
    kill(daemon_pid(), SIGSTOP);
    for (int i = 0; i < 3; i++)
        kill(workers[i], SIGSTOP);
    nap(2200);
    kill(daemon_pid(), SIGCONT);
    log_wait("event=standstill");
    for (int i = 0; i < 3; i++)
        kill(workers[i], SIGCONT);
    for (int i = 0; i < 3; i++) {
        client_receive(clients[i], "rested");
        framed_client_free(clients[i]);
    }
    ck_assert_uint_eq(log_count("event=worker-late"), 0);
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
}
END_TEST

/* A master that does not read fills the pipes of its workers, who serve on; and it learns what it
 * missed. */
START_TEST(master_that_does_not_read_holds_nobody_up)
{
    char expected[64];
    pid_t workers[WORKERS_MAX], handlers[8];

    daemon_start(SERVICE("it", "1", "command = {\"$HANDLERS/scripted\"}", "request = 10s"));
    ck_assert_uint_eq(status_workers("it", workers), 1);
    kill(daemon_pid(), SIGSTOP);
    ck_assert(UNTIL(process_state(daemon_pid()) == 'T'));
    /* Each death and each start is a record of a KiB, and a pipe holds 64. */
    for (int i = 0; i < 100; i++) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send_text(fd, "well\n!die 1\n");
        raw_expect_text(fd, "well\n");
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    }
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    kill(daemon_pid(), SIGCONT);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    ck_assert_uint_eq(process_children(workers[0], handlers, 8), 1);
    snprintf(expected, sizeof(expected), "%d", (int)handlers[0]);
    ck_assert(UNTIL(status_handler_group("it") == handlers[0]));
}
END_TEST

SUITE("liveness", those_that_hang_are_replaced_under_load,
      those_that_hang_beside_messages_are_replaced, one_that_does_not_finish_leaving_is_killed,
      those_that_are_held_keep_no_client, standstill_is_nobodys_fault,
      master_that_does_not_read_holds_nobody_up)
