/* More clients, or more of their bytes, than there is room for: who has been silent for the longest
 * has to go, and the log says so. */
#include "support/client.h"
#include "support/crowd.h"
#include "support/daemon.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <string.h>
#include <sys/resource.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(workers, limits)                                                                   \
    "service it { listen = \"" PLACE "\" framing = line handler { builtin = echo }\n"              \
    "workers { " workers " } limits { " limits " } deadlines { drain = 500ms } }\n"

#define FEW 100

static void few_descriptors(void)
{
    const struct rlimit limit = {.rlim_cur = FEW, .rlim_max = FEW};

    setrlimit(RLIMIT_NOFILE, &limit);
}

/* The silent make room for those who come, the longest silent first, and the log says so. */
START_TEST(full_table_evicts_the_silent)
{
    int fds[FEW + 50];
    size_t count = sizeof(fds) / sizeof(fds[0]);
    size_t gone = 0;

    daemon_prepare_with(few_descriptors);
    daemon_start(SERVICE("max = 1 connections = 3", ""));
    for (size_t i = 0; i < count; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send_text(fds[i], "x\n");
        raw_expect_text(fds[i], "x\n");
    }
    log_wait("event=keep ", "Too many open files");
    while (gone < count && raw_end_within(fds[gone], 20) != RAW_TIMEOUT)
        gone++;
    ck_assert_uint_gt(gone, 50);
    ck_assert_uint_lt(gone, count);
    status_wait_counter("it", "closed.evicted", (long long)gone);
    log_wait("event=closed", "reason=evicted");
    /* The one after them was closed by raw_end_within(). */
    for (size_t i = gone + 1; i < count; i++) {
        raw_send_text(fds[i], "y\n");
        raw_expect_text(fds[i], "y\n");
    }
}
END_TEST

/* All ask, and the last COUNT once more, when the clock has gone on. */
static void ask_last(size_t count)
{
    crowd_ask(0);
    nap(20);
    crowd_ask(CROWD_SIZE - count);
}

/* Those that have been silent for the longest make room, kept or held. */
START_TEST(too_many_are_trimmed)
{
    daemon_start(SERVICE("max = 1 connections = 10", ""));
    crowd_connect(PLACE);
    ask_last(25);
    daemon_configure(SERVICE("max = 1 connections = 10", "max_connections = 25"));
    json_decref(control_ask("reload"));
    status_wait_counter("it", "closed.evicted", CROWD_SIZE - 25);
    log_wait("event=max-connections", "allowed=25");
    for (size_t i = 0; i < CROWD_SIZE - 25; i++)
        ck_assert_int_eq(raw_end(crowd[i]), RAW_EOF);
    crowd_ask(CROWD_SIZE - 25);
    nap(20);
    crowd_ask(CROWD_SIZE - 5);
    daemon_configure(SERVICE("max = 1 connections = 10 idle = hold", "max_connections = 5"));
    json_decref(control_ask("reload"));
    status_wait_counter("it", "closed.evicted", CROWD_SIZE - 5);
    crowd_ask(CROWD_SIZE - 5);
}
END_TEST

#define BOTH                                                                                       \
    SERVICE("max = 1 connections = 10", "")                                                        \
    "service other { listen = \"unix:$DIR/y.sock\" handler { builtin = echo } }\n"

START_TEST(too_many_of_all_services_are_trimmed)
{
    daemon_start(BOTH);
    crowd_connect(PLACE);
    ask_last(30);
    daemon_configure("max_connections = 30\n" BOTH);
    json_decref(control_ask("reload"));
    status_wait_counter("it", "closed.evicted", CROWD_SIZE - 30);
    log_wait("event=max-connections", "allowed=30");
    crowd_ask(CROWD_SIZE - 30);
}
END_TEST

/* Messages that are begun and not ended cost as much as is allowed: who began first has to go. */
static void begin_too_much(const char *config)
{
    static char text[50000];
    int fds[40];

    memset(text, 'x', sizeof(text));
    daemon_start(config);
    for (size_t i = 0; i < 40; i++) {
        fds[i] = raw_connect(PLACE);
        raw_send(fds[i], text, sizeof(text));
    }
    ck_assert(UNTIL(status_counter("it", "closed.evicted") >= 25));
    raw_send_text(fds[39], "\n");
    raw_expect(fds[39], text, sizeof(text));
    raw_expect_text(fds[39], "\n");
    ck_assert_int_lt(status_counter("it", "closed.evicted"), 40);
}

START_TEST(unfinished_messages_are_bounded)
{
    begin_too_much(SERVICE("max = 1 connections = 100", "max_unread = 500kB"));
}
END_TEST

START_TEST(unfinished_messages_are_bounded_in_the_keeper)
{
    begin_too_much(SERVICE("max = 1 connections = 2 idle = keep", "max_unread = 500kB"));
}
END_TEST

SUITE("crowded", full_table_evicts_the_silent, too_many_are_trimmed,
      too_many_of_all_services_are_trimmed, unfinished_messages_are_bounded,
      unfinished_messages_are_bounded_in_the_keeper)
