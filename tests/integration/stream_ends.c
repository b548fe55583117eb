/* Replies that end before their end, and those that do not: a part is never taken for the whole. */
#include "streams.h"
#include "support/status.h"
#include "support/suite.h"

#include <signal.h>
#include <stdlib.h>

/* What a client gets of a reply that has no end; and nothing in its place. */
static const struct {
    const char *request;
    const char *part;
    size_t length;
    const char *reason;
    const char *words;
} cuts[] = {
    {"stream 8 4 4 return\n", BYTES("\0\0\0\10abcd"), "closed.handler_protocol", "missing=4"},
    {"stream 8 4 4 fail\n", BYTES("\0\0\0\10abcd"), "closed.handler_failed", "missing=4"},
    {"stream 8 4 4 reply\n", BYTES("\0\0\0\10abcd"), "closed.handler_failed", "missing=4"},
    {"stream 8 4 4 end\n", BYTES("\0\0\0\10abcd"), "closed.reply", "verdict=undersize"},
    {"stream 4 8 3 end\n", BYTES("\0\0\0\4abc"), "closed.reply", "verdict=oversize"},
};
#define CUTS (sizeof(cuts) / sizeof(cuts[0]))

START_TEST(cut_reply_is_no_reply)
{
    start_many(CUTS, NULL);
    for (size_t i = 0; i < CUTS; i++) {
        char requests[64], service[16];
        int fd;

        snprintf(service, sizeof(service), "s%zu", i);
        snprintf(requests, sizeof(requests), "whole\n%sbehind\n", cuts[i].request);
        fd = ask(address_of(i), requests);
        raw_expect_text(fd, "\0\0\0\5whole");
        raw_expect(fd, cuts[i].part, cuts[i].length);
        expect_end(fd);
        status_wait_counter(service, cuts[i].reason, 1);
        ck_assert_int_eq(status_counter(service, "replies"), 1);
        ck_assert_int_eq(status_counter(service, "error_replies"), 0);
        log_wait("event=reply-cut", cuts[i].words);
        fd = ask(address_of(i), "next\n");
        raw_expect_text(fd, "\0\0\0\4next");
        close(fd);
    }
}
END_TEST

/* What shows that it is cut is not reset: what was sent of it arrives, whatever is unread. */
START_TEST(cut_that_shows_is_an_end)
{
    static char behind[(size_t)256 * 1024];
    int fd;

    memset(behind, 'x', sizeof(behind));
    start("tcp:127.0.0.1:0", "u32be", "");
    fd = ask(daemon_address("it", 0), "stream 8 4 4 return\n");
    raw_send(fd, behind, sizeof(behind));
    raw_expect_text(fd, "\0\0\0\10abcd");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect_end(fd);
}
END_TEST

/* Whoever reads to the end of the stream must not take a part for the whole. */
START_TEST(end_of_stream_is_never_false)
{
    const char *address;
    int fd;

    start("tcp:127.0.0.1:0", "eof", "deadlines { write = 300ms linger = 100ms }");
    address = daemon_address("it", 0);
    fd = ask(address, "stream ? 8 3 end\n");
    raw_expect_text(fd, "abcdefgh");
    expect_end(fd);
    ck_assert_int_eq(raw_end(ask(address, "stream 8 4 4 return\n")), RAW_RESET);
    ck_assert_int_eq(raw_end(ask(address, "stream ? 8 4 fail\n")), RAW_RESET);
    ck_assert_int_eq(raw_end(ask(address, "stream 4 8 4 end\n")), RAW_RESET);
    fd = ask(address, "stream ? 100000000 262144 end\n"); /* more than the kernel takes */
    status_wait_counter("it", "closed.write", 1);         /* nobody reads */
    ck_assert_int_eq(raw_end(fd), RAW_RESET);
    fd = ask(address, "stream ? 40000 20000 die\n");
    expect_letters(fd, 0, 10000);
    ck_assert_int_eq(raw_end(fd), RAW_RESET);
    status_wait_counter("it", "closed.handler_protocol", 1);
    fd = ask(address, "stream ? 8 3 last\n"); /* it dies, and the reply has its end */
    raw_expect_text(fd, "abcdefgh");
    expect_end(fd);
}
END_TEST

/* A reply that has its end is not reset, though the client has closed its side before. */
static void end_in_order(const char *reply_framing, const char *reply)
{
    int fd;

    start("tcp:127.0.0.1:0", reply_framing, "");
    fd = ask(daemon_address("it", 0), "stream ? 8 3 end\n");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    status_wait_counter("it", "closed.client", 1);
    raw_expect(fd, reply, strlen(reply));
    expect_end(fd);
}

START_TEST(end_of_reply_is_no_reset)
{
    end_in_order("raw", "abcdefgh");
}
END_TEST

START_TEST(end_behind_a_reply_is_no_reset)
{
    end_in_order("line", "abcdefgh\n");
}
END_TEST

/* Nor is a reply that is none: each gets its own, and no worker lives on. */
START_TEST(no_reply_is_not_an_empty_one)
{
    const char *address;
    int fd;

    daemon_start("service it { listen = \"tcp:127.0.0.1:0\" framing = line reply_framing = eof\n"
                 "workers { max = 1 } handler { " MODULE " }\n"
                 "deadlines { frame = 200ms linger = 100ms } limits { max_message = 1000 } }\n");
    address = daemon_address("it", 0);
    ck_assert_int_eq(raw_end(ask(address, "fail\n")), RAW_RESET);
    ck_assert_int_eq(raw_end(ask(address, "never ended")), RAW_RESET);
    ck_assert_int_eq(raw_end(ask(address, "stream 4 8 8 end\n")), RAW_RESET);
    fd = ask(address, "none\n"); /* it has nothing to say */
    expect_end(fd);
    fd = ask(address, "leave\n"); /* the same, and it says so */
    expect_end(fd);
    fd = ask(address, "");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    expect_end(fd);
}
END_TEST

#define DYING(name, more)                                                                          \
    "service " name " { listen = \"tcp:127.0.0.1:0\" framing = line reply_framing = eof\n"         \
    "workers { max = 1 } handler { command = {sh, -c, \"read x; exit 3\"} settle = off " more      \
    "} }\n"

START_TEST(error_reply_is_whole)
{
    int fd;

    daemon_start(DYING("told", "error_reply = sorry") DYING("untold", ""));
    fd = ask(daemon_address("told", 0), "hello\n");
    raw_expect_text(fd, "sorry");
    expect_end(fd);
    ck_assert_int_eq(raw_end(ask(daemon_address("untold", 0), "hello\n")), RAW_RESET);
}
END_TEST

/* There a client cannot tell anyway which reply it has. */
START_TEST(end_of_raw_replies_is_an_end)
{
    daemon_start("service it { listen = \"tcp:127.0.0.1:0\" framing = line reply_framing = raw\n"
                 "handler { " MODULE " } }\n");
    ck_assert_int_eq(raw_end(ask(daemon_address("it", 0), "fail\n")), RAW_EOF);
}
END_TEST

/* Of a reply that is whole for the handler, too, when the client does not take it. */
static int ask_for_much(const char *write)
{
    enum {
        LENGTH = 32 * 1024 * 1024 /* more than the kernel takes */
    };
    char *request = malloc(LENGTH);
    char more[128];
    int fd;

    ck_assert_ptr_nonnull(request);
    memset(request, 'x', LENGTH);
    request[LENGTH - 1] = '\n';
    snprintf(more, sizeof(more),
             "deadlines { write = %s linger = 100ms }\n"
             "limits { max_message = 64MiB max_reply = 64MiB }",
             write);
    start("tcp:127.0.0.1:0", "eof", more);
    fd = ask(daemon_address("it", 0), "short\n");
    raw_expect_text(fd, "short");
    expect_end(fd);
    fd = raw_connect(daemon_address("it", 0));
    raw_send(fd, request, LENGTH);
    free(request);
    return fd;
}

START_TEST(whole_reply_that_is_cut_is_none)
{
    int fd = ask_for_much("300ms");

    status_wait_counter("it", "closed.write", 1); /* nobody reads */
    ck_assert_int_eq(raw_end(fd), RAW_RESET);
}
END_TEST

START_TEST(whole_reply_of_a_worker_that_dies_is_none)
{
    int fd = ask_for_much("1m");

    ck_assert_int_eq(kill(status_wait_busy("it", "writing"), SIGKILL), 0);
    log_wait("event=worker-exit");
    ck_assert_int_eq(raw_end(fd), RAW_RESET);
}
END_TEST

/* Which the line shows to be cut. */
static void leave(int again, const char *deadlines)
{
    int fd;

    start(ADDRESS, "line", deadlines);
    fd = ask(ADDRESS, "stream ? 100000000000000 262144 end\n");
    expect_letters(fd, 0, 100000);
    ck_assert_int_eq(kill(daemon_pid(), SIGTERM), 0);
    log_wait("event=stop");
    if (again)
        ck_assert_int_eq(kill(daemon_pid(), again), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    ck_assert_int_eq(daemon_wait(), 0);
    log_wait("event=closed", "reason=stop");
    log_wait("event=worker-exit", "cause=\"exit status 0\"");
}

START_TEST(worker_that_must_leave_does)
{
    leave(0, "deadlines { drain = 200ms }");
}
END_TEST

START_TEST(worker_that_must_leave_at_once_does)
{
    leave(SIGINT, "deadlines { drain = 1m }");
}
END_TEST

START_TEST(worker_with_time_sees_it_through)
{
    int fd;

    start(ADDRESS, "line", "");
    fd = ask(ADDRESS, "stream ? 10000000 262144 end\n");
    expect_letters(fd, 0, 100000);
    ck_assert_int_eq(kill(daemon_pid(), SIGTERM), 0);
    log_wait("event=stop");
    expect_letters(fd, 100000, 10000000 - 100000);
    raw_expect_text(fd, "\n");
    expect_end(fd);
    ck_assert_int_eq(daemon_wait(), 0);
}
END_TEST

SUITE("stream_ends", cut_reply_is_no_reply, cut_that_shows_is_an_end, end_of_stream_is_never_false,
      end_of_reply_is_no_reset, end_behind_a_reply_is_no_reset, no_reply_is_not_an_empty_one,
      error_reply_is_whole, end_of_raw_replies_is_an_end, whole_reply_that_is_cut_is_none,
      whole_reply_of_a_worker_that_dies_is_none, worker_that_must_leave_does,
      worker_that_must_leave_at_once_does, worker_with_time_sees_it_through)
