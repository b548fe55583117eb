/* Replies that a module gives in pieces: in their place among others, larger than memory, each
 * piece in its time. */
#include "streams.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#define GIB ((size_t)1 << 30)

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
    ck_assert_int_gt(status_counter("it", "bytes_out"), (long long)GIB / 8); /* so far */
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

    start(ADDRESS, "length:be2,counts=frame", "limits { max_reply = 10000 }");
    fd = ask(ADDRESS, "stream 65533 65533 10000 end\nstream 65534 65534 10000 end\n");
    raw_expect_text(fd, "\xff\xff");
    expect_letters(fd, 0, 65533);
    raw_expect_text(fd, "\0\7sorry");
    expect_end(fd);
    status_wait_counter("it", "closed.reply", 1);
    ck_assert_int_eq(status_counter("it", "replies"), 1);
    ck_assert_int_eq(log_count("event=reply-cut"), 0);
    log_wait("event=reply-misfit", "reason=oversize", "bytes=65534");
}
END_TEST

/* The master holds a module to its time behind a piece, and where a reply in pieces is refused. */
START_TEST(time_between_pieces_is_the_modules)
{
    int fds[2];

    daemon_start("service s0 { listen = \"unix:$DIR/0.sock\" framing = line workers { max = 1 }\n"
                 "handler { " MODULE " } deadlines { request = 100ms } }\n"
                 "service s1 { listen = \"unix:$DIR/1.sock\" framing = line reply_framing = u8\n"
                 "workers { max = 1 } handler { " MODULE " } deadlines { request = 100ms } }\n");
    for (size_t i = 0; i < 2; i++)
        fds[i] = ask(address_of(i), "stream ? 5 5 stay\n");
    log_wait_count(2, "event=worker-exit", "killed_for=request", "phase=handling");
    for (size_t i = 0; i < 2; i++)
        close(fds[i]);
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
    log_wait("event=reply-cut", "missing=0"); /* it has not said how much */
    fd = ask(ADDRESS, "stream ? 8 3 end\n");
    raw_expect_text(fd, "abcdefgh\r\n");
    close(fd);
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
    ck_assert_int_eq(log_count("event=reply-cut"), 0); /* no fault of the module */
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
    ck_assert_int_eq(log_count("event=reply-cut"), 0);
}
END_TEST

/* One line a second says how many. */
START_TEST(cuts_do_not_flood_the_log)
{
    start(ADDRESS, "line", "");
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(raw_end(ask(ADDRESS, "stream ? 8 8 return\n")), RAW_EOF);
    status_wait_counter("it", "closed.handler_protocol", 20);
    ck_assert_uint_lt(log_count("event=reply-cut"), 20);
}
END_TEST

SUITE("streams", replies_keep_their_order, each_framing_in_its_way, reply_is_larger_than_memory,
      header_alone_bounds_a_reply_in_pieces, time_between_pieces_is_the_modules,
      no_delimiter_within, cuts_do_not_flood_the_log, each_piece_has_its_deadlines,
      slow_pieces_leave_at_once)
