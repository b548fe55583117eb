/* Processes that a handler has started and that have left its process group, its session and their
 * own parents: whatever ends the handler ends them, and nobody else's are touched. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVICE(name, workers)                                                                     \
    "service " name " { listen = \"unix:$DIR/" name ".sock\" framing = line\n"                     \
    "workers { max = " workers " } deadlines { grace = 100ms drain = 5s }\n"                       \
    "handler { command = {\"$HANDLERS/brood\"} } }\n"

static pid_t ask_number(struct framed_client *client, const char *order)
{
    char text[16] = "";
    const void *data;
    size_t length;

    ck_assert_int_eq(framed_client_call(client, order, strlen(order), &data, &length), FRAMED_OK);
    memcpy(text, data, length < sizeof(text) ? length : 0);
    ck_assert_int_gt((int)strtol(text, NULL, 10), 1);
    return (int)strtol(text, NULL, 10);
}

/* The pid of what NAME's handler starts by ORDER; runners have another one soon. */
static pid_t start_one(const char *name, const char *order)
{
    char address[64];
    struct framed_client *client;
    pid_t pid;

    snprintf(address, sizeof(address), "unix:$DIR/%s.sock", name);
    client = client_open(address, "line");
    pid = ask_number(client, order);
    framed_client_free(client);
    return pid;
}

static const char *const kinds[] = {"!child", "!daemon", "!holder", "!runner"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void start_all(const char *name, pid_t pids[KINDS])
{
    for (size_t i = 0; i < KINDS; i++)
        pids[i] = start_one(name, kinds[i]);
    for (size_t i = 0; i < KINDS; i++)
        ck_assert_msg(strcmp(kinds[i], "!runner") == 0 || process_lives(pids[i]), "%s", kinds[i]);
}

static void expect_gone(const pid_t pids[KINDS])
{
    for (size_t i = 0; i < KINDS; i++)
        ck_assert_msg(UNTIL(!process_lives(pids[i])), "%s is left", kinds[i]);
}

/* How many processes run below framed, itself not counted. */
static size_t count_below(void)
{
    pid_t pids[PROCESSES_MAX];

    return process_descendants(daemon_pid(), pids, PROCESSES_MAX);
}

START_TEST(gone_after_a_stop)
{
    pid_t pids[KINDS];

    daemon_start(SERVICE("it", "1"));
    start_all("it", pids);
    daemon_stop(); /* whoever descends from the test is found, wherever it has gone */
    expect_gone(pids);
    ck_assert_uint_eq(log_count("event=handler-leftovers", "ended=all"), 1);
}
END_TEST

START_TEST(gone_after_a_stop_at_once)
{
    pid_t pids[KINDS];

    daemon_start(SERVICE("it", "1"));
    start_all("it", pids);
    kill(daemon_pid(), SIGINT);
    ck_assert_int_eq(daemon_wait(), 0);
    daemon_check_gone();
    expect_gone(pids);
}
END_TEST

START_TEST(gone_after_a_reload)
{
    pid_t pids[KINDS];

    daemon_start(SERVICE("it", "1"));
    start_all("it", pids);
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    expect_gone(pids);
    client_once("unix:$DIR/it.sock", "line", "well", "well");
    ck_assert(
        UNTIL(count_below() == 2 + 1)); /* with the keeper; the runner's number is not known */
}
END_TEST

START_TEST(gone_when_their_worker_is_killed)
{
    pid_t pids[KINDS], workers[WORKERS_MAX];

    daemon_start(SERVICE("it", "1"));
    start_all("it", pids);
    ck_assert_uint_eq(status_workers("it", workers), 1);
    kill(workers[0], SIGKILL);
    expect_gone(pids);
    log_wait("event=orphans-ended");
    client_once("unix:$DIR/it.sock", "line", "well", "well");
    ck_assert(UNTIL(count_below() == 2 + 1));
}
END_TEST

START_TEST(gone_when_the_master_is_killed)
{
    pid_t pids[KINDS];

    daemon_start(SERVICE("it", "1"));
    start_all("it", pids);
    kill(daemon_pid(), SIGKILL);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
    daemon_check_gone();
    expect_gone(pids);
}
END_TEST

/* A fresh process serves; those of another worker, and of another service, live. */
START_TEST(gone_with_their_program_and_no_others)
{
    pid_t pids[KINDS], other, handler;
    struct framed_client *client;

    daemon_start(SERVICE("it", "1") SERVICE("other", "1"));
    start_all("it", pids);
    other = start_one("other", "!daemon");
    handler = start_one("it", "!self");
    client = client_open("unix:$DIR/it.sock", "line");
    client_send(client, "!die");
    client_expect_end(client);
    framed_client_free(client);
    ck_assert_int_ne(start_one("it", "!self"), handler);
    /* They have ended before the fresh one has begun. */
    for (size_t i = 0; i < KINDS; i++)
        ck_assert_msg(!process_lives(pids[i]), "%s is left", kinds[i]);
    ck_assert(process_lives(other));
    ck_assert(UNTIL(count_below() == 5 + 2));
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
    log_wait("event=handler-leftovers", "program=brood");
}
END_TEST

START_TEST(are_asked_before_they_are_killed)
{
    char *said;
    pid_t pid;

    daemon_start("service it { listen = \"unix:$DIR/it.sock\" framing = line workers { max = 1 }\n"
                 "deadlines { grace = 10s }\n"
                 "handler { command = {\"$HANDLERS/brood\", \"0\", \"50\", \"$DIR/said\"} } }\n");
    pid = start_one("it", "!polite");
    ck_assert(process_lives(pid));
    daemon_stop();
    said = read_whole(expand("$DIR/said"));
    ck_assert_str_eq(said, "eof\nterm\n");
    free(said);
}
END_TEST

static bool has_zombie(pid_t worker)
{
    char path[64], word[16];
    bool found = false;
    FILE *children;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)worker, (int)worker);
    children = fopen(path, "re");
    ck_assert_ptr_nonnull(children);
    while (fscanf(children, "%15s", word) == 1)
        found |= process_state((int)strtol(word, NULL, 10)) == 'Z';
    fclose(children);
    return found;
}

/* What ends by itself while the handler goes on is not kept as a zombie, nor taken for an end. */
START_TEST(leave_no_zombies)
{
    struct framed_client *client;
    pid_t worker, handler;

    daemon_start(SERVICE("it", "1"));
    client = client_open("unix:$DIR/it.sock", "line");
    handler = ask_number(client, "!self");
    for (int i = 0; i < 100; i++)
        ask_number(client, "!short");
    ck_assert_int_eq(ask_number(client, "!self"), handler);
    worker = status_wait_busy("it", "reading");
    ck_assert(UNTIL(!has_zombie(worker)));
    framed_client_free(client);
    ck_assert(!log_has("event=handler-"));
}
END_TEST

static pid_t *stranger;

static void bring_a_stranger(void)
{
    pid_t pid = fork();

    if (pid == 0)
        for (alarm(60);;)
            pause();
    *stranger = pid;
}

/* A child that the master was started with is none of its own. */
START_TEST(strangers_are_left_alone)
{
    pid_t pid, workers[WORKERS_MAX];

    stranger =
        mmap(NULL, sizeof(*stranger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    daemon_prepare_with(bring_a_stranger);
    daemon_start(SERVICE("it", "1"));
    pid = start_one("it", "!daemon");
    ck_assert_uint_eq(status_workers("it", workers), 1);
    kill(workers[0], SIGKILL);
    ck_assert(UNTIL(!process_lives(pid)));
    status_wait_workers("it", 1);
    ck_assert(process_lives(*stranger));
    ck_assert_int_eq(kill(*stranger, SIGKILL), 0);
}
END_TEST

SUITE("grandchildren", gone_after_a_stop, gone_after_a_stop_at_once, gone_after_a_reload,
      gone_when_their_worker_is_killed, gone_when_the_master_is_killed,
      gone_with_their_program_and_no_others, are_asked_before_they_are_killed, leave_no_zombies,
      strangers_are_left_alone)
