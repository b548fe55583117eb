/* Workers whose master was killed while they had a client that says nothing: they neither spin nor
 * stay for it longer than they would have with a master. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define COMMAND "command = {\"$HANDLERS/scripted\"}"
#define BUILTIN "builtin = echo"
/* What signals, and leaving, may cost; one that spins uses a processor. */
#define CPU_MS 200

static void start(const char *handler, const char *drain)
{
    char config[512];

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
             "handler { %s } deadlines { drain = %s } }\n",
             handler, drain);
    daemon_start(config);
}

static void kill_master(void)
{
    ck_assert_int_eq(kill(daemon_pid(), SIGKILL), 0);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
}

static bool nobody_listens(void)
{
    struct framed_client *client = NULL;
    char error[200];

    if (framed_client_open(expand("unix:$DIR/x.sock"), "line", 0, BOUND_MS, &client, error,
                           sizeof(error)) < 0)
        return true;
    framed_client_free(client);
    return false;
}

/* Between messages there is nothing to wait for. */
static void closes_an_idle_client_at_once(const char *handler)
{
    uint64_t began;
    int fd;

    start(handler, "10s");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "well\n");
    raw_expect_text(fd, "well\n");
    status_wait_busy("it", "reading");
    began = now_ms();
    kill_master();
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    daemon_check_gone();
    ck_assert_uint_lt(now_ms() - began, 5000);
}

START_TEST(idle_client_of_a_command)
{
    closes_an_idle_client_at_once(COMMAND);
}
END_TEST

START_TEST(idle_client_of_a_builtin)
{
    closes_an_idle_client_at_once(BUILTIN);
}
END_TEST

/* The first message may be on its way: for that one the worker stays, and sleeps. */
static void sleeps_while_it_waits(const char *handler)
{
    long before, used = 0;
    uint64_t began;
    pid_t worker;
    int fd;

    start(handler, "1s");
    fd = raw_connect("unix:$DIR/x.sock");
    worker = status_wait_busy("it", "reading");
    before = process_cpu_ms(worker);
    began = now_ms();
    kill_master();
    /* Its last sight is what it has used. */
    ck_assert(UNTIL(({
        long now = process_cpu_ms(worker);

        used = now >= before ? now - before : used;
        !process_lives(worker);
    })));
    ck_assert_uint_ge(now_ms() - began, 900);
    ck_assert_msg(used < CPU_MS, "the orphan has used %ld ms", used);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
}

START_TEST(silent_client_of_a_command)
{
    sleeps_while_it_waits(COMMAND);
}
END_TEST

START_TEST(silent_client_of_a_builtin)
{
    sleeps_while_it_waits(BUILTIN);
}
END_TEST

/* The orphan serves its client to the end, and is in nobody's way. */
START_TEST(busy_one_leaves_the_place_to_the_next)
{
    struct framed_client *client;
    pid_t worker;

    start(COMMAND, "10s");
    client = client_open("unix:$DIR/x.sock", "line");
    client_send(client, "!slow 1500");
    worker = status_wait_busy("it", "handling");
    kill_master();
    ck_assert(UNTIL(nobody_listens()));
    ck_assert_int_eq(unlink(expand("$DIR/log")), 0);
    start(COMMAND, "10s");
    ck_assert(process_lives(worker));
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    client_receive(client, "slow");
    client_expect_end(client);
    framed_client_free(client);
}
END_TEST

/* Nobody waits for one that is not ready yet, nor for what it starts. */
static void leaves_while_it_starts(const char *command, const char *more)
{
    const char *const arguments[] = {"-c", "$DIR/framed.conf", NULL};
    char config[512];
    pid_t pids[8];

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
             "handler { command = {%s} %s } deadlines { drain = 60s start = 60s } }\n",
             command, more);
    daemon_configure(config);
    daemon_launch(arguments, -1);
    ck_assert(UNTIL(process_children(daemon_pid(), pids, 8) == 1 &&
                    process_children(pids[0], pids, 8) == 1));
    kill_master();
    daemon_check_gone();
}

START_TEST(one_that_settles)
{
    leaves_while_it_starts("\"$HANDLERS/scripted\"", "settle = 50s");
}
END_TEST

START_TEST(one_that_is_not_ready)
{
    leaves_while_it_starts("\"/bin/sleep\", \"60\"", "codec = record");
}
END_TEST

SUITE("orphans", idle_client_of_a_command, idle_client_of_a_builtin, silent_client_of_a_command,
      silent_client_of_a_builtin, one_that_settles, one_that_is_not_ready,
      busy_one_leaves_the_place_to_the_next)
