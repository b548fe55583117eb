/*
 * Connections outlive their workers: whatever makes a worker leave, its clients go on with another
 * one, and lose nothing. Where nobody can go on with them they are closed in order; where a worker
 * does not leave but dies, its own are lost, and no others.
 */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(framing, handler, workers, more)                                                   \
    "service it { listen = {\"" PLACE "\", \"tcp:127.0.0.1:0\"} framing = " framing                \
    " handler { " handler " }\nworkers { connections = 1000 " workers " } " more " }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"} settle = 20ms"
#define CROWD_MAX 2000
#define TEXT_SIZE 64

/* Clients that ask in turns, and are owed each reply. */
static int crowd[CROWD_MAX];
static size_t crowd_size = 300;
static unsigned long asked;

static void connect_all(void)
{
    const char *tcp = daemon_address("it", 1);

    for (size_t i = 0; i < crowd_size; i++)
        crowd[i] = raw_connect(i % 2 ? tcp : PLACE);
}

/* All ask something, a few bytes now and the rest a little later; then each has its answer. */
static void ask_all(void)
{
    static char text[CROWD_MAX][TEXT_SIZE];
    static int length[CROWD_MAX];

    for (size_t i = 0; i < crowd_size; i++) {
        length[i] = snprintf(text[i], TEXT_SIZE, "question %lu of %zu\n", asked++, i);
        raw_send(crowd[i], text[i], i % 7);
    }
    for (size_t i = 0; i < crowd_size; i++)
        raw_send(crowd[i], text[i] + i % 7, (size_t)length[i] - i % 7);
    for (size_t i = 0; i < crowd_size; i++)
        raw_expect(crowd[i], text[i], (size_t)length[i]);
}

static void close_all(void)
{
    for (size_t i = 0; i < crowd_size; i++)
        close(crowd[i]);
}

/* Nobody was closed but by us, and each message was answered once. */
static void check_sums(void)
{
    status_wait_counter("it", "connections", (long long)crowd_size);
    ck_assert_int_eq(status_closed("it"), 0);
    ck_assert_int_eq(status_counter("it", "messages"), (long long)asked);
    ck_assert_int_eq(status_counter("it", "replies"), (long long)asked);
    close_all();
    status_wait_counter("it", "closed.client", (long long)crowd_size);
    ck_assert_int_eq(status_closed("it"), (long long)crowd_size);
    ck_assert_int_eq(status_counter("it", "moved_in"), status_counter("it", "moved_out"));
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
}

/* ACT while they ask. */
static void survive(const char *config, unsigned rounds, void (*act)(unsigned round))
{
    daemon_start(config);
    connect_all();
    ask_all();
    for (unsigned round = 0; round < rounds; round++) {
        act(round);
        ask_all();
    }
}

static void reload(unsigned round)
{
    (void)round;
    kill(daemon_pid(), SIGHUP);
}

static void reload_and_wait(unsigned round)
{
    json_t *answer = control_ask("reload");

    (void)round;
    ck_assert(json_is_true(json_object_get(answer, "ok")));
    json_decref(answer);
}

START_TEST(storm_of_reloads)
{
    survive(SERVICE("line", ECHO, "max = 3", ""), 60, reload);
    reload_and_wait(0);
    check_sums();
    ck_assert_int_gt(status_counter("it", "moved_out"), (long long)crowd_size);
}
END_TEST

/* Descriptors for all of them, here and in framed. */
static void allow_many(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Each asks while the workers change, about once a second. */
START_TEST(storm_of_reloads_with_many_clients)
{
    uint64_t slowest_ms = 0;

    crowd_size = CROWD_MAX;
    allow_many();
    daemon_start(SERVICE("line", ECHO, "max = 4", "limits { backlog = 4096 }"));
    connect_all();
    for (unsigned round = 0; round < 12; round++) {
        uint64_t began_ms = now_ms();

        reload(round);
        ask_all();
        slowest_ms = now_ms() - began_ms > slowest_ms ? now_ms() - began_ms : slowest_ms;
    }
    printf("%d clients had their answers within %d ms\n", CROWD_MAX, (int)slowest_ms);
    reload_and_wait(0);
    check_sums();
}
END_TEST

START_TEST(storm_of_reloads_with_a_command)
{
    survive(SERVICE("line", SCRIPTED, "max = 3", ""), 10, reload);
    reload_and_wait(0);
    check_sums();
}
END_TEST

START_TEST(recycling)
{
    survive(SERVICE("line", ECHO, "max = 3 max_requests = 100", ""), 20, (void (*)(unsigned))nap);
    check_sums();
    ck_assert_int_gt(status_counter("it", "moved_out"), (long long)crowd_size);
}
END_TEST

static void scale(unsigned round)
{
    char words[32];

    snprintf(words, sizeof(words), "scale it %u", 1 + round * 7 % 5);
    json_decref(control_ask(words));
}

START_TEST(scaling)
{
    survive(SERVICE("line", ECHO, "max = 3", ""), 30, scale);
    check_sums();
}
END_TEST

static void upgrade(unsigned round)
{
    (void)round;
    daemon_upgrade();
}

/* A new framed counts from its own start. */
START_TEST(upgrades)
{
    survive(SERVICE("line", ECHO, "max = 3", ""), 5, upgrade);
    close_all();
    status_wait_counter("it", "closed.client", (long long)crowd_size);
    /* by the keeper, and by the workers */
    ck_assert_int_ge(status_counter("it", "moved_in"), 2 * (long long)crowd_size);
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
}
END_TEST

/* Bytes of an unfinished message, more than a packet takes, go along. */
START_TEST(large_part_of_a_message)
{
    static char text[1000000];
    int fd;

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    daemon_start(SERVICE("line", ECHO, "max = 2", ""));
    fd = raw_connect(PLACE);
    for (size_t sent = 0; sent < sizeof(text); sent += sizeof(text) / 4) {
        raw_send(fd, text + sent, sizeof(text) / 4);
        reload_and_wait(0);
        ck_assert(UNTIL(status_counter("it", "moved_in") == status_counter("it", "moved_out")));
    }
    raw_expect(fd, text, sizeof(text));
    ck_assert_int_eq(status_closed("it"), 0);
    close(fd);
}
END_TEST

/* What a client is asked meanwhile by its deadline goes on with it. */
START_TEST(deadlines_go_on)
{
    int silent, begun;

    daemon_start(SERVICE("line", ECHO, "max = 2", "deadlines { idle = 1500ms frame = 1s }"));
    silent = raw_connect(PLACE);
    begun = raw_connect(PLACE);
    raw_send_text(begun, "half of");
    for (uint64_t began = now_ms(); now_ms() - began < 800;)
        reload_and_wait(0);
    ck_assert_int_eq(status_closed("it"), 0);
    ck_assert_int_ne(raw_end(begun), RAW_TIMEOUT);
    ck_assert_int_eq(raw_end(silent), RAW_EOF);
    status_wait_counter("it", "closed.frame", 1);
    status_wait_counter("it", "closed.idle", 1);
}
END_TEST

/* Another framing, another address: nobody could go on with them. */
static void closes_in_order(const char *after)
{
    int fds[20];
    char byte;

    daemon_start(SERVICE("line", ECHO, "max = 2", ""));
    for (size_t i = 0; i < 20; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send_text(fds[i], "x\n");
        raw_expect_text(fds[i], "x\n");
    }
    daemon_configure(after);
    reload_and_wait(0);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(recv(fds[i], &byte, 1, 0), 0);
        close(fds[i]);
    }
    status_wait_counter("it", "closed.drain", 20);
}

START_TEST(other_framing_closes_them)
{
    closes_in_order(SERVICE("u32be", ECHO, "max = 2", ""));
}
END_TEST

START_TEST(removed_address_closes_them)
{
    closes_in_order("service it { listen = \"unix:$DIR/y.sock\" framing = line\n"
                    "handler { builtin = echo } workers { connections = 1000 } }\n");
}
END_TEST

START_TEST(own_framing_that_changes_closes_them)
{
    int fd;
    char byte;

    daemon_start("framing own { base = \"length:be2\" }\n" SERVICE("own", ECHO, "max = 1", ""));
    fd = raw_connect(PLACE);
    raw_send(fd, "\0\1x", 3);
    raw_expect(fd, "\0\1x", 3);
    reload_and_wait(0);
    raw_send(fd, "\0\1y", 3);
    raw_expect(fd, "\0\1y", 3);
    daemon_configure("framing own { base = \"length:be4\" }\n" SERVICE("own", ECHO, "max = 1", ""));
    reload_and_wait(0);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
}
END_TEST

/* A service that is drained by order has nobody to go on with them. */
START_TEST(drained_service_closes_them)
{
    daemon_start(SERVICE("line", ECHO, "max = 2", ""));
    connect_all();
    ask_all();
    json_decref(control_ask("drain it"));
    for (size_t i = 0; i < crowd_size; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    status_wait_counter("it", "closed.drain", (long long)crowd_size);
}
END_TEST

/* A module that keeps something for each connection keeps its connections, to their end. */
START_TEST(module_with_state_keeps_its_own)
{
    struct framed_client *client;

    daemon_start(
        SERVICE("line", "module = \"$HANDLERS/../support/handlers/good.so\"", "max = 2", ""));
    client = client_open(PLACE, "line");
    client_expect(client, "count", "1 of 1");
    reload_and_wait(0);
    client_expect_end(client);
    framed_client_free(client);
    ck_assert_int_eq(status_counter("it", "moved_out"), 0);
}
END_TEST

/* Workers die at the very moment: each takes at most what it had, and the others' go on. */
START_TEST(deaths_amid_reloads)
{
    pid_t pids[WORKERS_MAX];
    long long lost = 0;
    long long deaths = 0;
    long long counted;

    daemon_start(SERVICE("line", ECHO, "max = 4", ""));
    connect_all();
    for (int round = 0; round < 20; round++) {
        size_t count = status_workers("it", pids);

        kill(daemon_pid(), SIGHUP);
        if (count > 0 && round % 5 == 4 && kill(pids[(size_t)round % count], SIGKILL) == 0)
            deaths++;
        nap(5);
    }
    for (size_t i = 0; i < crowd_size; i++) {
        struct pollfd client = {.fd = crowd[i], .events = POLLIN};
        char reply[2];

        if (send(crowd[i], "x\n", 2, MSG_NOSIGNAL) != 2 || poll(&client, 1, BOUND_MS) != 1 ||
            recv(crowd[i], reply, 2, 0) != 2)
            lost++;
    }
    close_all();
    ck_assert_int_lt(lost, (long long)crowd_size);
    ck_assert_msg(UNTIL(llabs(status_counter("it", "connections") - status_closed("it")) <= deaths),
                  "%lld connections, %lld closed, %lld moved out, %lld in; %lld lost",
                  status_counter("it", "connections"), status_closed("it"),
                  status_counter("it", "moved_out"), status_counter("it", "moved_in"), lost);
    /* What a worker had done last, it may have had no time to tell. */
    counted = status_counter("it", "closed.worker_died") + status_counter("it", "closed.reset");
    ck_assert_int_ge(counted, lost - deaths);
    ck_assert_int_le(counted, lost + deaths);
    printf("%lld of %d were lost with %lld workers\n", lost, (int)crowd_size, deaths);
}
END_TEST

SUITE("moving", storm_of_reloads, storm_of_reloads_with_many_clients,
      storm_of_reloads_with_a_command, recycling, scaling, upgrades, large_part_of_a_message,
      deadlines_go_on, other_framing_closes_them, removed_address_closes_them,
      own_framing_that_changes_closes_them, drained_service_closes_them,
      module_with_state_keeps_its_own, deaths_amid_reloads)
