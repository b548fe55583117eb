/* Replies that a module gives in pieces: in their place among others, larger than memory, and never
 * taken for whole when they are not. The fixture's "stream ANNOUNCED TOTAL PIECE HOW" asks for one,
 * of the letters of the alphabet. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODULE "module = \"$HANDLERS/../support/handlers/good.so\""
#define ADDRESS "unix:$DIR/x.sock"
#define GIB ((size_t)1 << 30)
#define LETTERS 26
#define SERVICES_MAX 10

static void start(const char *listen, const char *reply_framing, const char *more)
{
    char config[1024];

    snprintf(config, sizeof(config),
             "service it { listen = \"%s\" framing = line reply_framing = \"%s\"\n"
             "workers { max = 1 } handler { " MODULE " error_reply = 'sorry' }\n%s }\n",
             listen, reply_framing, more);
    daemon_start(config);
}

static int ask(const char *address, const char *text)
{
    int fd = raw_connect(address);

    raw_send(fd, text, strlen(text));
    return fd;
}

static void expect_end(int fd)
{
    char byte;

    ck_assert_msg(recv(fd, &byte, 1, 0) == 0, "more, or no end");
    close(fd);
}

START_TEST(replies_keep_their_order)
{
    int fd;

    start(ADDRESS, "netstring", "");
    fd = ask(ADDRESS, "one\nstream 10 10 3 end\ntwo\nstream 0 0 1 end\nstream 5 5 5 end\n");
    raw_expect_text(fd, "3:one,10:abcdefghij,3:two,0:,5:abcde,");
    close(fd);
    status_wait_counter("it", "closed.client", 1);
    status_wait_counter("it", "replies", 5);
    status_wait_counter("it", "bytes_out", 37);
}
END_TEST

static const struct {
    const char *framing;
    const char *announced;
    const char *reply;
    size_t length;
} kinds[] = {
#define BYTES(literal) literal, sizeof(literal) - 1
    {"u8", "5", BYTES("\5abcde")},
    {"u8", "?", BYTES("\13unsupported")},
    {"ber,strip=payload", "5", BYTES("\0\5abcde")},
    {"fixed:5", "?", BYTES("abcde")},
    {"line", "?", BYTES("abcde\n")},
    {"netconf-chunked", "?", BYTES("\n#2\nab\n#2\ncd\n#1\ne\n##\n")},
    {"sunrpc", "5", BYTES("\0\0\0\2ab\0\0\0\2cd\x80\0\0\1e")},
    {"sunrpc", "?", BYTES("\0\0\0\2ab\0\0\0\2cd\0\0\0\1e\x80\0\0\0")},
    {"raw", "?", BYTES("abcde")},
    {"typed:a-z=(line)", "5", BYTES("unsupported\n")},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* COUNT services s0, s1 …, whose replies have the framing of FRAMING_OF, or u32be. */
static void start_many(size_t count, const char *(*framing_of)(size_t index))
{
    static char config[SERVICES_MAX * 256];
    size_t end = 0;

    ck_assert_uint_le(count, SERVICES_MAX);
    for (size_t i = 0; i < count; i++)
        end += (size_t)snprintf(config + end, sizeof(config) - end,
                                "service s%zu { listen = \"unix:$DIR/%zu.sock\" framing = line\n"
                                "reply_framing = \"%s\" workers { max = 1 }\n"
                                "handler { " MODULE " error_reply = 'sorry' } }\n",
                                i, i, framing_of ? framing_of(i) : "u32be");
    daemon_start(config);
}

static const char *address_of(size_t index)
{
    static char address[64];

    snprintf(address, sizeof(address), "unix:$DIR/%zu.sock", index);
    return address;
}

static const char *framing_of_kind(size_t index)
{
    return kinds[index].framing;
}

START_TEST(each_framing_in_its_way)
{
    start_many(KINDS, framing_of_kind);
    for (size_t i = 0; i < KINDS; i++) {
        char request[64];
        int fd;

        snprintf(request, sizeof(request), "stream %s 5 2 end\n", kinds[i].announced);
        fd = ask(address_of(i), request);
        raw_expect(fd, kinds[i].reply, kinds[i].length);
        close(fd);
    }
}
END_TEST

/* Reads LENGTH bytes of a reply that has had AT. */
static void expect_letters(int fd, size_t at, size_t length)
{
    static char wanted[(size_t)64 * 1024 + LETTERS];
    static char got[sizeof(wanted) - LETTERS];

    for (size_t i = 0; !wanted[0] && i < sizeof(wanted); i++)
        wanted[sizeof(wanted) - 1 - i] = (char)('a' + (sizeof(wanted) - 1 - i) % LETTERS);
    while (length > 0) {
        ssize_t bytes = recv(fd, got, length < sizeof(got) ? length : sizeof(got), 0);

        if (bytes <= 0 || memcmp(got, wanted + at % LETTERS, (size_t)bytes) != 0)
            ck_abort_msg("at %zu: %zd bytes, or others", at, bytes);
        at += (size_t)bytes;
        length -= (size_t)bytes;
    }
}

static long peak_kib(pid_t pid)
{
    return process_sum(pid, "status", (const char *const[]){"VmHWM:", NULL});
}

START_TEST(reply_is_larger_than_memory)
{
    pid_t workers[WORKERS_MAX];
    long before;
    int fd;

    start("tcp:127.0.0.1:0", "u32be", "limits { max_reply = 64KiB }");
    fd = ask(daemon_address("it", 0), "stream 100000 100000 262144 end\n");
    raw_expect_text(fd, "\0\1\x86\xa0");
    expect_letters(fd, 0, 100000);
    ck_assert_uint_eq(status_workers("it", workers), 1);
    before = peak_kib(workers[0]);
    ck_assert_int_gt(before, 0);
    raw_send_text(fd, "stream 1073741824 1073741824 262144 end\nlast\n");
    raw_expect_text(fd, "\x40\0\0\0");
    expect_letters(fd, 0, GIB / 4);
    ck_assert_int_eq(status_wait_busy("it", "writing"), workers[0]); /* for us: we do not read */
    expect_letters(fd, GIB / 4, GIB - GIB / 4);
    raw_expect_text(fd, "\0\0\0\4last");
    ck_assert_int_lt(peak_kib(workers[0]) - before, 4096);
    close(fd);
    status_wait_counter("it", "replies", 3);
    status_wait_counter("it", "bytes_out", 4 + 100000 + 4 + (long long)GIB + 8);
}
END_TEST

/* max_reply bounds what is kept of a reply, and nothing is kept of one in pieces: its bound is what
 * the header can say. */
START_TEST(header_alone_bounds_a_reply_in_pieces)
{
    int fd;

    start(ADDRESS, "u16be", "limits { max_reply = 10000 }");
    fd = ask(ADDRESS, "stream 65535 65535 10000 end\nstream 65536 65536 10000 end\n");
    raw_expect_text(fd, "\xff\xff");
    expect_letters(fd, 0, 65535);
    raw_expect_text(fd, "\0\5sorry");
    expect_end(fd);
    status_wait_counter("it", "closed.reply", 1);
    ck_assert_int_eq(status_counter("it", "replies"), 1);
    ck_assert_int_eq(log_count("event=reply-cut"), 0);
    log_wait("event=reply-misfit", "reason=oversize", "bytes=65536", "framing=u16be");
}
END_TEST

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

START_TEST(no_delimiter_within)
{
    int fd;

    start(ADDRESS, "crlf", "");
    fd = ask(ADDRESS, "stream ? 8 3 lf\n"); /* a line feed alone does no harm */
    raw_expect_text(fd, "abcdefgh\n");
    expect_end(fd);
    status_wait_counter("it", "closed.handler_protocol", 1);
    fd = ask(ADDRESS, "stream ? 8 3 end\n");
    raw_expect_text(fd, "abcdefgh\r\n");
    close(fd);
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
}
END_TEST

/* Of a reply that is whole for the handler, too, when the client does not take it. */
START_TEST(whole_reply_that_is_cut_is_none)
{
    enum {
        LENGTH = 32 * 1024 * 1024 /* more than the kernel takes */
    };
    char *request = malloc(LENGTH);
    int fd;

    ck_assert_ptr_nonnull(request);
    memset(request, 'x', LENGTH);
    request[LENGTH - 1] = '\n';
    start("tcp:127.0.0.1:0", "eof",
          "deadlines { write = 300ms linger = 100ms }\n"
          "limits { max_message = 64MiB max_reply = 64MiB }");
    fd = ask(daemon_address("it", 0), "short\n");
    raw_expect_text(fd, "short");
    expect_end(fd);
    fd = raw_connect(daemon_address("it", 0));
    raw_send(fd, request, LENGTH);
    free(request);
    status_wait_counter("it", "closed.write", 1); /* nobody reads */
    ck_assert_int_eq(raw_end(fd), RAW_RESET);
}
END_TEST

START_TEST(each_piece_has_its_deadlines)
{
    int fd;

    start(ADDRESS, "line", "deadlines { request = 200ms write = 1s linger = 100ms }");
    fd = ask(ADDRESS, "stream ? 4000000 262144 end\n");
    for (size_t part = 0; part < 4; part++) {
        nap(450);
        expect_letters(fd, part * 1000000, 1000000);
    }
    raw_expect_text(fd, "\n");
    raw_send_text(fd, "stream ? 4000000 262144 end\n");
    status_wait_counter("it", "closed.write", 1); /* nobody reads */
    ck_assert_int_eq(status_counter("it", "replies"), 1);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
    close(fd);
}
END_TEST

/* A piece is not kept back when the next one is far. */
START_TEST(slow_pieces_leave_at_once)
{
    int fd;

    start(ADDRESS, "line", "deadlines { drain = 200ms }");
    fd = ask(ADDRESS, "stream ? 10000 1 slow\n"); /* for 100 seconds */
    expect_letters(fd, 0, 20);
    close(fd);
    status_wait_counter("it", "closed.reset", 1);
}
END_TEST

START_TEST(worker_that_must_leave_does)
{
    int fd;

    start(ADDRESS, "line", "deadlines { drain = 200ms }");
    fd = ask(ADDRESS, "stream ? 100000000000000 262144 end\n");
    expect_letters(fd, 0, 100000);
    ck_assert_int_eq(kill(daemon_pid(), SIGTERM), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF); /* which the line shows to be cut */
    ck_assert_int_eq(daemon_wait(), 0);
    log_wait("event=closed", "reason=stop");
    log_wait("event=worker-exit", "cause=\"exit status 0\"");
}
END_TEST

SUITE("streams", replies_keep_their_order, each_framing_in_its_way, reply_is_larger_than_memory,
      header_alone_bounds_a_reply_in_pieces, cut_reply_is_no_reply, no_delimiter_within,
      end_of_stream_is_never_false, whole_reply_that_is_cut_is_none, each_piece_has_its_deadlines, slow_pieces_leave_at_once, worker_that_must_leave_does)
