/* Promise 1: a line that a handler prints late never becomes another client's reply. */
#include "handler_rig.h"

/* Clients take turns; each asks for its own word. Replies are right or missing, never another's. */
static int take_turns(int turns)
{
    int right = 0;

    for (int i = 0; i < turns; i++) {
        char text[32];

        snprintf(text, sizeof(text), "client-%d", i);
        if (rig_ask_anew(text) != HANDLER_OK)
            continue;
        ck_assert_msg(rig_replied(text), "client %d was given another's reply", i);
        right++;
    }
    return right;
}

START_TEST(late_line_reaches_nobody)
{
    static const char *const delays[] = {"0", "1", "2", "5", "20"};

    for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
        RIG_MISBEHAVE(CODEC_LINE, "two-lines", delays[i]);
        rig_must_start();
        ck_assert_int_gt(take_turns(40) + (delays[i][0] == '0'), 0);
        ck_assert_int_gt(rig.groups, 1);
        handler_free(rig_stopped());
    }
}
END_TEST

/* The shell sleeps in wait(2) while its child does: nothing but the probe byte can tell. */
START_TEST(late_line_of_a_shell_reaches_nobody)
{
    RIG_COMMAND(CODEC_LINE, "sh", "-c", "while read l; do echo $l; sleep 0.01; echo $l; done");
    rig_must_start();
    ck_assert_int_gt(take_turns(40), 0);
    ck_assert_int_gt(rig.groups, 1);
}
END_TEST

/* Whether the kernel tells that they read, or the probe byte does (a pipeline): none is lost by it.
 */
START_TEST(sound_handlers_are_kept)
{
    static const char *const loops[][4] = {
        {"sed", "-u", "s/a/a/"},
        {"cat"},
        {"sh", "-c", "while read l; do echo $l; done"},
        {"sh", "-c", "sed -u s/a/a/ | sed -u s/b/b/"},
    };

    for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++) {
        rig.groups = 0;
        rig_command(CODEC_LINE, loops[i]);
        rig_must_start();
        ck_assert_int_eq(take_turns(100), 100);
        ck_assert_int_eq(rig.groups, 1);
        handler_free(rig_stopped());
    }
}
END_TEST

/* Copies as it reads, and its shell waits: what the probe byte brings back is taken for stray. */
START_TEST(copying_pipelines_are_right_at_least)
{
    RIG_COMMAND(CODEC_LINE, "sh", "-c", "cat | cat");
    rig_must_start();
    ck_assert_int_eq(take_turns(30), 30);
}
END_TEST

START_TEST(empty_first_message_gets_a_clean_process)
{
    RIG_COMMAND(CODEC_LINE, "sh", "-c", "sed -u s/^/x/ | cat");
    rig_must_start();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_ask_anew(""), HANDLER_OK);
        ck_assert(rig_replied("x"));
    }
    ck_assert_int_eq(rig.groups, 3);
    ck_assert_logged("event=handler-replaced");
}
END_TEST

START_TEST(busy_handler_meets_the_deadline)
{
    uint64_t before;

    RIG_COMMAND(CODEC_LINE, "sh", "-c", "while read l; do echo $l; sleep 20; done");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    rig_open();
    before = clock_ms();
    ck_assert_int_eq(rig_ask_bytes("b", 1, 100), HANDLER_TIMEOUT);
    ck_assert_uint_lt(clock_ms() - before, 2000);
    ck_assert_int_eq(rig_ask("c"), HANDLER_OK);
    ck_assert(rig_replied("c"));
    rig_close();
}
END_TEST

RIG_MAIN("handler-guard", late_line_reaches_nobody, late_line_of_a_shell_reaches_nobody,
         sound_handlers_are_kept, copying_pipelines_are_right_at_least,
         empty_first_message_gets_a_clean_process, busy_handler_meets_the_deadline)
