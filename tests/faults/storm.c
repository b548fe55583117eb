/* A reload every 50 ms for 5 s, under load: no request is lost. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EVERY_MS 50
#define STORM_MS 5000

static void storm(unsigned ms)
{
    for (uint64_t began = now_ms(), next = began; next - began < ms; next += EVERY_MS) {
        uint64_t now = now_ms();

        if (next > now)
            nap((unsigned)(next - now));
        kill(daemon_pid(), SIGHUP);
    }
}

/* Workers of old generations have left, and the master has kept nothing of them: there are WORKERS,
 * PROCESSES with their programs and the keeper. */
static void check_settled(const char *service, size_t workers, size_t processes, int descriptors)
{
    int now;

    status_wait_workers(service, workers);
    ck_assert_msg(
        UNTIL((now = process_settled_descriptors(daemon_pid(), processes)) <= descriptors),
        "%d descriptors, not %d", now, descriptors);
}

/* What is asked equals what is answered: load_stop_clean() knows each message. */
static void reload_under_load(const char *framing, size_t workers, size_t processes)
{
    struct load passing = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = framing, .clients = 4};
    struct load staying = {.style = LOAD_PERSISTENT, .framing = framing, .clients = 3};
    int descriptors = process_settled_descriptors(daemon_pid(), processes);

    passing.address = staying.address = daemon_address("it", 0);
    load_start(&passing);
    load_start(&staying);
    load_wait(&passing, 100);
    storm(STORM_MS);
    load_wait(&passing, 100);
    load_wait(&staying, 100);
    load_stop_clean(&passing);
    load_stop_clean(&staying);
    ck_assert_int_ge(status_number("generation"), 5); /* a command takes two settles each */
    printf("%lld generations; %lu and %lu answered, %lu asked again on a new connection\n",
           status_number("generation"), passing.answered, staying.answered, staying.asked_again);
    ck_assert_uint_eq(staying.asked_again, 0);
    ck_assert_int_eq(log_count("event=reload-failed"), 0);
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
    check_settled("it", workers, processes, descriptors);
}

START_TEST(echo_over_tcp)
{
    daemon_start("service it { listen = \"tcp:127.0.0.1:0\" workers { max = 8 }\n"
                 "handler { builtin = echo } }\n");
    reload_under_load("u32be", 8, 8 + 1);
}
END_TEST

START_TEST(command_over_a_unix_socket)
{
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 8 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n");
    reload_under_load("line", 8, 8 + 8 + 1);
}
END_TEST

START_TEST(broken_file_is_never_noticed)
{
    struct load load = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 3};

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 4 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n");
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    load_wait(&load, 100);
    daemon_configure("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                     "handler { command = {\"$HANDLERS/scripted\", \"--fail\"} settle = 5s } }\n");
    storm(400);
    daemon_configure("service it { listen = \n");
    storm(400);
    log_wait_count(2, "event=reload-failed");
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_int_eq(status_number("generation"), 1);
}
END_TEST

SUITE("storm", echo_over_tcp, command_over_a_unix_socket, broken_file_is_never_noticed)
