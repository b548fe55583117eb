/* The codec record: many requests in flight, and what a handler can do beside answering. */
#include "records.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

/* "c" and "!release" reach the handler though the two before have no answer; it answers b, then a.
 */
START_TEST(replies_in_any_order_keep_the_clients_order)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!hold a\n!hold b\nc\n!release\n");
    raw_expect_text(fd, "a\nb\nc\nreleased\n");
    raw_send_text(fd, "!hold d\n");
    raw_send_text(fd, "e\n!release\n");
    raw_expect_text(fd, "d\ne\nreleased\n");
    status_wait_counter("it", "replies", 7); /* though the client is there still */
    close(fd);
}
END_TEST

START_TEST(reply_in_parts)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!more 3\n!hold a\n!more 2\n!release\n");
    raw_expect_text(fd, "1\n2\n3\na\n1\n2\nreleased\n");
    close(fd);
}
END_TEST

START_TEST(push_waits_for_no_turn)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!push one\n");
    raw_expect_text(fd, "one\npushed\n");
    raw_send_text(fd, "!hold a\n!push two\n");
    raw_expect_text(fd, "two\n");
    raw_send_text(fd, "!release\n");
    raw_expect_text(fd, "a\npushed\nreleased\n");
    /* To one who has gone: dropped. */
    raw_send_text(fd, "!who\n");
    close(fd);
    records_once("!push-to 1", "pushed");
}
END_TEST

START_TEST(hangup_comes_after_what_is_owed)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!hold a\n!hangup\n!release\n");
    raw_expect_text(fd, "a\nbye\nreleased\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.hangup", 1);
    log_wait("event=handler-stderr", "close 1");
}
END_TEST

START_TEST(who_has_sent_its_last_is_answered)
{
    int fd;

    daemon_start(RECORDS("", "deadlines { idle = 100ms }"));
    fd = records_connect();
    raw_send_text(fd, "!after 400\nb\n");
    shutdown(fd, SHUT_WR);
    raw_expect_text(fd, "400\nb\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.client", 1);
    log_wait("event=handler-stderr", "close 0");
}
END_TEST

/* The end of the reply is that of the connection: not before it. */
START_TEST(reply_that_ends_the_stream)
{
    int fd;

    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "eof", "--codec", "record", "--",
               "$HANDLERS/recorder");
    fd = records_connect();
    raw_send_text(fd, "!after 300");
    shutdown(fd, SHUT_WR);
    raw_expect_text(fd, "300");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

/* What was received before it is answered, then comes the close. */
START_TEST(bad_message_does_not_cost_the_replies_before)
{
    static const char many[100] = "no end";
    int fd;

    daemon_start(RECORDS("", "limits { max_message = 50 }"));
    fd = records_connect();
    raw_send_text(fd, "!after 300\n");
    raw_send(fd, many, sizeof(many));
    raw_expect_text(fd, "300\n");
    raw_end(fd);
    log_wait("event=closed", "reason=oversize");
    log_wait("event=handler-stderr", "close 3");
}
END_TEST

START_TEST(idle_begins_when_nothing_is_owed)
{
    int fd;

    daemon_start(RECORDS("", "deadlines { idle = 300ms }"));
    fd = records_connect();
    raw_send_text(fd, "!after 600\n");
    raw_expect_text(fd, "600\n");
    raw_send_text(fd, "in time\n");
    raw_expect_text(fd, "in time\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.idle", 1);
    log_wait("event=handler-stderr", "close 2");
}
END_TEST

START_TEST(late_reply_of_one_who_left_is_dropped)
{
    int fd, pid;

    daemon_start(RECORDS("window = 3", ""));
    fd = records_connect();
    pid = records_pid(fd);
    close(fd);
    for (int i = 0; i < 40; i++) {
        char text[32];

        fd = records_connect();
        raw_send_text(fd, "!hold mine\n!hold mine, too\n");
        close(fd);
        snprintf(text, sizeof(text), "yours %d", i);
        records_once(text, text);
    }
    log_wait("event=handler-stderr", "cancel");
    fd = records_connect();
    ck_assert_int_eq(records_pid(fd), pid);
    close(fd);
}
END_TEST

/* The third message has not gone to the handler when the two before it are cancelled. */
START_TEST(window_is_kept)
{
    int fd;

    daemon_start(RECORDS("window = 2", "deadlines { request = 300ms }"));
    fd = records_connect();
    raw_send_text(fd, "!hold a\n!release\nb\nc\nd\n!hold e\n");
    raw_expect_text(fd, "a\nreleased\nb\nc\nd\n");
    raw_send_text(fd, "!hold f\n!hold g\n");
    raw_end(fd);
    log_wait_count(2, "event=handler-stderr", "text=cancel");
    records_once("!release", "released");
    ck_assert_uint_eq(log_count("event=handler-stderr", "text=cancel"), 2);
}
END_TEST

/* Far more than all pipes and buffers hold, both ways. */
START_TEST(large_messages_do_not_hold_each_other_up)
{
    enum {
        SIZE = 300000,
        COUNT = 40
    };
    char *message = malloc(SIZE);
    pid_t sender;
    int fd;

    daemon_start(RECORDS("window = 8", "limits { max_message = 1MiB max_reply = 1MiB }"));
    fd = records_connect();
    memset(message, 'm', SIZE);
    message[SIZE - 1] = '\n';
    sender = fork();
    if (sender == 0) {
        for (int i = 0; i < COUNT; i++)
            raw_send(fd, message, SIZE);
        _exit(0);
    }
    for (int i = 0; i < COUNT; i++)
        raw_expect(fd, message, SIZE);
    close(fd);
    free(message);
}
END_TEST

START_TEST(handler_is_told_who_and_what)
{
    struct framed_client *client;
    char wanted[256];

    daemon_start(RECORDS("window = 7", "limits { max_message = 5000 max_reply = 6000 }"));
    records_once("!hello",
                 "VERSION=1 SERVICE=it WORKER=0 MAX_MESSAGE=5000 MAX_REPLY=6000 WINDOW=7");
    client = client_open("unix:$DIR/x.sock", "line");
    snprintf(wanted, sizeof(wanted),
             "PROTO=UNIX UNIXLOCALPATH=%s UNIXREMOTEPID=%d UNIXREMOTEEUID=%u UNIXREMOTEEGID=%u "
             "FRAMED_CONNECTION=4294967298",
             expand("$DIR/x.sock"), (int)getpid(), geteuid(), getegid());
    client_expect(client, "!who", wanted);
    framed_client_free(client);
}
END_TEST

START_TEST(handler_is_told_tcp_addresses)
{
    char text[256] = "";
    char wanted[128];
    ssize_t got;
    int fd;

    daemon_run(1, "-l", "tcp:127.0.0.1:0", "-F", "line", "-w", "1", "--codec", "record", "--",
               "$HANDLERS/recorder");
    fd = raw_connect(daemon_announced(0));
    raw_send_text(fd, "!who\n");
    got = recv(fd, text, sizeof(text) - 1, 0);
    ck_assert_int_gt(got, 0);
    snprintf(wanted, sizeof(wanted), " TCPLOCALIP=127.0.0.1 TCPLOCALPORT%s FRAMED_CONNECTION=",
             strrchr(daemon_announced(0), ':'));
    *strrchr(wanted, ':') = '=';
    ck_assert_msg(strstr(text, wanted), "%s", text);
    ck_assert_msg(strstr(text, "PROTO=TCP TCPREMOTEIP=127.0.0.1 TCPREMOTEPORT=") == text, "%s",
                  text);
    close(fd);
}
END_TEST

START_TEST(handler_writes_to_the_log)
{
    daemon_start(RECORDS("", ""));
    records_once("!log it rains", "logged");
    log_wait("event=handler-log", "level=notice", "it rains", "handler_pid=");
}
END_TEST

/* The replies before it are sent, and the others of the client are cancelled. */
START_TEST(error_closes_the_client_in_its_turn)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!hold a\n!error no such table\n!deaf b\n!release\n");
    raw_expect_text(fd, "a\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    log_wait("event=handler-error", "status=7", "no such table");
    log_wait("event=closed", "reason=handler_failed");
    records_once("well", "well");
}
END_TEST

START_TEST(stop_waits_for_replies_and_tells_the_handler)
{
    int fd;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    raw_send_text(fd, "!after 400\n");
    status_wait_busy("it", "handling");
    kill(daemon_pid(), SIGTERM);
    raw_expect_text(fd, "400\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert(log_has("event=handler-stderr", "text=stop"));
}
END_TEST

SUITE("records", replies_in_any_order_keep_the_clients_order, reply_in_parts,
      push_waits_for_no_turn, hangup_comes_after_what_is_owed, who_has_sent_its_last_is_answered,
      reply_that_ends_the_stream, bad_message_does_not_cost_the_replies_before,
      idle_begins_when_nothing_is_owed, late_reply_of_one_who_left_is_dropped, window_is_kept,
      large_messages_do_not_hold_each_other_up, handler_is_told_who_and_what,
      handler_is_told_tcp_addresses, handler_writes_to_the_log, error_closes_the_client_in_its_turn,
      stop_waits_for_replies_and_tells_the_handler)
