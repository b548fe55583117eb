/* Clients that take their time to read: that time is theirs, and no handler is blamed for it. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <string.h>
#include <unistd.h>

/* Many small requests in one piece, whose replies are more than a Unix socket takes. */
#define REQUESTS 60
#define REQUEST "!long 8192\n"
#define REQUEST_SIZE (sizeof(REQUEST) - 1)
#define REPLY_SIZE 8192
/* As in the module `stuck`. */
#define PARTS 10
#define PART_SIZE ((size_t)256 * 1024)

static void expect_line(int fd, size_t length)
{
    static char line[PART_SIZE + 1];

    memset(line, 'x', length);
    line[length] = '\n';
    raw_expect(fd, line, length + 1);
}

START_TEST(pause_is_not_the_next_requests)
{
    char requests[REQUESTS * REQUEST_SIZE];
    pid_t worker;
    int fd;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} }\n"
                 "deadlines { request = 1s write = 15s } }\n");
    for (size_t i = 0; i < REQUESTS; i++)
        memcpy(requests + i * REQUEST_SIZE, REQUEST, REQUEST_SIZE);
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send(fd, requests, sizeof(requests));
    worker = status_wait_busy("it", "writing");
    nap(1500); /* longer than a request may take */
    ck_assert_int_eq(status_wait_busy("it", "writing"), worker);
    for (int i = 0; i < REQUESTS; i++)
        expect_line(fd, REPLY_SIZE);
    raw_send_text(fd, "well\n");
    raw_expect_text(fd, "well\n");
    close(fd);
    status_wait_counter("it", "closed.client", 1);
    ck_assert_int_eq(log_count("event=handler"), 0);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

/* All of them together take longer than request, write and the master's patience. */
START_TEST(pauses_do_not_add_up)
{
    int fd;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { module = \"$HANDLERS/stuck.so\" }\n"
                 "deadlines { request = 100ms write = 1500ms } }\n");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "!parts\n");
    for (int i = 0; i < PARTS; i++) {
        nap(400);
        expect_line(fd, PART_SIZE);
    }
    raw_send_text(fd, "well\n");
    raw_expect_text(fd, "well\n");
    close(fd);
    status_wait_counter("it", "closed.client", 1);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

SUITE("slow_readers", pause_is_not_the_next_requests, pauses_do_not_add_up)
