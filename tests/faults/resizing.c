/* Workers die while pools grow, shrink and recycle: nobody gets a wrong reply, the service goes on,
 * and the pool is whole in the end. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define KILLS 60
#define KILL_EVERY_MS 25

#define SERVICE(workers, handler)                                                                  \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { " workers " }\n"                                                                    \
    "handler { " handler " } }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"} settle = 20ms"

static void kill_one(unsigned *seed)
{
    pid_t pids[WORKERS_MAX];
    size_t count = status_workers("it", pids);

    if (count > 0)
        kill(pids[(size_t)rand_r(seed) % count], SIGKILL);
}

/* Who is served by one that dies is told so by the end of the stream, and never by a wrong reply.
 */
static void slaughter(const char *config)
{
    struct load load = {.framing = "line", .style = LOAD_CONNECTION_A_MESSAGE, .clients = 6};
    struct load after = load;
    unsigned seed = (unsigned)now_ms();

    printf("seed %u\n", seed);
    daemon_start(config);
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (int i = 0; i < KILLS; i++) {
        kill_one(&seed);
        nap(KILL_EVERY_MS);
    }
    load_wait(&load, 100);
    load_stop(&load);
    ck_assert_uint_eq(load.wrong, 0);
    ck_assert_uint_le(load.broken, KILLS);
    after.address = expand("unix:$DIR/x.sock");
    load_start(&after);
    load_wait(&after, 300);
    load_stop_clean(&after);
}

START_TEST(dynamic)
{
    slaughter(SERVICE("mode = dynamic min = 2 max = 8 spare_min = 2", ECHO));
    ck_assert(UNTIL(status_workers("it", (pid_t[WORKERS_MAX]){0}) >= 2));
}
END_TEST

START_TEST(dynamic_with_programs)
{
    slaughter(SERVICE("mode = dynamic min = 2 max = 8 spare_min = 2", SCRIPTED));
    ck_assert(UNTIL(status_workers("it", (pid_t[WORKERS_MAX]){0}) >= 2));
}
END_TEST

START_TEST(ondemand)
{
    slaughter(SERVICE("mode = ondemand max = 8 idle_exit = 50ms", ECHO));
    status_wait_workers("it", 0);
}
END_TEST

START_TEST(recycling)
{
    slaughter(SERVICE("max = 4 max_requests = 10 max_lifetime = 150ms", SCRIPTED));
    ck_assert(UNTIL(status_workers("it", (pid_t[WORKERS_MAX]){0}) >= 4));
}
END_TEST

/* The whole pool crashes again and again, as if by a message: it is there again each time. */
START_TEST(crashes_of_all_throttle_to_no_less_than_the_floor)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(SERVICE("mode = ondemand max = 4", ECHO));
    for (int i = 0; i < 30; i++) {
        uint64_t before = now_ms();
        size_t count;

        client_once("unix:$DIR/x.sock", "line", "hello", "hello");
        ck_assert_uint_lt(now_ms() - before, 5000);
        count = status_workers("it", pids);
        for (size_t at = 0; at < count; at++)
            kill(pids[at], SIGKILL);
        status_wait_gone(pids, count);
    }
}
END_TEST

SUITE("resizing", dynamic, dynamic_with_programs, ondemand, recycling,
      crashes_of_all_throttle_to_no_less_than_the_floor)
