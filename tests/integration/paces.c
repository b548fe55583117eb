/* Modules that answer at once, and then do not: one look at the clock serves several messages as
 * long as they are quick, and nobody may notice. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <jansson.h>
#include <unistd.h>

/* What stuck.c naps. */
#define NAP_MS 300
#define QUICK 200

static int start_with(const char *deadlines)
{
    char config[512];

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
             "handler { module = \"$HANDLERS/stuck.so\" } deadlines { %s } }\n",
             deadlines);
    daemon_start(config);
    return raw_connect("unix:$DIR/x.sock");
}

/* The last of several quick messages, and of the next of a batch that follow, in one go. */
static void exchange(int fd, const char *texts, const char *replies)
{
    char sent[QUICK * 6 + 200] = "", expected[QUICK * 6 + 200] = "";
    size_t length = 0;

    for (int i = 0; i < QUICK; i++)
        length += (size_t)snprintf(sent + length, sizeof(sent) - length, "quick\n");
    memcpy(expected, sent, length);
    snprintf(sent + length, sizeof(sent) - length, "%s", texts);
    snprintf(expected + length, sizeof(expected) - length, "%s", replies);
    raw_send(fd, sent, strlen(sent));
    raw_expect(fd, expected, strlen(expected));
}

/* Each is within the deadline, and all of them are not. */
START_TEST(each_message_has_its_own_deadline)
{
    int fd = start_with("request = 500ms");

    exchange(fd, "!nap\n!nap\nquick\n!nap\n!nap\n", "rested\nrested\nquick\nrested\nrested\n");
    close(fd);
    ck_assert_uint_eq(log_count("event=worker-late"), 0);
}
END_TEST

START_TEST(deadline_of_one_behind_quick_ones_is_kept)
{
    int fd = start_with("request = 500ms");

    exchange(fd, "!wait\n", "");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.request", 1);
}
END_TEST

/* They are not of one moment: the reply to the first nap is there while the third message hangs. */
START_TEST(replies_do_not_wait_for_the_rest_of_their_run)
{
    int fd = start_with("request = 20s");

    exchange(fd, "!nap\n!pause\n", "rested\n");
    close(fd);
}
END_TEST

static json_int_t latency(const char *key)
{
    json_t *status = control_ask("status");
    json_t *service = json_array_get(json_object_get(status, "services"), 0);
    json_int_t number =
        json_integer_value(json_object_get(json_object_get(service, "latency_us"), key));

    json_decref(status);
    return number;
}

/* Each message is counted, with what it took; and a slow one is told with its own size. */
START_TEST(times_are_those_of_each_message)
{
    int fd = start_with("slow_request = 100ms");

    exchange(fd, "!nap\nquick\n", "rested\nquick\n");
    close(fd);
    ck_assert(UNTIL(latency("count") == QUICK + 2));
    ck_assert_int_ge(latency("max"), NAP_MS * 1000);
    ck_assert_int_lt(latency("p99"), NAP_MS * 1000 / 2);
    log_wait("event=slow-request", "bytes=4", "took_ms=");
    ck_assert_uint_eq(log_count("event=slow-request"), 1);
}
END_TEST

SUITE("paces", each_message_has_its_own_deadline, deadline_of_one_behind_quick_ones_is_kept,
      replies_do_not_wait_for_the_rest_of_their_run, times_are_those_of_each_message)
