/* Deadlines and limits: each closes with its own word, in the log and in the counters. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SERVICE(framing, handler, more)                                                            \
    "service it { listen = \"unix:$DIR/x.sock\" framing = " framing " workers { max = 1 }\n"       \
    "handler { " handler " } " more " }\n"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"

/* REASON stands once in the log and once in the counters. */
static void expect_reason(const char *reason)
{
    char words[64];
    char counter[64];

    snprintf(words, sizeof(words), "reason=%s ", reason);
    snprintf(counter, sizeof(counter), "closed.%s", reason);
    log_wait("event=closed", words);
    status_wait_counter("it", counter, 1);
}

START_TEST(idle_client_is_closed)
{
    struct framed_client *client;

    daemon_start(SERVICE("u32be", "builtin = echo", "deadlines { idle = 200ms }"));
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_expect(client, "hello", "hello");
    client_expect_end(client);
    framed_client_free(client);
    expect_reason("idle");
}
END_TEST

START_TEST(idle_client_of_a_command_is_closed)
{
    daemon_start(SERVICE("line", SCRIPTED, "deadlines { idle = 200ms }"));
    ck_assert_int_eq(raw_end(raw_connect("unix:$DIR/x.sock")), RAW_EOF);
    expect_reason("idle");
}
END_TEST

/* What the handler says meanwhile does not stretch it. */
START_TEST(idle_client_of_a_noisy_command_is_closed)
{
    daemon_start(SERVICE("line",
                         "command = {\"/bin/sh\", \"-c\", "
                         "\"yes noise >&2 & exec $HANDLERS/scripted\"}",
                         "deadlines { idle = 200ms }"));
    ck_assert_int_eq(raw_end(raw_connect("unix:$DIR/x.sock")), RAW_EOF);
    expect_reason("idle");
}
END_TEST

/* The handler's time is not the client's: idle begins with the reply. */
START_TEST(idle_begins_with_the_reply)
{
    struct pollfd client = {.events = POLLIN};

    daemon_start(SERVICE("line", SCRIPTED, "deadlines { idle = 1s }"));
    client.fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(client.fd, "!slow 1200\n");
    raw_expect_text(client.fd, "slow\n");
    ck_assert_msg(poll(&client, 1, 200) == 0, "closed right after the reply");
    raw_send_text(client.fd, "well\n");
    raw_expect_text(client.fd, "well\n");
    ck_assert_int_eq(raw_end(client.fd), RAW_EOF);
    expect_reason("idle");
}
END_TEST

/* 100 bytes at 10 a second: each comes in time, the message does not. */
static void dribble(const char *config)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    uint64_t began;
    ssize_t sent;
    int fd;

    daemon_start(config);
    fd = raw_connect("unix:$DIR/x.sock");
    began = now_ms();
    raw_send_text(fd, "\0\0\0\144");
    do {
        nanosleep(&pause, NULL);
        sent = send(fd, "x", 1, MSG_NOSIGNAL);
    } while (sent == 1 && now_ms() - began < 9000);
    ck_assert_msg(sent < 0, "the dribble was not cut within 9 s");
    ck_assert_uint_ge(now_ms() - began, 500);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    expect_reason("frame");
}

START_TEST(dribbled_message_is_cut)
{
    dribble(SERVICE("u32be", "builtin = echo", "deadlines { frame = 500ms }"));
}
END_TEST

START_TEST(dribbled_message_for_a_command_is_cut)
{
    dribble(SERVICE("u32be", SCRIPTED, "deadlines { frame = 500ms }"));
}
END_TEST

START_TEST(half_a_header_is_cut)
{
    int fd;

    daemon_start(SERVICE("u32be", "builtin = echo", "deadlines { frame = 300ms }"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\0\0");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    expect_reason("frame");
}
END_TEST

/* A whole message and a part of the next: the part has a clock of its own. */
START_TEST(part_behind_a_whole_message_is_cut)
{
    int fd;

    daemon_start(SERVICE("u32be", "builtin = echo", "deadlines { frame = 300ms }"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\0\0\0\2ok\0\0\0\2o");
    raw_expect_text(fd, "\0\0\0\2ok");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    expect_reason("frame");
}
END_TEST

/* As much of DATA, again and again, as the server takes before it closes; errno says how. */
static void send_without_reading(int fd, const char *data, size_t length)
{
    uint64_t limit = now_ms() + BOUND_MS;
    size_t at = 0;

    while (now_ms() < limit) {
        ssize_t sent = send(fd, data + at, length - at, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (sent < 0 && errno != EAGAIN)
            return;
        if (sent < 0)
            nap(5);
        else
            at = (at + (size_t)sent) % length;
    }
    errno = ETIMEDOUT;
}

START_TEST(client_that_never_reads_is_closed)
{
    static const char message[64 * 1024] = "\0\0\377\374";
    int fd;

    daemon_start(SERVICE("u32be", "builtin = echo", "deadlines { write = 300ms }"));
    fd = raw_connect("unix:$DIR/x.sock");
    send_without_reading(fd, message, sizeof(message));
    ck_assert_msg(errno == EPIPE || errno == ECONNRESET, "%s", strerror(errno));
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    expect_reason("write");
}
END_TEST

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* It has all of its time: late the end may come, on a busy machine, but never sooner. */
START_TEST(handler_that_never_answers_is_replaced)
{
    daemon_start(SERVICE("line", SCRIPTED, "deadlines { request = 301ms }"));
    for (int i = 0; i < 2; i++) {
        struct framed_client *client = client_open("unix:$DIR/x.sock", "line");
        uint64_t began = now_us();

        client_send(client, "!never");
        client_expect_end(client);
        ck_assert_uint_ge(now_us() - began, 301000);
        framed_client_free(client);
        client_once("unix:$DIR/x.sock", "line", "the next one", "the next one");
    }
    log_wait_count(2, "event=closed", "reason=request ");
    status_wait_counter("it", "closed.request", 2);
}
END_TEST

static long rss_kib(pid_t pid)
{
    return process_sum(pid, "status", (const char *const[]){"VmRSS:", NULL});
}

/* Also by a handler that answers later. */
START_TEST(slow_message_is_logged_and_answered)
{
    daemon_start(
        "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
        "handler { command = {\"$HANDLERS/scripted\"} }\n"
        "deadlines { slow_request = 100ms } }\n"
        "service later { listen = \"unix:$DIR/y.sock\" framing = line workers { max = 1 }\n"
        "handler { command = {\"$HANDLERS/scripted\"} batch = 8 }\n"
        "deadlines { slow_request = 100ms } }\n");
    client_once("unix:$DIR/x.sock", "line", "quick", "quick");
    client_once("unix:$DIR/x.sock", "line", "!slow 300", "slow");
    client_once("unix:$DIR/y.sock", "line", "quick", "quick");
    client_once("unix:$DIR/y.sock", "line", "!slow 300", "slow");
    log_wait("event=slow-request", "service=it", "bytes=9", "took_ms=");
    log_wait("event=slow-request", "service=later", "bytes=9", "took_ms=");
    ck_assert_uint_eq(log_count("event=slow-request"), 2);
}
END_TEST

START_TEST(claimed_length_allocates_nothing)
{
    struct framed_client *client;
    pid_t worker;
    long before;
    int fd;

    daemon_start(SERVICE("u32be", "builtin = echo", "limits { max_message = 1GiB }"));
    client_once("unix:$DIR/x.sock", "u32be", "warm up", "warm up");
    ck_assert_uint_eq(status_workers("it", (pid_t[WORKERS_MAX]){0}), 1);
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\77\377\377\377some bytes of very many");
    worker = status_wait_busy("it", "receiving");
    before = rss_kib(worker);
    raw_send_text(fd, "and some more");
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    expect_reason("truncated");
    ck_assert_int_lt(rss_kib(worker), before + 1024);
    ck_assert_int_lt(rss_kib(worker), is_sanitized() ? 512 * 1024 : 16 * 1024);

    /* Above the limit there is nothing to wait for. */
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\377\377\377\377");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    expect_reason("oversize");
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_expect(client, "well", "well");
    framed_client_free(client);
    ck_assert_int_lt(rss_kib(worker), before + 1024);
}
END_TEST

static void refuse(const char *config, const void *bytes, size_t length, const char *reason)
{
    int fd;

    daemon_start(config);
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send(fd, bytes, length);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    expect_reason(reason);
}

START_TEST(malformed_length_is_refused)
{
    refuse(SERVICE("netstring", "builtin = echo", ""), "GET / HTTP/1.1\r\n", 16, "malformed");
    log_wait("event=closed", "reason=malformed", "GET /");
}
END_TEST

START_TEST(bad_trailer_is_refused)
{
    refuse(SERVICE("netstring", "builtin = echo", ""), "3:abc;", 6, "bad_trailer");
}
END_TEST

START_TEST(overlong_line_is_refused)
{
    char line[200];

    memset(line, 'x', sizeof(line));
    refuse(SERVICE("line", "builtin = echo", "limits { max_message = 100 }"), line, sizeof(line),
           "oversize");
}
END_TEST

START_TEST(message_that_the_codec_cannot_carry_is_refused)
{
    refuse(SERVICE("u32be", SCRIPTED, ""), "\0\0\0\3a\nb", 7, "refused");
    client_once("unix:$DIR/x.sock", "u32be", "well", "well");
}
END_TEST

START_TEST(replies_before_the_bad_message_are_sent)
{
    int fd;

    daemon_start(SERVICE("netstring", "builtin = echo", ""));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "3:one,3:two,bad");
    raw_expect_text(fd, "3:one,3:two,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    expect_reason("malformed");
}
END_TEST

SUITE("deadlines", idle_client_is_closed, idle_client_of_a_command_is_closed,
      idle_client_of_a_noisy_command_is_closed, idle_begins_with_the_reply, dribbled_message_is_cut,
      dribbled_message_for_a_command_is_cut, half_a_header_is_cut,
      part_behind_a_whole_message_is_cut, client_that_never_reads_is_closed,
      handler_that_never_answers_is_replaced, slow_message_is_logged_and_answered,
      claimed_length_allocates_nothing, malformed_length_is_refused, bad_trailer_is_refused,
      overlong_line_is_refused, message_that_the_codec_cannot_carry_is_refused,
      replies_before_the_bad_message_are_sent)
