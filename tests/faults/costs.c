/* What an idle framed costs: private memory of each worker, before and after work; time to start.
 */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_KIB 1024
#define LARGE (4 << 20)
/* Time is no pass or fail here; what takes this long is broken, not slow. */
#define START_MS 5000

#define ECHO                                                                                       \
    "service echo { listen = \"unix:$DIR/x.sock\" workers { max = 4 }\n"                           \
    "handler { builtin = echo } }\n"

static long private_kib(pid_t pid)
{
    static const char *const keys[] = {"Private_Clean:", "Private_Dirty:", NULL};

    return process_sum(pid, "smaps_rollup", keys);
}

START_TEST(idle_worker_is_small)
{
    pid_t pids[WORKERS_MAX];

    if (is_sanitized())
        return; /* that memory is the sanitizer's */
    daemon_start(ECHO);
    ck_assert_uint_eq(status_workers("echo", pids), 4);
    for (int i = 0; i < 4; i++) {
        long kib = private_kib(pids[i]);

        printf("worker %d: %ld KiB private\n", i, kib);
        ck_assert_int_gt(kib, 0);
        ck_assert_int_lt(kib, WORKER_KIB);
    }
}
END_TEST

/* Its client stays, and so does a second one who waits amid a message. */
START_TEST(large_message_leaves_a_worker_small)
{
    static char data[LARGE];
    pid_t pids[WORKERS_MAX];
    int fd, waits;

    if (is_sanitized())
        return;
    daemon_start(
        "service echo { listen = \"unix:$DIR/x.sock\" framing = line\n"
        "workers { max = 1 } limits { max_message = 8MiB } handler { builtin = echo } }\n");
    ck_assert_uint_eq(status_workers("echo", pids), 1);
    memset(data, 'x', sizeof(data));
    data[LARGE - 2] = '\n';
    data[LARGE - 1] = '\0';
    waits = raw_connect("unix:$DIR/x.sock");
    raw_send_text(waits, "begun");
    for (int round = 0; round < 2; round++) {
        fd = raw_connect("unix:$DIR/x.sock");
        raw_send_text(fd, data);
        raw_expect_text(fd, data);
        ck_assert_msg(UNTIL(private_kib(pids[0]) < WORKER_KIB), "%ld KiB", private_kib(pids[0]));
        close(fd);
    }
    raw_send_text(waits, " and ended\n");
    raw_expect_text(waits, "begun and ended\n");
    close(waits);
}
END_TEST

START_TEST(starts_soon)
{
    const char *at;
    char *text;

    daemon_start(ECHO);
    text = log_text();
    at = strstr(text, "event=start ");
    at = at ? strstr(at, "start_ms=") : NULL;
    ck_assert_msg(at != NULL, "the log tells no start_ms");
    printf("started in %d ms\n", (int)strtol(at + strlen("start_ms="), NULL, 10));
    ck_assert_int_lt((int)strtol(at + strlen("start_ms="), NULL, 10), START_MS);
    free(text);
}
END_TEST

SUITE("costs", idle_worker_is_small, large_message_leaves_a_worker_small, starts_soon)
