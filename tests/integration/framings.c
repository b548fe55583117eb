/* Framings end to end: named, written out, one for each direction, and what becomes of clients that
 * speak something else. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define ECHO(framing)                                                                              \
    "service echo { listen = \"unix:$DIR/x.sock\" framing = " framing                              \
    " handler { builtin = echo } limits { max_message = 100 } }\n"

START_TEST(section_gives_a_name)
{
    int fd;

    daemon_start(ECHO("mine") "framing mine {\n    base = \"length:be2\"\n    offset = 1\n"
                              "    counts = frame\n    strip = none\n}\n");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "A\0\5hiB\0\3");
    raw_expect_text(fd, "A\0\5hiB\0\3");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

/* Bytes are taken in single quotes as the framing has them; a comma is no separator there. */
START_TEST(section_takes_any_bytes)
{
    int fd;

    daemon_start("framing odd { base = 'delimited:;'\n or = {',', '\\r\\n'} }\n" ECHO("odd"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "one,two\r\nthree,");
    raw_expect_text(fd, "one;two;three;");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

static void refused(const char *config, const char *told)
{
    struct output output;

    daemon_configure(config);
    RUN(&output, FRAMED, "check", "-c", expand("$DIR/framed.conf"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, told), "%s", output.err);
}

START_TEST(errors_name_their_place)
{
    refused(ECHO("lime"), "framed.conf:2: service \"echo\": framing: ");
    refused(ECHO("lime"), "allowed: \"line\" perhaps");
    refused("framing a { base = b }\nframing b { base = a }\n" ECHO("a"), "framed.conf:2");
    refused("framing a { counts = frame }\n" ECHO("u8"), "base: missing");
    refused("framing a { base = \"length:be9\" }\n" ECHO("a"), "be9");
    refused("framing line { base = u8 }\n" ECHO("u8"), "no preset");
    refused("framing a { base = u8 counst = frame }\n" ECHO("a"), "counts");
    refused("framing a { base = u8 }\nframing a { base = u8 }\n" ECHO("a"), "given twice");
    refused(ECHO("\"fixed:200\""), "limits.max_message");
    refused(ECHO("raw"), "raw");
    refused("service echo { listen = \"unix:$DIR/x.sock\" reply_framing = lime\n"
            "handler { builtin = echo } }\n",
            "reply_framing: ");
}
END_TEST

START_TEST(printed_configuration_is_the_same_again)
{
    static struct output first, second;

    daemon_configure("framing mine { base = \"length:be2\" offset = 1 counts = frame }\n"
                     "service echo { listen = \"unix:$DIR/x.sock\" framing = mine\n"
                     "reply_framing = line handler { builtin = echo } }\n");
    RUN(&first, FRAMED, "check", "--print-config", "-c", expand("$DIR/framed.conf"));
    ck_assert_msg(first.status == 0, "%s", first.err);
    ck_assert_msg(strstr(first.out, "base = \"length:be2,offset=1,counts=frame\""), "%s",
                  first.out);
    daemon_write("printed.conf", first.out);
    RUN(&second, FRAMED, "check", "--print-config", "-c", expand("$DIR/printed.conf"));
    ck_assert_str_eq(first.out, second.out);
}
END_TEST

START_TEST(replies_have_a_framing_of_their_own)
{
    int fd;

    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "-R", "netstring", "--builtin", "echo");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "hello\n\n");
    raw_expect_text(fd, "5:hello,0:,");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    client_once("unix:$DIR/x.sock", "line,reply=(netstring)", "hello", "hello");
}
END_TEST

START_TEST(limits_of_replies_are_their_own)
{
    struct output output;

    daemon_configure(
        "service echo { listen = \"unix:$DIR/x.sock\" framing = \"fixed:90,reply=(fixed:10)\"\n"
        "handler { builtin = echo } limits { max_message = 100 max_reply = 10 } }\n");
    RUN(&output, FRAMED, "check", "-c", expand("$DIR/framed.conf"));
    ck_assert_msg(output.status == 0, "%s", output.err);
}
END_TEST

START_TEST(reply_ends_with_the_connection)
{
    int fd;

    daemon_start("service echo { listen = \"unix:$DIR/x.sock\" framing = whois\n"
                 "handler { builtin = echo } }\n");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "example.test\r\n");
    raw_expect_text(fd, "example.test");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("echo", "closed.replied", 1);
    client_once("unix:$DIR/x.sock", "whois", "example.test", "example.test");
}
END_TEST

START_TEST(message_ends_with_the_stream)
{
    int fd;

    daemon_start(ECHO("eof"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "all of ");
    raw_send_text(fd, "it");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    raw_expect_text(fd, "all of it");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    client_once("unix:$DIR/x.sock", "eof", "a message", "a message");
    /* Somebody who only knocks has said nothing. */
    fd = raw_connect("unix:$DIR/x.sock");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("echo", "messages", 2);
}
END_TEST

START_TEST(greeting_comes_first)
{
    int fd;

    daemon_start(ECHO("\"line,greeting=hello\\\\c you\\\\r\\\\n\""));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_expect_text(fd, "hello, you\r\n");
    raw_send_text(fd, "a\n");
    raw_expect_text(fd, "a\n");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    client_once("unix:$DIR/x.sock", "line,greeting=hello\\c you\\r\\n", "b", "b");
}
END_TEST

START_TEST(first_frame_is_another)
{
    int fd;

    daemon_start(ECHO("\"line,first=(fixed:4)\""));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "abcdrest\n");
    raw_expect_text(fd, "abcd\nrest\n");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

START_TEST(fragments_become_one_message)
{
    int fd;

    daemon_start(ECHO("sunrpc"));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "\0\0\0\3one\0\0\0\0\0\0");
    status_wait_busy("echo", "receiving");
    raw_send_text(fd, "\0\4 two\x80\0\0\1!\x80\0\0\1.");
    raw_expect_text(fd, "\x80\0\0\x08one two!\x80\0\0\1.");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("echo", "messages", 2);
    client_once("unix:$DIR/x.sock", "sunrpc,fragment=8", "a message in many parts",
                "a message in many parts");
}
END_TEST

START_TEST(fragments_are_bounded_together)
{
    int fd;

    daemon_start(ECHO("sunrpc"));
    fd = raw_connect("unix:$DIR/x.sock");
    for (int i = 0; i < 11; i++)
        send(fd, "\0\0\0\012abcdefghij", 14, MSG_NOSIGNAL);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    status_wait_counter("echo", "closed.oversize", 1);
}
END_TEST

START_TEST(oversize_lines_are_dropped_once)
{
    char line[1000];
    int fd;

    daemon_start(ECHO("\"line,oversize=discard\""));
    fd = raw_connect("unix:$DIR/x.sock");
    memset(line, 'x', sizeof(line));
    for (int i = 0; i < 100; i++)
        raw_send(fd, line, sizeof(line));
    raw_send_text(fd, "\nhello\n");
    raw_expect_text(fd, "hello\n");
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("echo", "discarded", 1);
    ck_assert_uint_eq(log_count("event=discarded"), 1);
}
END_TEST

START_TEST(other_protocols_are_told_apart)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *like;
    } others[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27, "looks_like=HTTP"},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11, "looks_like=TLS"},
        {"SSH-2.0-OpenSSH_9.2p1\r\n", 23, "looks_like=SSH"},
    };

    daemon_start(ECHO("u32be"));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send(fd, others[i].bytes, others[i].length);
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
        log_wait("event=closed", "reason=oversize", others[i].like);
    }
}
END_TEST

START_TEST(each_error_has_its_counter)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *counter;
    } wrong[] = {
        {"\4\0\0\5x", 5, "closed.bad_magic"},
        {"\3\0\0\3", 4, "closed.undersize"},
        {"\3\0\1\0", 4, "closed.oversize"},
        {"\3\0\0\6x", 5, "closed.truncated"},
    };

    daemon_start(ECHO("tpkt") "service typed { listen = \"unix:$DIR/t.sock\"\n"
                              "framing = \"typed:A=(fixed:2),B=(length:be1,offset=1,trailer=!)\"\n"
                              "handler { builtin = echo } }\n");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send(fd, wrong[i].bytes, wrong[i].length);
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
        status_wait_counter("echo", wrong[i].counter, 1);
    }
    for (int i = 0; i < 2; i++) {
        int fd = raw_connect("unix:$DIR/t.sock");

        raw_send(fd, i == 0 ? "C" : "B\1x?", i == 0 ? 1 : 4);
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
        status_wait_counter("typed", i == 0 ? "closed.bad_type" : "closed.bad_trailer", 1);
    }
}
END_TEST

START_TEST(list_names_them_all)
{
    static struct output output;

    RUN(&output, FRAMED, "framings");
    ck_assert_int_eq(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.out, "netstring"));
    ck_assert_ptr_nonnull(strstr(output.out, "counts"));
    RUN(&output, FRAMED, "framings", "now");
    ck_assert_int_eq(output.status, 2);
}
END_TEST

SUITE("framings", section_gives_a_name, section_takes_any_bytes, errors_name_their_place,
      printed_configuration_is_the_same_again, replies_have_a_framing_of_their_own,
      limits_of_replies_are_their_own, reply_ends_with_the_connection, message_ends_with_the_stream,
      greeting_comes_first, first_frame_is_another, fragments_become_one_message,
      fragments_are_bounded_together, oversize_lines_are_dropped_once,
      other_protocols_are_told_apart, each_error_has_its_counter, list_names_them_all)
