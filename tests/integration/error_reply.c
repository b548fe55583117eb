/* What a client is told whose message gets no reply: `error_reply`, in its turn and in its framing;
 * and whether the connection goes on behind it. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* HANDLER is what follows the error_reply in `handler { }`, MORE what follows that. */
static void start(const char *framing, const char *handler, const char *more)
{
    char config[1024];

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = %s workers { max = 1 }\n"
             "handler { error_reply = 'sorry' %s }\n%s }\n",
             framing, handler, more);
    daemon_start(config);
}

#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"
#define RECORDER "command = {\"$HANDLERS/recorder\"} codec = record"
#define MODULE "module = \"$HANDLERS/stuck.so\""

static struct framed_client *connect_to(const char *framing)
{
    return client_open("unix:$DIR/x.sock", framing);
}

/* TEXT, sent as it is, is answered by REPLIES and the end of the connection. */
static void expect_end(const char *text, const char *replies)
{
    int fd = raw_connect("unix:$DIR/x.sock");

    raw_send(fd, text, strlen(text));
    raw_expect(fd, replies, strlen(replies));
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}

/* ... and by nothing else, and the connection goes on. */
static void expect_more(const char *text, const char *replies)
{
    int fd = raw_connect("unix:$DIR/x.sock");

    raw_send(fd, text, strlen(text));
    raw_expect(fd, replies, strlen(replies));
    raw_send_text(fd, "well\n");
    raw_expect_text(fd, "well\n");
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}

START_TEST(refused_goes_on)
{
    struct framed_client *client;

    start("u32be", SCRIPTED, "");
    client = connect_to("u32be");
    client_expect(client, "two\nlines", "sorry");
    client_expect(client, "well", "well");
    client_expect(client, "two\nlines", "sorry");
    framed_client_free(client);
    status_wait_counter("it", "error_replies", 2);
    status_wait_counter("it", "closed.client", 1);
    log_wait_count(2, "event=error-reply", "reason=refused");
}
END_TEST

/* One request, one reply, in order; and what is behind the fault is not handled. */
START_TEST(told_in_its_turn)
{
    start("line", SCRIPTED, "");
    expect_end("one\ntwo\n!die 1\nthree\n", "one\ntwo\nsorry\n");
    expect_end("four\n!pair\nfive\n", "four\nsorry\n");
    status_wait_counter("it", "closed.handler_died", 1);
    status_wait_counter("it", "closed.handler_protocol", 1);
    status_wait_counter("it", "error_replies", 2);
    status_wait_counter("it", "replies", 3);
}
END_TEST

START_TEST(late_is_told)
{
    start("line", SCRIPTED, "deadlines { request = 200ms }");
    expect_end("one\n!never\n", "one\nsorry\n");
    status_wait_counter("it", "closed.request", 1);
}
END_TEST

START_TEST(what_cannot_start_is_told)
{
    daemon_write("ok", "");
    start("line",
          "command = {\"/bin/sh\", \"-c\", \"test -e $DIR/ok && exec $HANDLERS/scripted; exit 7\"}",
          "");
    unlink(expand("$DIR/ok"));
    for (int i = 0; i < 5; i++)
        expect_end("!die 1\n", "sorry\n");
    status_wait_counter("it", "error_replies", 5);
    ck_assert_int_gt(status_counter("it", "closed.handler_failed"), 0);
}
END_TEST

/* As the framing of replies has it; and what does not fit that was not sent at all. */
START_TEST(framed_as_a_reply)
{
    start("line reply_framing = u8", SCRIPTED, "");
    expect_end("well\n!long 300\nbehind\n", "\4well\5sorry");
    expect_end("!die 1\n", "\5sorry");
    status_wait_counter("it", "closed.reply", 1);
}
END_TEST

START_TEST(module_that_fails_goes_on)
{
    start("line", MODULE, "");
    expect_more("!error\n!error\n", "sorry\nsorry\n");
    status_wait_counter("it", "error_replies", 2);
}
END_TEST

START_TEST(nothing_behind_a_part)
{
    start("line", RECORDER, "");
    expect_end("!part-error no\n", "part\n");
    status_wait_counter("it", "closed.handler_failed", 1);
    status_wait_counter("it", "error_replies", 0);
}
END_TEST

/* Errors wait for their turn as replies do. */
START_TEST(records_with_a_status_go_on)
{
    start("line", RECORDER, "");
    expect_more("!hold first\n!error second\nthird\n!release\n", "first\nsorry\nthird\nreleased\n");
    log_wait("event=handler-error", "status=7", "text=second");
    status_wait_counter("it", "error_replies", 1);
}
END_TEST

START_TEST(records_that_are_never_answered)
{
    start("line", RECORDER, "deadlines { request = 300ms }");
    expect_end("one\n!deaf two\nthree\n", "one\nsorry\n");
    status_wait_counter("it", "closed.request", 1);
}
END_TEST

/* Its requests are lost with it: the oldest is the one that is told of. */
START_TEST(records_whose_handler_dies)
{
    start("line", RECORDER, "");
    expect_end("one\n!hold two\n!hold three\n!die\n", "one\nsorry\n");
    expect_end("!misaddress\n", "sorry\n");
    expect_end("!more 0\n!print this is no record at all\n", "sorry\n");
    status_wait_counter("it", "closed.handler_died", 1);
    status_wait_counter("it", "closed.handler_protocol", 2);
}
END_TEST

START_TEST(without_it_the_connection_ends)
{
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { " RECORDER " } }\n");
    expect_end("one\n!error two\nthree\n", "one\n");
    status_wait_counter("it", "error_replies", 0);
}
END_TEST

START_TEST(from_the_command_line)
{
    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "--error-reply", "ERR\\t1", "--",
               "$HANDLERS/scripted");
    expect_end("well\n!die 1\n", "well\nERR\t1\n");
}
END_TEST

SUITE("error_reply", refused_goes_on, told_in_its_turn, late_is_told, what_cannot_start_is_told,
      framed_as_a_reply, module_that_fails_goes_on, nothing_behind_a_part,
      records_with_a_status_go_on, records_that_are_never_answered, records_whose_handler_dies,
      without_it_the_connection_ends, from_the_command_line)
