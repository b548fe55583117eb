/* Handlers of the codec record that are late, stuck, wrong, or gone. */
#include "records.h"

#include <signal.h>
#include <stdlib.h>

static void reload(const char *config, int status, const char *told)
{
    struct output output;

    daemon_configure(config);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, status);
    ck_assert_msg(strstr(status ? output.err : output.out, told), "%s", output.err);
}

START_TEST(handler_is_ready_when_it_says_so)
{
    daemon_start(RECORDS_OF(RECORDER ", \"--ready-after\", \"700\"", "", ""));
    records_once("well", "well");
}
END_TEST

/* Each is told to whoever reloads, and changes nothing. */
START_TEST(handler_that_cannot_start)
{
    daemon_start(RECORDS("", ""));
    reload(RECORDS_OF(RECORDER ", \"--fail\", \"no table\"", "", ""), 1,
           "recorder\" cannot start: no table");
    reload(RECORDS_OF(RECORDER ", \"--print\", \"Hello\"", "", ""), 1,
           "recorder\" wrote what is no record, or one larger than max_reply allows: \"Hello");
    reload(RECORDS_OF(RECORDER ", \"--silent\"", "", "deadlines { start = 800ms }"), 1,
           "recorder\" did not say READY in time");
    reload(RECORDS_OF("\"sh\", \"-c\", \"echo broken >&2; exit 3\"", "", ""), 1,
           "\"sh\" ended at its start: exit status 3; it said: broken");
    records_once("well", "well");
}
END_TEST

/* One that answers when it is cancelled is well, and stays. */
START_TEST(late_request_is_cancelled)
{
    int fd, pid;

    daemon_start(RECORDS("", "deadlines { request = 300ms }"));
    fd = records_connect();
    pid = records_pid(fd);
    raw_send_text(fd, "!hold a\n");
    raw_end(fd);
    log_wait("event=closed", "reason=request");
    log_wait("event=handler-stderr", "text=cancel");
    fd = records_connect();
    ck_assert_int_eq(records_pid(fd), pid);
    close(fd);
}
END_TEST

/* Only it is replaced; who has not asked anything meanwhile does not notice. */
START_TEST(stuck_handler_is_replaced)
{
    int fd, other, pid;

    daemon_start(RECORDS("", "deadlines { request = 300ms }"));
    fd = records_connect();
    pid = records_pid(fd);
    raw_send_text(fd, "!deaf a\n");
    raw_end(fd);
    log_wait("event=closed", "reason=request");
    other = records_connect();
    log_wait("event=handler-timeout", "it did not answer a request that was cancelled");
    ck_assert_int_ne(records_pid(other), pid);
    ck_assert(UNTIL(!process_lives(pid)));
    raw_send_text(other, "!who\n");
    raw_expect_text(other, "PROTO=UNIX");
    close(other);
}
END_TEST

/* No client is there when its time comes. */
START_TEST(stuck_handler_is_replaced_between_clients)
{
    int fd, pid;

    daemon_start(RECORDS("", "deadlines { request = 500ms }"));
    fd = records_connect();
    pid = records_pid(fd);
    raw_send_text(fd, "!deaf a\n!push b\n");
    raw_expect_text(fd, "b\n");
    close(fd);
    log_wait("event=handler-timeout", "it did not answer a request that was cancelled");
    ck_assert(UNTIL(!process_lives(pid)));
    records_once("well", "well");
}
END_TEST

START_TEST(handler_that_dies_with_many_requests)
{
    int fd;

    daemon_start(RECORDS("window = 32", ""));
    fd = records_connect();
    for (int i = 0; i < 31; i++)
        raw_send_text(fd, "!deaf a\n");
    raw_send_text(fd, "!die\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    log_wait("event=handler-died", "status=SIGKILL", "it ended before it answered");
    log_wait("event=closed", "reason=handler_died");
    records_once("well", "well");
}
END_TEST

/* What it knew of its client died with it. */
START_TEST(handler_that_dies_between_requests)
{
    int fd, pid;

    daemon_start(RECORDS("", ""));
    fd = records_connect();
    pid = records_pid(fd);
    kill(pid, SIGKILL);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    log_wait("event=handler-died", "it ended between requests");
    fd = records_connect();
    pid = records_pid(fd);
    close(fd);
    log_wait("event=handler-stderr", "close 0");
    kill(pid, SIGKILL);
    log_wait_count(2, "event=handler-died", "it ended between requests");
    records_once("well", "well");
}
END_TEST

static const struct {
    const char *message;
    const char *told;
} wrongs[] = {
    {"!twice\n", "a reply to a request that it was not sent, or has answered"},
    {"!misaddress\n", "a reply to a request that it was not sent, or has answered"},
    {"!print Hello, I am not a record\n", "Hello, I am not a record"},
    {"!push-to 99\n", "a message to a connection that it was not told of"},
    {"!fill 5000\n", "larger than max_reply"},
    {"!deaf a\n!more 9000\n", "too many replies that wait for their turn"},
    {"!give-up the disk is full\n", "the disk is full"},
};

START_TEST(protocol_is_enforced)
{
    daemon_start(RECORDS("window = 2", "limits { max_reply = 4500 }"));
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        int fd = records_connect();

        raw_send(fd, wrongs[i].message, strlen(wrongs[i].message));
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
        log_wait("event=handler-", wrongs[i].told);
        log_wait_count(i + 1, "event=closed", "reason=handler_");
        records_once("well", "well");
    }
    ck_assert_uint_eq(log_count("event=handler-protocol"), 6);
}
END_TEST

/* The first replacement is at once, the next ones are not. */
START_TEST(handler_that_always_dies_is_not_started_in_a_tight_loop)
{
    daemon_start(RECORDS("", ""));
    for (int i = 0; i < 4; i++) {
        int fd = records_connect();

        raw_send_text(fd, "!die\n");
        raw_end(fd);
    }
    log_wait("event=handler-died");
    ck_assert(UNTIL(log_has("event=closed", "reason=handler_failed") ||
                    log_count("event=handler-died") == 4));
    /* The timer brings it back without a client: worker, keeper, handler. */
    ck_assert(UNTIL(process_descendants(daemon_pid(), (pid_t[8]){0}, 8) == 3));
    records_once("well", "well");
}
END_TEST

SUITE("records_faults", handler_is_ready_when_it_says_so, handler_that_cannot_start,
      late_request_is_cancelled, stuck_handler_is_replaced,
      stuck_handler_is_replaced_between_clients, handler_that_dies_with_many_requests,
      handler_that_dies_between_requests, protocol_is_enforced,
      handler_that_always_dies_is_not_started_in_a_tight_loop)
