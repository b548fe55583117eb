/* What a module keeps for a connection goes along when that changes workers. */
#include "support/client.h"
#include "support/crowd.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdio.h>
#include <unistd.h>

#define PLACE "unix:$DIR/x.sock"
#define SERVICE(handler, workers)                                                                  \
    "service it { listen = \"" PLACE "\" framing = line handler { " handler " }\n"                 \
    "workers { " workers " } }\n"
#define SAVER "module = \"$HANDLERS/../support/handlers/saver.so\""

static void reload_well(void)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
}

START_TEST(restored_where_it_was_saved)
{
    struct framed_client *client;

    daemon_start(SERVICE(SAVER, "max = 1"));
    client = client_open(PLACE, "line");
    client_expect(client, "count", "1 of 1");
    reload_well();
    client_expect(client, "count", "2 of 0");
    client_expect(client, "restored", "3 and 1");
    daemon_upgrade();
    client_expect(client, "restored", "4 and 1");
    framed_client_free(client);
    status_wait_counter("it", "closed.client", 1);
    ck_assert_int_eq(log_count("event=module-error"), 0);
}
END_TEST

/* The handler before, or after, need not save anything. */
START_TEST(others_before_and_after)
{
    struct framed_client *client;

    daemon_start(SERVICE("builtin = echo", "max = 1"));
    client = client_open(PLACE, "line");
    client_expect(client, "count", "count");
    daemon_configure(SERVICE(SAVER, "max = 1"));
    reload_well();
    client_expect(client, "count", "1 of 1");
    daemon_configure(SERVICE("command = {\"$HANDLERS/scripted\"}", "max = 1"));
    reload_well();
    client_expect(client, "count", "count");
    framed_client_free(client);
    status_wait_counter("it", "closed.client", 1);
}
END_TEST

/* All of them, over and over: by the keeper, and by those who have nothing to do. */
static void count_on(const char *config)
{
    char text[32];

    daemon_start(config);
    crowd_connect(PLACE);
    for (int round = 1; round <= 6; round++) {
        for (size_t i = 0; i < CROWD_SIZE; i++)
            raw_send_text(crowd[i], "restored\n");
        for (size_t i = 0; i < CROWD_SIZE; i++) {
            int length = snprintf(text, sizeof(text), "%d and ", round);

            raw_expect(crowd[i], text, (size_t)length);
            while (read(crowd[i], text, 1) == 1 && *text != '\n')
                ;
        }
        if (round % 2 == 0)
            reload_well();
    }
    ck_assert_int_eq(status_closed("it"), 0);
    ck_assert_int_gt(status_counter("it", "moved_in"), CROWD_SIZE);
    crowd_close();
    status_wait_counter("it", "closed.client", CROWD_SIZE);
}

START_TEST(none_is_mistaken_for_another)
{
    count_on(SERVICE(SAVER, "max = 3"));
}
END_TEST

START_TEST(none_is_mistaken_in_the_keeper)
{
    count_on(SERVICE(SAVER, "max = 2 connections = 10 idle = keep"));
}
END_TEST

/* After COUNT messages save() refuses, or gives too much: the client stays, and is closed in order
 * when its worker leaves; another one goes on. */
static void refuse_after(int count)
{
    struct framed_client *clients[2];

    daemon_start(SERVICE(SAVER, "max = 1 idle = keep"));
    for (int i = 0; i < 2; i++) {
        clients[i] = client_open(PLACE, "line");
        client_expect(clients[i], "hello", "hello");
    }
    for (int i = 1; i < count; i++)
        client_expect(clients[0], "hello", "hello");
    client_expect(clients[1], "hello", "hello");
    reload_well();
    client_expect_end(clients[0]);
    client_expect(clients[1], "restored", "3 and 1");
    status_wait_counter("it", "closed.drain", 1);
    ck_assert_int_eq(log_count("event=worker-exit", "level=warning"), 0);
    for (int i = 0; i < 2; i++)
        framed_client_free(clients[i]);
}

START_TEST(who_cannot_be_saved_stays)
{
    refuse_after(7);
}
END_TEST

START_TEST(who_is_too_large_stays)
{
    refuse_after(9);
}
END_TEST

SUITE("modules move", restored_where_it_was_saved, others_before_and_after,
      none_is_mistaken_for_another, none_is_mistaken_in_the_keeper, who_cannot_be_saved_stays,
      who_is_too_large_stays)
