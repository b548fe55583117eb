/* framectl top, on a terminal of the test's own. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/terminal.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define TWO                                                                                        \
    "service zeta { listen = \"tcp:127.0.0.1:0\" framing = line workers { max = 3 }\n"             \
    "handler { builtin = echo } }\n"                                                               \
    "service alpha { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"           \
    "handler { builtin = echo } }\n"

static void top_start(unsigned rows, unsigned columns)
{
    const char *words[] = {FRAMECTL, "-s", daemon_control(), "top", "-d", "0.2", NULL};

    terminal_start(words, rows, columns);
    WAIT_FOR(terminal_row_of("q: quit") == (int)rows - 1);
}

/* "12", or a size such as "9990K", "10M": in KiB. */
static long number_of(const char *word)
{
    char *unit;
    long number = strtol(word, &unit, 10);

    return *unit == 'M' ? number * 1024 : number;
}

/* The rows of the table of workers that have SERVICE, from above: the NUMBERs of their COLUMN. */
static size_t column_of(const char *service, int column, long *numbers, size_t most)
{
    int row = terminal_row_of("SLOT");
    size_t count = 0;

    for (row++; row > 0 && row < (int)terminal.rows && count < most; row++) {
        char line[COLUMNS_MAX + 1];
        char *word = line;
        char *rest = NULL;

        snprintf(line, sizeof(line), "%s", terminal.cells[row]);
        word = strtok_r(line, " ", &rest);
        if (!word || strcmp(word, service) != 0)
            continue;
        for (int i = 0; word && i < column; i++)
            word = strtok_r(NULL, " ", &rest);
        numbers[count++] = word ? number_of(word) : -1;
    }
    return count;
}

enum {
    COLUMN_SLOT = 1,
    COLUMN_MESSAGES = 8,
    COLUMN_RSS = 9
};

/* Whether the three workers of zeta have these numbers, from above. */
static bool are(int column, long first, long second, long third)
{
    long found[3];

    return column_of("zeta", column, found, 3) == 3 && found[0] == first && found[1] == second &&
           found[2] == third;
}

static bool descend(int column)
{
    long found[3];

    return column_of("zeta", column, found, 3) == 3 && found[0] >= found[1] && found[1] >= found[2];
}

static int first_row_of(const char *name)
{
    for (int row = terminal_row_of("SLOT") + 1; row < (int)terminal.rows; row++)
        if (strncmp(terminal.cells[row], name, strlen(name)) == 0)
            return row;
    return -1;
}

START_TEST(shows_services_and_workers_again_and_again)
{
    daemon_start(TWO);
    client_once(daemon_address("zeta", 0), "line", "hello", "hello");
    top_start(24, 100);
    ck_assert(terminal.second && !terminal.has_cursor);
    WAIT_FOR(terminal_row_of("static       3/3     0/3     0      0.0      0.0") > 0);
    ck_assert_int_eq(terminal_row_of("framed "), 0);
    ck_assert(first_row_of("zeta") > 0 && first_row_of("alpha") > 0);
    status_wait_counter("zeta", "messages", 1);
    terminal_type("m");
    WAIT_FOR(are(COLUMN_MESSAGES, 1, 0, 0));
    terminal_type("q");
    ck_assert_int_eq(terminal_end(), 0);
}
END_TEST

START_TEST(keys_sort)
{
    struct framed_client *clients[2];
    long slots[3];

    daemon_start(TWO);
    for (int i = 0; i < 2; i++)
        clients[i] = client_open(daemon_address("zeta", 0), "line");
    client_expect(clients[1], "hello", "hello");
    nap(50); /* so that the clock tells them apart */
    for (int i = 0; i < 5; i++)
        client_expect(clients[0], "hello", "hello");
    status_wait_counter("zeta", "messages", 6);
    top_start(24, 100);
    WAIT_FOR(terminal_row_of("by slot") > 0);
    /* The canaries of both services came first. */
    WAIT_FOR(are(COLUMN_SLOT, 0, 2, 3));
    terminal_type("m");
    WAIT_FOR(are(COLUMN_MESSAGES, 5, 1, 0));
    ck_assert_int_eq(column_of("zeta", COLUMN_SLOT, slots, 3), 3);
    /* Who is idle is last; of the others, who has been waiting for longer is first. */
    terminal_type("t");
    WAIT_FOR(terminal_row_of("by time") > 0);
    WAIT_FOR(are(COLUMN_MESSAGES, 1, 5, 0));
    terminal_type("r");
    WAIT_FOR(terminal_row_of("by memory") > 0 && descend(COLUMN_RSS));
    terminal_type("n");
    WAIT_FOR(terminal_row_of("by service") > 0 && first_row_of("alpha") < first_row_of("zeta"));
    terminal_type("s");
    WAIT_FOR(are(COLUMN_SLOT, 0, 2, 3) && first_row_of("zeta") < first_row_of("alpha"));
    terminal_type("h");
    WAIT_FOR(terminal_row_of("sort workers by slot") > 0);
    terminal_type("hq");
    ck_assert_int_eq(terminal_end(), 0);
    for (int i = 0; i < 2; i++)
        framed_client_free(clients[i]);
}
END_TEST

/* Each time while it is paused, so that nothing is on its way that was drawn for the window before.
 */
START_TEST(fits_any_window)
{
    static const unsigned sizes[][2] = {{5, 20}, {1, 1}, {2, 7}, {40, 120}, {3, 60}};

    daemon_start(TWO);
    top_start(24, 80);
    terminal_type("p");
    WAIT_FOR(terminal_row_of("by slot, paused") == 23);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned rows = sizes[i][0];

        while (terminal_hear(50))
            ;
        terminal_resize(rows, sizes[i][1]);
        WAIT_FOR(terminal.cells[rows - 1][0] == 'b');
        if (rows > 2)
            ck_assert_int_eq(strncmp(terminal.cells[0], "framed 0.", 9), 0);
    }
    terminal_type("pq");
    ck_assert_int_eq(terminal_end(), 0);
}
END_TEST

START_TEST(a_pause_stops_the_picture)
{
    char before[COLUMNS_MAX + 1];
    int row;

    daemon_start(TWO);
    top_start(24, 100);
    terminal_type("p");
    WAIT_FOR(terminal_row_of("paused") == 23);
    row = terminal_row_of("zeta");
    memcpy(before, terminal.cells[row], sizeof(before));
    client_once(daemon_address("zeta", 0), "line", "hello", "hello");
    status_wait_counter("zeta", "messages", 1);
    ck_assert(!terminal_hear(600));
    ck_assert_str_eq(before, terminal.cells[row]);
    terminal_type("pm");
    WAIT_FOR(are(COLUMN_MESSAGES, 1, 0, 0));
    terminal_type("q");
    ck_assert_int_eq(terminal_end(), 0);
}
END_TEST

START_TEST(signals_end_it_and_leave_the_terminal_as_it_was)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    daemon_start(TWO);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        int status;

        top_start(24, 80);
        if (signals[i] == SIGINT)
            terminal_type("\003");
        else
            kill(terminal.pid, signals[i]);
        status = terminal_end();
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
    }
}
END_TEST

START_TEST(stops_and_goes_on)
{
    int status;

    daemon_start(TWO);
    top_start(24, 80);
    terminal_type("\032");
    WAIT_FOR(waitpid(terminal.pid, &status, WNOHANG | WUNTRACED) == terminal.pid);
    ck_assert(WIFSTOPPED(status));
    while (terminal_hear(0))
        ;
    ck_assert(terminal_is_as_before());
    kill(terminal.pid, SIGCONT);
    WAIT_FOR(terminal.second && terminal_row_of("q: quit") == 23);
    terminal_type("t");
    WAIT_FOR(terminal_row_of("by time") == 23);
    terminal_type("q");
    ck_assert_int_eq(terminal_end(), 0);
}
END_TEST

START_TEST(waits_for_a_framed_that_comes_back)
{
    char pid[32];

    daemon_start(TWO);
    top_start(24, 100);
    kill(daemon_pid(), SIGTERM);
    ck_assert_int_eq(daemon_wait(), 0);
    WAIT_FOR(terminal_row_of("no answer, trying again: ") == 0);
    daemon_start(TWO);
    snprintf(pid, sizeof(pid), "pid %d, running", (int)daemon_pid());
    WAIT_FOR(terminal_row_of(pid) == 0);
    /* One that does not move stops neither keys nor signals. */
    kill(daemon_pid(), SIGSTOP);
    WAIT_FOR(terminal_row_of("no answer, trying again: ") == 0);
    terminal_type("q");
    (void)terminal_end();
    kill(daemon_pid(), SIGCONT);
}
END_TEST

START_TEST(elsewhere_it_is_plain_text)
{
    struct output output;
    const char *second;

    daemon_start(TWO);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "top", "-n", "2", "-d", "0.1");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_ptr_null(strchr(output.out, '\033'));
    ck_assert_int_eq(strncmp(output.out, "framed ", 7), 0);
    second = strstr(output.out, "\n\nframed ");
    ck_assert_msg(second != NULL, "%s", output.out);
    ck_assert_msg(strstr(second, "  0.0      0.0 "), "%s", output.out);
    ck_assert_ptr_null(strstr(second + 2, "\n\nframed "));
    RUN(&output, FRAMECTL, "top", "-d", "0");
    ck_assert_int_eq(output.status, 2);
    ck_assert_msg(strstr(output.err, "allowed: 0.1 to 3600"), "%s", output.err);
    RUN(&output, FRAMECTL, "-n", "1", "status");
    ck_assert_int_eq(output.status, 2);
}
END_TEST

SUITE("top", shows_services_and_workers_again_and_again, keys_sort, fits_any_window,
      a_pause_stops_the_picture, signals_end_it_and_leave_the_terminal_as_it_was, stops_and_goes_on,
      waits_for_a_framed_that_comes_back, elsewhere_it_is_plain_text)
