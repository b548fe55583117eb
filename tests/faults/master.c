/* The master is killed: its workers finish what is in flight and leave, and so do handlers. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>

#define SERVICE(words)                                                                             \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 4 }\n"              \
    "handler { command = {" words "} } deadlines { drain = 1s request = 1m } }\n"                  \
    "service echo { listen = \"unix:$DIR/e.sock\" handler { builtin = echo } workers { max = 2 "   \
    "}\n"                                                                                          \
    "deadlines { drain = 1s } }\n"

static void kill_master(void)
{
    ck_assert_int_eq(kill(daemon_pid(), SIGKILL), 0);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
}

START_TEST(killed_while_idle)
{
    uint64_t began;

    daemon_start(SERVICE("\"$HANDLERS/scripted\""));
    began = now_ms();
    kill_master();
    daemon_check_gone();
    ck_assert_uint_lt(now_ms() - began, 10000);
}
END_TEST

START_TEST(killed_under_load)
{
    struct load lines = {.style = LOAD_PERSISTENT, .framing = "line", .clients = 3};
    struct load echoes = {.style = LOAD_PERSISTENT, .framing = "u32be", .clients = 2};

    daemon_start(SERVICE("\"$HANDLERS/scripted\""));
    lines.address = expand("unix:$DIR/x.sock");
    echoes.address = expand("unix:$DIR/e.sock");
    load_start(&lines);
    load_start(&echoes);
    load_wait(&lines, 100);
    load_wait(&echoes, 100);
    kill_master();
    lines.stop = echoes.stop = true;
    daemon_check_gone();
    load_stop(&lines);
    load_stop(&echoes);
    ck_assert_uint_eq(lines.wrong, 0);
    ck_assert_uint_eq(echoes.wrong, 0);
}
END_TEST

START_TEST(killed_with_a_request_in_flight)
{
    struct framed_client *client;

    daemon_start(SERVICE("\"$HANDLERS/scripted\""));
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!slow 300");
    status_wait_busy("it", "handling");
    kill_master();
    client_receive(client, "slow");
    client_expect_end(client);
    framed_client_free(client);
    daemon_check_gone();
}
END_TEST

/* Handlers that neither answer nor care about the end of their input, nor about SIGTERM. */
START_TEST(killed_with_a_handler_that_hangs)
{
    struct framed_client *client;

    daemon_start(SERVICE("\"$HANDLERS/scripted\", \"--deaf\""));
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!never");
    status_wait_busy("it", "handling");
    kill_master();
    daemon_check_gone();
    framed_client_free(client);
}
END_TEST

START_TEST(killed_with_a_silent_client)
{
    int fd;

    daemon_start(SERVICE("\"$HANDLERS/scripted\""));
    fd = raw_connect("unix:$DIR/e.sock");
    status_wait_busy("echo", "reading");
    kill_master();
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    daemon_check_gone();
}
END_TEST

START_TEST(killed_while_reloading)
{
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 3 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} settle = 1s }\n"
                 "deadlines { drain = 1s } }\n");
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reload ");
    ck_assert(UNTIL(({
        pid_t pids[PROCESSES_MAX];
        process_descendants(daemon_pid(), pids, PROCESSES_MAX) > 6;
    })));
    kill_master();
    daemon_check_gone();
}
END_TEST

SUITE("master", killed_while_idle, killed_under_load, killed_with_a_request_in_flight,
      killed_with_a_handler_that_hangs, killed_with_a_silent_client, killed_while_reloading)
