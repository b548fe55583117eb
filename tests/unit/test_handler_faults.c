/* Commands that misbehave: nothing of it reaches a client, and the next request is served. */
#include "handler_rig.h"

#include <sys/resource.h>

/* The process was replaced, and nothing was sent. */
static void assert_replaced(pid_t before)
{
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_ne(rig.group, before);
    ck_assert(rig_is_gone(before));
}

START_TEST(two_lines_for_one)
{
    pid_t pid;

    RIG_COMMAND(CODEC_LINE, "sed", "-u", "p");
    rig_must_start();
    pid = rig.group;
    /* sed writes them one after the other: both are there, or the second is found stray. */
    for (int i = 0; i < 20 && rig.groups == 1; i++)
        rig_ask_anew("a");
    ck_assert_int_gt(rig.groups, 1);
    ck_assert(rig_is_gone(pid));
    ck_assert_logged("event=handler-protocol");
}
END_TEST

START_TEST(death_in_the_middle)
{
    pid_t pid;

    RIG_MISBEHAVE(CODEC_LINE, "die", "11");
    rig_must_start();
    pid = rig.group;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_DIED);
    assert_replaced(pid);
    ck_assert_logged("event=handler-died");
    ck_assert_logged("status=SIGSEGV");
}
END_TEST

START_TEST(death_after_the_reply)
{
    int right = 0;

    RIG_MISBEHAVE(CODEC_LINE, "once", "0");
    rig_must_start();
    for (int i = 0; i < 10; i++)
        if (rig_ask_anew("a") == HANDLER_OK && rig_replied("a"))
            right++;
    ck_assert_int_ge(right, 5); /* the next request may still meet the one that is leaving */
}
END_TEST

START_TEST(no_answer)
{
    pid_t pid;
    uint64_t before;

    RIG_MISBEHAVE(CODEC_LINE, "mute", "60000");
    rig_must_start();
    pid = rig.group;
    rig_open();
    before = clock_ms();
    ck_assert_int_eq(rig_ask_bytes("a", 1, 200), HANDLER_TIMEOUT);
    ck_assert_uint_ge(clock_ms() - before, 199);
    ck_assert_uint_lt(clock_ms() - before, 2000);
    assert_replaced(pid);
    ck_assert_logged("event=handler-timeout");
    ck_assert_logged(
        "it probably buffers its output: flush after each reply, or try unbuffer = stdbuf, or pty");
}
END_TEST

START_TEST(late_answer_is_nobodys)
{
    RIG_COMMAND(CODEC_LINE, "sh", "-c",
                "while read l; do if test $l = slow; then sleep 0.2; fi; echo $l; done");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask_bytes("slow", 4, 50), HANDLER_TIMEOUT);
    for (uint64_t until = clock_ms() + 400; clock_ms() < until;) {
        ck_assert_int_eq(rig_ask("b"), HANDLER_OK);
        ck_assert(rig_replied("b"));
    }
    rig_close();
}
END_TEST

START_TEST(flooded_stderr)
{
    size_t lines = 0;

    RIG_MISBEHAVE(CODEC_LINE, "flood", "4194304");
    rig_must_start();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
        ck_assert(rig_replied("a"));
    }
    ck_assert_int_eq(rig.groups, 1);
    rig.handler->ops->stop(rig.handler, 1000);
    for (const char *at = rig_log(); (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_uint_lt(lines, 1000); /* of 12288, or of what a slow machine lets through a second */
    ck_assert_logged("suppressed_lines=");
    ck_assert_logged("cut=yes");
}
END_TEST

START_TEST(closed_stdout)
{
    pid_t pid;

    RIG_MISBEHAVE(CODEC_LINE, "close-stdout");
    rig_must_start();
    pid = rig.group;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_PROTOCOL);
    assert_replaced(pid);
    ck_assert_logged("closed its standard");
}
END_TEST

START_TEST(oversize_line)
{
    pid_t pid;

    rig.service.limits.max_reply = 1000;
    RIG_COMMAND(CODEC_LINE, "sed", "-u", "s/.*/&&&&/");
    rig_must_start();
    pid = rig.group;
    ck_assert_int_eq(rig_ask_bytes(rig.text, 250, 20000), HANDLER_OK);
    ck_assert_int_eq(rig_ask_bytes(rig.text, 251, 20000), HANDLER_PROTOCOL);
    assert_replaced(pid);
    ck_assert_logged("larger than max_reply");
}
END_TEST

START_TEST(endless_output)
{
    pid_t pid;

    RIG_COMMAND(CODEC_LINE, "sh", "-c", "while read l; do yes | tr -d '\\n'; done");
    rig_must_start();
    pid = rig.group;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_PROTOCOL);
    assert_replaced(pid);
}
END_TEST

START_TEST(both_pipes_full)
{
    char *data = calloc(1, 1 << 20);

    RIG_MISBEHAVE(CODEC_FRAME, "frame-write-first", "1048576");
    rig_must_start();
    rig_open();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_ask_bytes(data, 1 << 20, 20000), HANDLER_OK);
        ck_assert_uint_eq(rig.replies[0].length, 1 << 20);
    }
    rig_close();
    ck_assert_int_eq(rig.groups, 1);
    free(data);
}
END_TEST

START_TEST(short_frame)
{
    pid_t pid;

    RIG_MISBEHAVE(CODEC_FRAME, "frame-short", "10");
    rig_must_start();
    pid = rig.group;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_DIED);
    assert_replaced(pid);
    ck_assert_logged("exit status 0");
    ck_assert_logged("output=\"\\x00\\x00\\x00d0123456789\"");
}
END_TEST

START_TEST(claimed_length_allocates_nothing)
{
    struct rusage before, after;
    pid_t pid;

    RIG_MISBEHAVE(CODEC_FRAME, "frame-huge");
    rig_must_start();
    pid = rig.group;
    getrusage(RUSAGE_SELF, &before);
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_PROTOCOL);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_lt(after.ru_maxrss - before.ru_maxrss, 8192);
    assert_replaced(pid);
}
END_TEST

START_TEST(stopped_process_cannot_hold_us)
{
    char *data = calloc(1, 1 << 20);
    pid_t pid;

    RIG_COMMAND(CODEC_FRAME, "cat");
    rig_must_start();
    pid = rig.group;
    kill(pid, SIGSTOP);
    rig_open();
    ck_assert_int_eq(rig_ask_bytes(data, 1 << 20, 100), HANDLER_TIMEOUT);
    assert_replaced(pid);
    ck_assert_int_eq(rig_ask("a"), HANDLER_OK);
    rig_close();
    free(data);
}
END_TEST

START_TEST(crash_loop_is_delayed)
{
    int died = 0;
    int refused = 0;
    uint64_t until;

    RIG_MISBEHAVE(CODEC_LINE, "die", "9");
    rig_must_start();
    rig_open();
    for (until = clock_ms() + 500; clock_ms() < until;) {
        enum handler_outcome outcome = rig_ask("a");

        ck_assert(outcome == HANDLER_DIED || outcome == HANDLER_FAILED);
        died += outcome == HANDLER_DIED;
        refused += outcome == HANDLER_FAILED;
    }
    rig_close();
    ck_assert_int_ge(died, 2);
    ck_assert_int_le(died, 6); /* at 0, 0, 100, 300 ms and so on */
    ck_assert_int_gt(refused, 10);
    ck_assert_logged("its next start is being delayed");
}
END_TEST

START_TEST(success_ends_the_delay)
{
    RIG_COMMAND(CODEC_LINE, "sh", "-c",
                "while read l; do if test $l = die; then exit 1; fi; echo $l; done");
    rig_must_start();
    rig_open();
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(rig_ask("a"), HANDLER_OK);
        ck_assert_int_eq(rig_ask("die"), HANDLER_DIED);
    }
    rig_close();
}
END_TEST

START_TEST(unencodable_reply_is_not_the_handlers_fault)
{
    RIG_COMMAND(CODEC_LINE, "cat");
    rig_must_start();
    rig.reply_result = FRAMED_UNENCODABLE;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_FAILED);
    rig.reply_result = -EPIPE;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_IO);
    rig.reply_result = 0;
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    ck_assert_int_eq(rig.groups, 1);
}
END_TEST

RIG_MAIN("handler-faults", two_lines_for_one, death_in_the_middle, death_after_the_reply, no_answer,
         late_answer_is_nobodys, flooded_stderr, closed_stdout, oversize_line, endless_output,
         both_pipes_full, short_frame, claimed_length_allocates_nothing,
         stopped_process_cannot_hold_us, crash_loop_is_delayed, success_ends_the_delay,
         unencodable_reply_is_not_the_handlers_fault)
