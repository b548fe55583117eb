/* Whatever keeps a worker waiting, and was not to be foreseen: its other clients do not wait with
 * it. */
#include "support/client.h"
#include "support/crowd.h"
#include "support/daemon.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <string.h>
#include <sys/socket.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(handler, more)                                                                     \
    "service it { listen = \"" PLACE "\" framing = line handler { " handler " } " more "\n"        \
    "workers { max = 2 } deadlines { drain = 100ms } }\n"
#define ECHO "builtin = echo"
#define SCRIPTED "command = {\"$HANDLERS/scripted\"} settle = 20ms"

/* It was as quick as any before. */
static void delay_nobody(const char *config)
{
    pid_t pids[WORKERS_MAX];

    daemon_start(config);
    crowd_connect(PLACE);
    crowd_ask(0);
    raw_send_text(crowd[0], "quick\n!never\n");
    raw_expect_text(crowd[0], "quick\n");
    ck_assert(UNTIL(status_in("it", "handling", pids) == 1));
    crowd_ask(1);
    ck_assert_int_eq(status_closed("it"), 0);
}

START_TEST(first_slow_message_delays_nobody)
{
    delay_nobody(SERVICE(SCRIPTED, ""));
}
END_TEST

START_TEST(first_slow_message_of_a_batch_delays_nobody)
{
    delay_nobody(SERVICE(SCRIPTED " batch = 8", ""));
}
END_TEST

/* One that asks for more and more, and takes none of it. */
static void do_not_read(const char *config, const char *message, size_t length)
{
    size_t at = 0;
    pid_t pids[WORKERS_MAX];

    daemon_start(config);
    crowd_connect(PLACE);
    crowd_ask(0);
    ck_assert(UNTIL(({
        ssize_t some = send(crowd[0], message + at, length - at, MSG_DONTWAIT);

        at = (at + (some > 0 ? (size_t)some : 0)) % length;
        status_in("it", "writing", pids) == 1;
    })));
    crowd_ask(1);
    ck_assert_int_eq(status_in("it", "writing", pids), 1);
    ck_assert_int_eq(status_closed("it"), 0);
}

START_TEST(slow_reader_delays_nobody)
{
    static char text[8000];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 100 == 99 ? '\n' : 'x';
    do_not_read(SERVICE(ECHO, ""), text, sizeof(text));
}
END_TEST

START_TEST(slow_reader_of_large_messages_delays_nobody)
{
    static char text[500000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\n';
    do_not_read(SERVICE(ECHO, "limits { max_message = 1MiB }"), text, sizeof(text));
}
END_TEST

SUITE("patience", first_slow_message_delays_nobody, first_slow_message_of_a_batch_delays_nobody,
      slow_reader_delays_nobody, slow_reader_of_large_messages_delays_nobody)
