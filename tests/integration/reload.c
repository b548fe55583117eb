/* Reload: everything new is ready before anything old goes; what fails changes nothing. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ECHO                                                                                       \
    "service echo { listen = \"unix:$DIR/echo.sock\" workers { max = 2 }\n"                        \
    "handler { builtin = echo } }\n"
#define SCRIPTED                                                                                   \
    "service scripted { listen = \"unix:$DIR/s.sock\" framing = line workers { max = 1 }\n"        \
    "handler { command = {\"$HANDLERS/scripted\"} } }\n"

/* A worker has one connection, which cannot move. */
#define ALONE                                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { max = 1 connections = 1 } handler { command = {\"$HANDLERS/scripted\"} } }\n"

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_msg(strstr(output.out, "reloaded"), "%s", output.out);
}

/* Reloads CONFIG, which must fail with TOLD, and harm nothing. */
static void reload_badly(const char *config, const char *told)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];
    size_t count = status_workers(NULL, before);
    long long generation = status_number("generation");
    struct output output;

    ck_assert_uint_gt(count, 0);
    daemon_configure(config);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, told), "%s", output.err);
    log_wait("event=reload-failed", told);
    ck_assert_msg(strstr(status_word("last_error"), told), "%s", status_word("last_error"));
    ck_assert_int_eq(status_number("generation"), generation);
    ck_assert_uint_eq(status_workers(NULL, after), count);
    ck_assert_int_eq(memcmp(before, after, count * sizeof(*before)), 0);
}

START_TEST(workers_are_new_and_master_is_not)
{
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];

    daemon_start(ECHO);
    ck_assert_uint_eq(status_workers("echo", before), 2);
    reload_well();
    status_wait_workers("echo", 2);
    ck_assert_uint_eq(status_workers("echo", after), 2);
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_ne(before[i / 2], after[i % 2]);
    ck_assert_int_eq(status_number("pid"), daemon_pid());
    ck_assert_int_eq(status_number("generation"), 2);
    status_wait_gone(before, 2);
    client_once("unix:$DIR/echo.sock", "u32be", "hello", "hello");
    ck_assert_int_eq(log_count("event=worker-exit", "signal"), 0);
}
END_TEST

START_TEST(hangup_signal_reloads)
{
    daemon_start(ECHO);
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded", "generation=2");
    client_once("unix:$DIR/echo.sock", "u32be", "hello", "hello");
}
END_TEST

START_TEST(broken_file_changes_nothing)
{
    struct framed_client *client;

    daemon_start(ECHO);
    client = client_open("unix:$DIR/echo.sock", "u32be");
    client_expect(client, "before", "before");
    reload_badly(ECHO "\nservice two {\n  lisden = \"unix:$DIR/two.sock\"\n}\n", "framed.conf:6");
    client_expect(client, "after", "after");
    reload_badly(ECHO "service two { listen = \"unix:$DIR/two.sock\" workers { max = many }\n"
                      "handler { builtin = echo } }\n",
                 "many");
    reload_badly(ECHO "service two { listen = \"unix:/nowhere/two.sock\"\n"
                      "handler { builtin = echo } }\n",
                 "/nowhere/two.sock");
    reload_badly(ECHO "service two { listen = \"unix:$DIR/two.sock\" framing = \"\xff\xfe\" }\n",
                 "framing");
    client_expect(client, "still", "still");
    framed_client_free(client);
}
END_TEST

START_TEST(handler_that_dies_at_start_changes_nothing)
{
    struct framed_client *client;

    daemon_start(SCRIPTED);
    client = client_open("unix:$DIR/s.sock", "line");
    client_expect(client, "before", "before");
    reload_badly(
        "service scripted { listen = \"unix:$DIR/s.sock\" framing = line\n"
        "workers { max = 1 }\n"
        "handler { command = {\"$HANDLERS/scripted\", \"--fail\", \"no luck\"} settle = 5s } }\n",
        "scripted");
    log_wait("no luck");
    client_expect(client, "after", "after");
    framed_client_free(client);
    daemon_configure(SCRIPTED);
    reload_well();
    client_once("unix:$DIR/s.sock", "line", "again", "again");
}
END_TEST

START_TEST(module_that_is_missing_changes_nothing)
{
    daemon_start(ECHO);
    reload_badly("service echo { listen = \"unix:$DIR/echo.sock\"\n"
                 "handler { module = \"/nowhere/module.so\" } }\n",
                 "/nowhere/module.so");
    client_once("unix:$DIR/echo.sock", "u32be", "after", "after");
}
END_TEST

START_TEST(services_and_listeners_come_and_go)
{
    daemon_start(ECHO SCRIPTED);
    client_once("unix:$DIR/s.sock", "line", "hello", "hello");
    daemon_configure("service echo { listen = {\"unix:$DIR/echo.sock\", \"unix:$DIR/more.sock\"}\n"
                     "handler { builtin = echo } }\n"
                     "service third { listen = \"unix:$DIR/third.sock\" framing = netstring\n"
                     "handler { builtin = echo } }\n");
    reload_well();
    client_once("unix:$DIR/echo.sock", "u32be", "kept", "kept");
    client_once("unix:$DIR/more.sock", "u32be", "new", "new");
    client_once("unix:$DIR/third.sock", "netstring", "new", "new");
    ck_assert(UNTIL(access(expand("$DIR/s.sock"), F_OK) < 0));
    daemon_configure(ECHO);
    reload_well();
    ck_assert(UNTIL(access(expand("$DIR/more.sock"), F_OK) < 0));
    client_once("unix:$DIR/echo.sock", "u32be", "kept", "kept");
}
END_TEST

START_TEST(mode_of_a_kept_socket_changes)
{
    struct stat status;

    daemon_start("service echo { listen = \"unix:$DIR/x.sock,mode=0600\"\n"
                 "handler { builtin = echo } }\n");
    daemon_configure("service echo { listen = \"unix:$DIR/x.sock,mode=0666\"\n"
                     "handler { builtin = echo } }\n");
    reload_well();
    ck_assert_int_eq(stat(expand("$DIR/x.sock"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0666);
}
END_TEST

START_TEST(link_in_place_of_a_socket_is_not_followed)
{
    struct stat status;

    daemon_start("service echo { listen = \"unix:$DIR/x.sock,mode=0600\"\n"
                 "handler { builtin = echo } }\n");
    daemon_write("victim", "");
    ck_assert_int_eq(chmod(expand("$DIR/victim"), 0600), 0);
    ck_assert_int_eq(unlink(expand("$DIR/x.sock")), 0);
    ck_assert_int_eq(symlink("victim", expand("$DIR/x.sock")), 0);
    daemon_configure("service echo { listen = \"unix:$DIR/x.sock,mode=0666\"\n"
                     "handler { builtin = echo } }\n");
    reload_well();
    log_wait("event=listen", "cannot set owner and mode");
    ck_assert_int_eq(stat(expand("$DIR/victim"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0600);
}
END_TEST

START_TEST(name_that_is_new_is_not_looked_up)
{
    daemon_start(ECHO);
    reload_badly("service echo { listen = \"tcp:name.invalid:0\" handler { builtin = echo } }\n",
                 "name.invalid");
    ck_assert(log_has("event=reload-failed", "an address, or a restart"));
}
END_TEST

START_TEST(chosen_port_is_kept)
{
    char address[128];

    daemon_start("service echo { listen = \"tcp:127.0.0.1:0\" handler { builtin = echo } }\n");
    snprintf(address, sizeof(address), "%s", daemon_address("echo", 0));
    reload_well();
    client_once(address, "u32be", "hello", "hello");
}
END_TEST

START_TEST(changed_program_is_picked_up)
{
    static const char script[] = "#!/bin/sh\nwhile read -r line; do echo \"one $line\"; done\n";
    static const char newer[] = "#!/bin/sh\nwhile read -r line; do echo \"two $line\"; done\n";
    pid_t pids[WORKERS_MAX];

    daemon_write("handler", script);
    ck_assert_int_eq(chmod(expand("$DIR/handler"), 0755), 0);
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { command = {\"$DIR/handler\"} } }\n");
    client_once("unix:$DIR/x.sock", "line", "x", "one x");
    ck_assert_uint_eq(status_workers("it", pids), 1);
    ck_assert_int_eq(unlink(expand("$DIR/handler")), 0);
    daemon_write("handler", newer);
    ck_assert_int_eq(chmod(expand("$DIR/handler"), 0755), 0);
    reload_well();
    status_wait_gone(pids, 1);
    client_once("unix:$DIR/x.sock", "line", "x", "two x");
}
END_TEST

START_TEST(idle_connection_is_closed_in_order)
{
    int fd;

    daemon_start(ALONE);
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "hi\n");
    raw_expect_text(fd, "hi\n");
    reload_well();
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("it", "closed.drain", 1);
}
END_TEST

START_TEST(first_message_after_the_reload_is_answered)
{
    int fd;

    daemon_start(ALONE);
    fd = raw_connect("unix:$DIR/x.sock");
    status_wait_busy("it", "reading");
    reload_well();
    raw_send_text(fd, "hi\n");
    raw_expect_text(fd, "hi\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}
END_TEST

static struct framed_client *reload_in_flight(const char *config, const char *service,
                                              const char *place)
{
    struct framed_client *client;

    daemon_start(config);
    client = client_open(place, "line");
    client_send(client, "!slow 400");
    status_wait_busy(service, "handling");
    reload_well();
    client_receive(client, "slow");
    return client;
}

START_TEST(request_in_flight_is_answered)
{
    struct framed_client *client = reload_in_flight(ALONE, "it", "unix:$DIR/x.sock");

    client_expect_end(client);
    framed_client_free(client);
}
END_TEST

START_TEST(request_in_flight_is_answered_and_the_next_one_too)
{
    struct framed_client *client = reload_in_flight(SCRIPTED, "scripted", "unix:$DIR/s.sock");

    client_expect(client, "next", "next");
    framed_client_free(client);
}
END_TEST

/* How often all of SERVICE's workers together have slept. */
static long sleeps(const char *service)
{
    static const char *const keys[] = {"voluntary_ctxt_switches:", NULL};
    pid_t pids[WORKERS_MAX];
    size_t count = status_workers(service, pids);
    long sum = 0;

    ck_assert_uint_eq(count, 32);
    for (size_t i = 0; i < count; i++)
        sum += process_sum(pids[i], "status", keys);
    return sum;
}

/* With a thousand workers, each that leaves waking each that comes holds the master for long. */
START_TEST(those_who_leave_wake_nobody)
{
    pid_t old[WORKERS_MAX];
    size_t count;
    long before;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" workers { max = 32 }\n"
                 "handler { builtin = echo } }\n");
    before = sleeps("it");
    count = status_workers("it", old);
    reload_well();
    status_wait_gone(old, count);
    /* As often as those before them when they had just started, and once when they were let in. */
    ck_assert_int_lt(sleeps("it"), before + 32 * 3);
}
END_TEST

START_TEST(reloads_leave_no_descriptors)
{
    const size_t processes = 3 + 1 + 2; /* three workers, one handler, and two keepers */
    int before, after;

    daemon_start(ECHO SCRIPTED);
    before = process_settled_descriptors(daemon_pid(), processes);
    for (int i = 0; i < 20; i++)
        reload_well();
    ck_assert_int_eq(status_number("generation"), 21);
    /* The connection that asked may still be closing. */
    ck_assert_msg(UNTIL((after = process_settled_descriptors(daemon_pid(), processes)) <= before),
                  "%d descriptors, not %d", after, before);
}
END_TEST

SUITE("reload", workers_are_new_and_master_is_not, hangup_signal_reloads,
      broken_file_changes_nothing, handler_that_dies_at_start_changes_nothing,
      module_that_is_missing_changes_nothing, services_and_listeners_come_and_go,
      mode_of_a_kept_socket_changes, link_in_place_of_a_socket_is_not_followed,
      name_that_is_new_is_not_looked_up, chosen_port_is_kept, changed_program_is_picked_up,
      idle_connection_is_closed_in_order, first_message_after_the_reload_is_answered,
      request_in_flight_is_answered, request_in_flight_is_answered_and_the_next_one_too,
      those_who_leave_wake_nobody, reloads_leave_no_descriptors)
