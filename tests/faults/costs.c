/* What an idle framed costs: private memory of each worker, time to start. */
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKER_KIB 1024
/* Time is no pass or fail here; what takes this long is broken, not slow. */
#define START_MS 5000

#define ECHO                                                                                       \
    "service echo { listen = \"unix:$DIR/x.sock\" workers { max = 4 }\n"                           \
    "handler { builtin = echo } }\n"

START_TEST(idle_worker_is_small)
{
    static const char *const keys[] = {"Private_Clean:", "Private_Dirty:", NULL};
    pid_t pids[WORKERS_MAX];

    if (is_sanitized())
        return; /* that memory is the sanitizer's */
    daemon_start(ECHO);
    ck_assert_uint_eq(status_workers("echo", pids), 4);
    for (int i = 0; i < 4; i++) {
        long kib = process_sum(pids[i], "smaps_rollup", keys);

        printf("worker %d: %ld KiB private\n", i, kib);
        ck_assert_int_gt(kib, 0);
        ck_assert_int_lt(kib, WORKER_KIB);
    }
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

SUITE("costs", idle_worker_is_small, starts_soon)
