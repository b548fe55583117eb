/* `batch`: a program without request ids that gets several messages of one client at a time. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICE(framing, command, handler, more)                                                   \
    "service it { listen = \"unix:$DIR/x.sock\" framing = " framing " workers { max = 1 }\n"       \
    "handler { command = {" command "} settle = 20ms " handler " }\n" more "\n}\n"
#define SCRIPTED(handler, more) SERVICE("line", "\"$HANDLERS/scripted\"", handler, more)
/* Answers its first line; then reads COUNT before it answers them. */
#define HOARDER(count)                                                                             \
    "\"awk\", \"-Winteractive\", \"NR == 1 { print; fflush(); next }"                              \
    "{ kept = kept $0 RS } (NR - 1) % " count " == 0 { printf \\\"%s\\\", kept; fflush(); "        \
    "kept = \\\"\\\" }\""
#define ROUNDS 60

static int connect_here(void)
{
    return raw_connect("unix:$DIR/x.sock");
}

START_TEST(program_gets_many_and_answers_in_order)
{
    int fd;

    daemon_start(SERVICE("line", HOARDER("4"), "batch = 4", ""));
    fd = connect_here();
    raw_send_text(fd, "0\n1\n2\n3\n4\n5\n6\n7\n8\n");
    raw_expect_text(fd, "0\n1\n2\n3\n4\n5\n6\n7\n8\n");
    close(fd);
    status_wait_counter("it", "replies", 9);
}
END_TEST

START_TEST(program_gets_no_more_than_the_batch)
{
    int fd;

    daemon_start(SERVICE("line", HOARDER("5"), "batch = 4", "deadlines { request = 300ms }"));
    fd = connect_here();
    raw_send_text(fd, "0\n1\n2\n3\n4\n5\n");
    raw_expect_text(fd, "0\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.request", 1);
}
END_TEST

/* More than the pipe holds, and a program that writes while it reads. */
START_TEST(large_batches_do_not_hold_each_other_up)
{
    static char line[200000];
    int fd;

    daemon_start(SERVICE("line", "\"cat\"", "batch = 8", ""));
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    fd = connect_here();
    raw_send_text(fd, "a\n");
    raw_expect_text(fd, "a\n");
    for (int i = 0; i < 3; i++) {
        raw_send(fd, line, sizeof(line));
        raw_expect(fd, line, sizeof(line));
    }
    close(fd);
}
END_TEST

/* In spite of the many that follow, what is answered is not kept back, and the deadline is that of
 * one message. */
START_TEST(each_has_its_own_time)
{
    int fd;

    daemon_start(SCRIPTED("batch = 8", "deadlines { request = 400ms }"));
    fd = connect_here();
    raw_send_text(fd, "a\nb\n!slow 150\n!slow 150\n!slow 150\n!slow 150\n!never\nc\n");
    raw_expect_text(fd, "a\nb\nslow\nslow\nslow\nslow\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.request", 1);
    log_wait("event=handler-timeout", "it did not answer within the request deadline");
    client_once("unix:$DIR/x.sock", "line", "the next", "the next");
}
END_TEST

static void expect_answers_before(const char *handler)
{
    char config[512];
    int fd;

    snprintf(config, sizeof(config), SCRIPTED("%s", "deadlines { request = off }"), handler);
    daemon_start(config);
    fd = connect_here();
    raw_send_text(fd, "a\nb\nc\n!never\n");
    raw_expect_text(fd, "a\nb\nc\n");
    close(fd);
    kill(-status_handler_group("it"), SIGKILL);
}

START_TEST(answered_ones_are_sent_while_others_take_their_time)
{
    expect_answers_before("batch = 8");
}
END_TEST

START_TEST(so_they_are_without_batches)
{
    expect_answers_before("batch = 1");
}
END_TEST

START_TEST(stray_lines_reach_nobody_else)
{
    static const char *const troubles[] = {"a\n!twice\nb\n", "a\n!late 0\nb\n", "a\n!late 1\n",
                                           "!late 3\nb\n!late 2\n"};
    char text[32];

    daemon_start(SCRIPTED("batch = 8", ""));
    for (unsigned i = 0; i < ROUNDS; i++) {
        const char *trouble = troubles[i % 4];
        char first[1];
        int fd = connect_here();

        raw_send(fd, trouble, strlen(trouble));
        ck_assert_int_eq(recv(fd, first, 1, 0), 1);
        close(fd);
        snprintf(text, sizeof(text), "good %u", i);
        client_once("unix:$DIR/x.sock", "line", text, text);
    }
}
END_TEST

START_TEST(one_answer_too_many_ends_the_connection)
{
    int fd;

    daemon_start(SCRIPTED("batch = 8", ""));
    fd = connect_here();
    raw_send_text(fd, "a\n");
    raw_expect_text(fd, "a\n");
    raw_send_text(fd, "b\n!pair\n");
    raw_expect_text(fd, "b\none\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    log_wait("event=handler-protocol", "it wrote more than one reply", "one too many");
    status_wait_counter("it", "closed.handler_protocol", 1);
}
END_TEST

START_TEST(program_that_dies_has_answered_what_it_has)
{
    int fd;

    daemon_start(SCRIPTED("batch = 8", ""));
    fd = connect_here();
    raw_send_text(fd, "a\nb\nc\n!die 3\nd\n");
    raw_expect_text(fd, "a\nb\nc\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.handler_died", 1);
    client_once("unix:$DIR/x.sock", "line", "the next", "the next");
}
END_TEST

/* Its answers are waited for all the same: the next one finds the same process. */
START_TEST(who_leaves_costs_no_process)
{
    const struct linger reset = {.l_onoff = 1};
    char pid[16];
    int fd;

    daemon_start(SCRIPTED("batch = 8", ""));
    snprintf(pid, sizeof(pid), "%d", (int)status_handler_group("it"));
    for (int i = 0; i < 5; i++) {
        fd = connect_here();
        raw_send_text(fd, "a\n!slow 20\n!slow 20\n!slow 20\n");
        raw_expect_text(fd, "a\n");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
        client_once("unix:$DIR/x.sock", "line", "!pid", pid);
    }
}
END_TEST

START_TEST(what_came_before_the_end_or_a_bad_message_is_answered)
{
    int fd;

    daemon_start(SERVICE("netstring", "\"$HANDLERS/scripted\"", "batch = 8", ""));
    fd = connect_here();
    raw_send_text(fd, "1:a,1:b,1:c,");
    shutdown(fd, SHUT_WR);
    raw_expect_text(fd, "1:a,1:b,1:c,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    fd = connect_here();
    raw_send_text(fd, "1:a,1:b,1:\n,1:c,");
    raw_expect_text(fd, "1:a,1:b,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.refused", 1);
    fd = connect_here();
    raw_send_text(fd, "1:a,1:b,x");
    raw_expect_text(fd, "1:a,1:b,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.malformed", 1);
}
END_TEST

/* In its turn, and once; where the program is well, the connection goes on. */
START_TEST(error_reply_takes_the_place_of_a_reply)
{
    int fd;

    daemon_start(SERVICE("netstring", "\"$HANDLERS/scripted\"", "batch = 8 error_reply = sorry",
                         "deadlines { request = 300ms }"));
    fd = connect_here();
    raw_send_text(fd, "1:\n,1:a,1:b,1:\n,1:\n,1:c,");
    raw_expect_text(fd, "5:sorry,1:a,1:b,5:sorry,5:sorry,1:c,");
    raw_send_text(fd, "1:d,1:e,6:!never,1:f,");
    raw_expect_text(fd, "1:d,1:e,5:sorry,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    fd = connect_here();
    raw_send_text(fd, "1:a,1:b,5:!die ,1:c,");
    raw_expect_text(fd, "1:a,1:b,5:sorry,");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "error_replies", 5);
}
END_TEST

/* What came before a reply that does not fit is sent. */
START_TEST(reply_that_does_not_fit_is_the_last)
{
    int fd;

    daemon_start(
        SERVICE("line reply_framing = 'fixed:3'", "\"$HANDLERS/scripted\"", "batch = 8", ""));
    fd = connect_here();
    raw_send_text(fd, "abc\n");
    raw_expect_text(fd, "abc");
    raw_send_text(fd, "!pair\nthat is answered by its second line\n");
    raw_expect_text(fd, "one");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.reply", 1);
}
END_TEST

START_TEST(one_way_goes_in_batches_as_well)
{
    char *out;
    int fd;

    daemon_start(SERVICE("line", "\"tee\", \"$DIR/out\"", "batch = 8 reply = none", ""));
    fd = connect_here();
    raw_send_text(fd, "a\nb\nc\n");
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    daemon_stop();
    out = read_whole(expand("$DIR/out"));
    ck_assert_str_eq(out, "a\nb\nc\n");
    free(out);
}
END_TEST

START_TEST(stop_waits_for_the_answers)
{
    int fd;

    daemon_start(SCRIPTED("batch = 8", ""));
    fd = connect_here();
    raw_send_text(fd, "a\n!slow 50\n!slow 50\nb\n");
    raw_expect_text(fd, "a\n");
    kill(daemon_pid(), SIGTERM);
    raw_expect_text(fd, "slow\nslow\nb\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

SUITE("batches", program_gets_many_and_answers_in_order, program_gets_no_more_than_the_batch,
      large_batches_do_not_hold_each_other_up, each_has_its_own_time,
      answered_ones_are_sent_while_others_take_their_time, so_they_are_without_batches,
      stray_lines_reach_nobody_else, one_answer_too_many_ends_the_connection,
      program_that_dies_has_answered_what_it_has, who_leaves_costs_no_process,
      what_came_before_the_end_or_a_bad_message_is_answered, error_reply_takes_the_place_of_a_reply,
      reply_that_does_not_fit_is_the_last, one_way_goes_in_batches_as_well,
      stop_waits_for_the_answers)
