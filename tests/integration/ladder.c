/* The stop ladder: the end of input, grace, SIGTERM, grace, SIGKILL; and nobody waits for longer
 * than it takes. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program that takes EOF_MS at the end of its input, and TERM_MS at SIGTERM. */
static void start(const char *grace, const char *eof_ms, const char *term_ms)
{
    char config[512];

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/it.sock\" framing = line workers { max = 1 }\n"
             "deadlines { grace = %s drain = 10ms }\n"
             "handler { command = {\"$HANDLERS/brood\", \"%s\", \"%s\", \"$DIR/said\"} } }\n",
             grace, eof_ms, term_ms);
    daemon_start(config);
    client_once("unix:$DIR/it.sock", "line", "well", "well");
}

/* It ends, after LEAST_MS, and has said SAID (NULL: nothing). */
static void expect(int signal, unsigned least_ms, const char *said)
{
    uint64_t began = now_ms();
    char *text;

    kill(daemon_pid(), signal);
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert_uint_ge(now_ms() - began, least_ms);
    daemon_check_gone();
    text = read_whole(expand("$DIR/said"));
    if (said)
        ck_assert_str_eq(text, said);
    else
        ck_assert_ptr_null(text);
    free(text);
}

START_TEST(end_of_input_is_enough)
{
    start("30s", "0", "0");
    expect(SIGTERM, 0, "eof\n");
}
END_TEST

START_TEST(grace_is_for_tidying_up)
{
    start("30s", "300", "0");
    expect(SIGTERM, 300, "eof\n");
}
END_TEST

START_TEST(term_comes_after_the_grace)
{
    start("300ms", "-1", "0");
    expect(SIGTERM, 300, "term\n");
}
END_TEST

START_TEST(after_term_there_is_grace_again)
{
    start("1s", "-1", "300");
    expect(SIGTERM, 1300, "term\n");
}
END_TEST

START_TEST(kill_comes_last)
{
    start("200ms", "-1", "-1");
    expect(SIGTERM, 400, NULL);
}
END_TEST

START_TEST(at_once_is_without_grace)
{
    uint64_t began;

    start("30s", "30000", "30000");
    began = now_ms();
    expect(SIGINT, 0, NULL);
    ck_assert_uint_lt(now_ms() - began, 10000);
}
END_TEST

/* The drain deadline is for clients: with the ladder behind it, a worker is gone later. */
START_TEST(drain_does_not_cut_it_short)
{
    start("1500ms", "1200", "0");
    expect(SIGTERM, 1200, "eof\n");
    ck_assert_uint_eq(log_count("event=worker-exit", "killed_for="), 0);
}
END_TEST

SUITE("ladder", end_of_input_is_enough, grace_is_for_tidying_up, term_comes_after_the_grace,
      after_term_there_is_grace_again, kill_comes_last, at_once_is_without_grace,
      drain_does_not_cut_it_short)
