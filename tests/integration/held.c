/* Many clients of one worker: each is served as if it were alone, and only their waiting is shared.
 */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(framing, handler, connections, more)                                               \
    "service it { listen = \"" PLACE "\" framing = " framing " handler { " handler " }\n"          \
    "workers { max = 1 connections = " connections " } " more " }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"
#define MANY 100

/* By the worker, or by the keeper, should the worker take its handler for a slow one. */
static long long held(void)
{
    return status_service("it", "held") + status_service("it", "kept");
}

/* How many the worker with the fewest has. */
static long long fewest(void)
{
    json_t *status = control_ask("status");
    long long least = MANY;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        long long has = json_integer_value(json_object_get(worker, "held"));

        least = has < least ? has : least;
    }
    json_decref(status);
    return least;
}

/* One worker, the other having something else to do meanwhile, has them all: not for long. */
START_TEST(crowd_is_shared)
{
    int fds[MANY];
    pid_t pids[WORKERS_MAX];

    daemon_start("service it { listen = \"" PLACE "\" framing = line handler { builtin = echo }\n"
                 "workers { max = 2 } }\n");
    ck_assert_uint_eq(status_workers("it", pids), 2);
    kill(pids[0], SIGSTOP);
    for (size_t i = 0; i < MANY; i++)
        fds[i] = raw_connect(PLACE);
    ck_assert(UNTIL(held() == MANY));
    ck_assert_int_eq(fewest(), 0);
    kill(pids[0], SIGCONT);
    ck_assert(UNTIL(({
        for (size_t i = 0; i < MANY; i++)
            raw_send_text(fds[i], "hello\n");
        for (size_t i = 0; i < MANY; i++)
            raw_expect_text(fds[i], "hello\n");
        fewest() > MANY / 10;
    })));
    for (size_t i = 0; i < MANY; i++)
        close(fds[i]);
    status_wait_counter("it", "closed.client", MANY);
    ck_assert_int_eq(held(), 0);
}
END_TEST

/* COUNT clients of one worker, each of which has its turn again and again. */
static void serve_many(const char *config)
{
    struct framed_client *clients[MANY];
    char text[32];

    daemon_start(config);
    for (size_t i = 0; i < MANY; i++) {
        clients[i] = client_open(PLACE, "line");
        client_expect(clients[i], "hello", "hello");
    }
    ck_assert_int_eq(held(), MANY);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            snprintf(text, sizeof(text), "%zu of %d", i, round);
            client_send(clients[i], text);
        }
        for (size_t i = MANY; i-- > 0;) {
            snprintf(text, sizeof(text), "%zu of %d", i, round);
            client_receive(clients[i], text);
        }
    }
    for (size_t i = 0; i < MANY; i++)
        framed_client_free(clients[i]);
    status_wait_counter("it", "closed.client", MANY);
    ck_assert_int_eq(held(), 0);
    ck_assert_int_eq(status_counter("it", "messages"), 4 * MANY);
}

START_TEST(builtin_has_many)
{
    serve_many(SERVICE("line", ECHO, "100", ""));
}
END_TEST

START_TEST(command_has_many)
{
    serve_many(SERVICE("line", SCRIPTED, "100", ""));
}
END_TEST

START_TEST(command_with_batches_has_many)
{
    serve_many(SERVICE("line", SCRIPTED " batch = 16", "100", ""));
}
END_TEST

/* A module's state is each connection's own. */
START_TEST(module_keeps_them_apart)
{
    struct framed_client *first, *second;

    daemon_start(SERVICE("line", "module = \"$HANDLERS/../support/handlers/good.so\"", "10", ""));
    first = client_open(PLACE, "line");
    client_expect(first, "count", "1 of 1");
    second = client_open(PLACE, "line");
    client_expect(second, "count", "1 of 2");
    client_expect(first, "count", "2 of 2");
    client_expect(first, "count", "3 of 2");
    client_expect(second, "count", "2 of 2");
    framed_client_free(first);
    client_expect(second, "count", "3 of 2");
    framed_client_free(second);
}
END_TEST

/* Bytes of unfinished messages wait without keeping anybody. */
START_TEST(parts_of_messages_wait)
{
    static const char text[] = "one, two, three\n";
    int fds[MANY];

    daemon_start(SERVICE("line", ECHO, "200", ""));
    for (size_t i = 0; i < MANY; i++)
        fds[i] = raw_connect(PLACE);
    for (size_t byte = 0; byte < sizeof(text) - 1; byte++) {
        for (size_t i = 0; i < MANY; i++)
            raw_send(fds[i], text + byte, 1);
        client_once(PLACE, "line", "between", "between");
    }
    for (size_t i = 0; i < MANY; i++) {
        raw_expect(fds[i], text, sizeof(text) - 1);
        close(fds[i]);
    }
}
END_TEST

/* One beyond what there is room for waits until another one goes. */
START_TEST(room_is_limited)
{
    struct framed_client *first, *second;
    struct pollfd third = {.events = POLLIN};

    daemon_start(SERVICE("line", ECHO, "2 idle = hold", ""));
    first = client_open(PLACE, "line");
    second = client_open(PLACE, "line");
    client_expect(first, "a", "a");
    client_expect(second, "b", "b");
    third.fd = raw_connect(PLACE);
    raw_send_text(third.fd, "c\n");
    ck_assert_int_eq(poll(&third, 1, 100), 0);
    client_expect(first, "d", "d");
    ck_assert_int_eq(held(), 2);
    framed_client_free(first);
    raw_expect_text(third.fd, "c\n");
    client_expect(second, "e", "e");
    framed_client_free(second);
    close(third.fd);
}
END_TEST

/* Each has its own deadlines, however busy the others keep the worker. */
START_TEST(silent_ones_are_closed)
{
    struct framed_client *busy;
    int silent, begun;
    uint64_t began = now_ms();

    daemon_start(SERVICE("line", ECHO, "10", "deadlines { idle = 400ms frame = 200ms }"));
    busy = client_open(PLACE, "line");
    silent = raw_connect(PLACE);
    begun = raw_connect(PLACE);
    raw_send_text(begun, "half of");
    while (!log_has("reason=idle") && now_ms() - began < BOUND_MS)
        client_expect(busy, "x", "x");
    ck_assert_int_eq(raw_end(silent), RAW_EOF);
    ck_assert_int_ne(raw_end(begun), RAW_TIMEOUT);
    client_expect(busy, "y", "y");
    framed_client_free(busy);
    ck_assert_int_eq(status_counter("it", "closed.idle"), 1);
    ck_assert_int_eq(status_counter("it", "closed.frame"), 1);
}
END_TEST

/* Bytes that dribble in do not stretch the deadline of their message. */
START_TEST(dribbling_one_is_closed)
{
    struct framed_client *other;
    struct pollfd client = {.events = POLLIN};
    uint64_t began;

    daemon_start(SERVICE("line", ECHO, "10", "deadlines { frame = 300ms }"));
    other = client_open(PLACE, "line");
    client.fd = raw_connect(PLACE);
    began = now_ms();
    while (poll(&client, 1, 20) == 0) {
        raw_send_text(client.fd, "x");
        client_expect(other, "y", "y");
        ck_assert_uint_lt(now_ms() - began, BOUND_MS);
    }
    ck_assert_uint_ge(now_ms() - began, 300);
    close(client.fd);
    framed_client_free(other);
    status_wait_counter("it", "closed.frame", 1);
}
END_TEST

/* Who sends without end has others served in between. */
START_TEST(flood_leaves_room_for_others)
{
    static char flood[64 * 1024];
    struct framed_client *other;
    pid_t pid;

    memset(flood, '\n', sizeof(flood));
    daemon_start(SERVICE("line", "builtin = discard", "10", ""));
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd = raw_connect(PLACE);

        for (;;)
            raw_send(fd, flood, sizeof(flood));
    }
    ck_assert(UNTIL(status_counter("it", "messages") > 100000));
    other = client_open(PLACE, "line");
    for (int i = 1; i <= 50; i++) {
        client_send(other, "mine");
        framed_client_free(client_open(PLACE, "line"));
        ck_assert(UNTIL(status_counter("it", "closed.client") >= i));
    }
    kill(pid, SIGKILL);
    framed_client_free(other);
}
END_TEST

/* One that does not close its side keeps nobody waiting: nor does one who is told to go. */
START_TEST(lingering_ones_keep_nobody)
{
    struct framed_client *client;
    int fds[20];

    daemon_start(
        SERVICE("u32be", ECHO, "10", "limits { max_message = 100 } deadlines { linger = 10s }"));
    client = client_open(PLACE, "u32be");
    for (size_t i = 0; i < 20; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send_text(fds[i], "GET / HTTP/1.0\r\n\r\n");
        client_expect(client, "hello", "hello");
    }
    status_wait_counter("it", "closed.oversize", 20);
    for (size_t i = 0; i < 20; i++)
        close(fds[i]);
    framed_client_free(client);
}
END_TEST

/* A stop serves what is on its way, and closes who is silent at once. */
START_TEST(stop_serves_what_is_there)
{
    int asked[10], silent[10];

    daemon_start(SERVICE("line", SCRIPTED, "100", "deadlines { drain = 20s }"));
    for (size_t i = 0; i < 10; i++) {
        asked[i] = raw_connect(PLACE);
        silent[i] = raw_connect(PLACE);
        raw_send_text(silent[i], "before\n");
        raw_expect_text(silent[i], "before\n");
    }
    raw_send_text(asked[0], "!slow 300\n");
    ck_assert_int_gt(status_wait_busy("it", "handling"), 0);
    for (size_t i = 1; i < 10; i++)
        raw_send_text(asked[i], "x\n");
    kill(daemon_pid(), SIGTERM);
    raw_expect_text(asked[0], "slow\n");
    for (size_t i = 1; i < 10; i++)
        raw_expect_text(asked[i], "x\n");
    for (size_t i = 0; i < 10; i++) {
        ck_assert_int_eq(raw_end(silent[i]), RAW_EOF);
        ck_assert_int_eq(raw_end(asked[i]), RAW_EOF);
    }
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

/* A worker that dies takes all of its connections with it; each is counted, and no other is. */
START_TEST(death_is_counted)
{
    struct output output;
    int fds[5];

    daemon_start(SERVICE("line", ECHO, "10", ""));
    for (size_t i = 0; i < 5; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send_text(fds[i], "x\n");
        raw_expect_text(fds[i], "x\n");
    }
    ck_assert(UNTIL(held() == 5));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_msg(strstr(output.out, "  clients   5 with workers, 0 kept, 0 called\n"), "%s",
                  output.out);
    kill(status_wait_busy("it", "reading"), SIGKILL);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_ne(raw_end(fds[i]), RAW_TIMEOUT);
    log_wait("event=worker-exit", "connections=5 ");
    status_wait_counter("it", "closed.worker_died", 5);
    ck_assert_int_eq(held(), 0);
    client_once(PLACE, "line", "again", "again");
}
END_TEST

/* A pool that sizes itself does not grow for clients that are silent, but for messages that wait.
 */
START_TEST(pool_grows_for_work)
{
    struct framed_client *clients[20];

    daemon_start("service it { listen = \"" PLACE "\" framing = line handler { " SCRIPTED " }\n"
                 "workers { mode = dynamic min = 1 max = 3 spare_min = 1 spare_max = 1\n"
                 "connections = 100 } }\n");
    status_wait_workers("it", 1);
    for (size_t i = 0; i < 20; i++) {
        clients[i] = client_open(PLACE, "line");
        client_expect(clients[i], "hello", "hello");
    }
    ck_assert_uint_le(log_count("event=worker-ready"), 2);
    client_send(clients[0], "!slow 1000");
    ck_assert(UNTIL(log_count("event=worker-ready") == 2));
    client_once(PLACE, "line", "meanwhile", "meanwhile");
    client_receive(clients[0], "slow");
    for (size_t i = 0; i < 20; i++) {
        client_expect(clients[i], "bye", "bye");
        framed_client_free(clients[i]);
    }
}
END_TEST

SUITE("held", crowd_is_shared, builtin_has_many, command_has_many, command_with_batches_has_many,
      module_keeps_them_apart, parts_of_messages_wait, room_is_limited, silent_ones_are_closed,
      dribbling_one_is_closed, flood_leaves_room_for_others, lingering_ones_keep_nobody,
      stop_serves_what_is_there, death_is_counted, pool_grows_for_work)
