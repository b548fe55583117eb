/* Commands that behave: round trips, start, idle, stop, and what a process is given. */
#include "handler_rig.h"

START_TEST(line_goes_out_and_comes_back)
{
    RIG_COMMAND(CODEC_LINE, "sed", "-u", "s/a/b/");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("abc"), HANDLER_OK);
    ck_assert(rig_replied("bbc"));
    ck_assert_int_eq(rig_ask_anew("with a CR\r"), HANDLER_OK);
    ck_assert(rig_replied("with b CR\r"));
    ck_assert_int_eq(rig.groups, 1);
}
END_TEST

START_TEST(line_may_be_empty)
{
    RIG_COMMAND(CODEC_LINE, "sed", "-u", "s/^/>/");
    rig_must_start();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(rig_ask_anew(""), HANDLER_OK);
        ck_assert(rig_replied(">"));
    }
}
END_TEST

START_TEST(line_with_a_feed_is_refused)
{
    RIG_COMMAND(CODEC_LINE, "cat");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("one"), HANDLER_OK);
    ck_assert_int_eq(rig_ask_anew("two\nlines"), HANDLER_REFUSED);
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig_ask_anew("three"), HANDLER_OK);
    ck_assert(rig_replied("three"));
    ck_assert_int_eq(rig.groups, 1);
}
END_TEST

START_TEST(frame_carries_anything)
{
    static const size_t sizes[] = {0,    1,     3,     4,     511,     512,
                                   4096, 65531, 65532, 65536, 1 << 20, 8 << 20};
    char *data = malloc(8 << 20);

    for (size_t i = 0; i < 8 << 20; i++)
        data[i] = (char)(i * 2654435761U >> 13);
    rig.service.limits.max_message = rig.service.limits.max_reply = 8 << 20;
    RIG_COMMAND(CODEC_FRAME, "cat");
    rig_must_start();
    rig_open();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_int_eq(rig_ask_bytes(data, sizes[i], 20000), HANDLER_OK);
        ck_assert_uint_eq(rig.reply_count, 1);
        ck_assert_uint_eq(rig.replies[0].length, sizes[i]);
        ck_assert(memcmp(rig.replies[0].data, data, sizes[i]) == 0);
    }
    rig_close();
    ck_assert_int_eq(rig.groups, 1);
    free(data);
}
END_TEST

START_TEST(signals_do_not_break_a_request)
{
    const struct itimerval often = {{0, 500}, {0, 500}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = rig_ignore};
    char *data = calloc(1, 1 << 20);

    RIG_COMMAND(CODEC_FRAME, "cat");
    rig_must_start();
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    rig_open();
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(rig_ask_bytes(data, i % 10 ? 64 : 1 << 20, 20000), HANDLER_OK);
        ck_assert_uint_eq(rig.reply_count, 1);
    }
    rig_close();
    setitimer(ITIMER_REAL, &never, NULL);
    free(data);
}
END_TEST

START_TEST(process_sees_three_descriptors_and_no_signals)
{
    int strange = dup(STDIN_FILENO); /* without CLOEXEC */
    sigset_t blocked;

    sigfillset(&blocked);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGHUP, SIG_IGN);
    RIG_MISBEHAVE(CODEC_LINE, "descriptors");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("?"), HANDLER_OK);
    ck_assert(rig_replied("0 1 2 "));
    close(strange);
    handler_free(rig_stopped());
    RIG_MISBEHAVE(CODEC_LINE, "signals");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("?"), HANDLER_OK);
    ck_assert(rig_replied("0"));
}
END_TEST

START_TEST(standard_descriptors_need_not_be_open)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);

    RIG_MISBEHAVE(CODEC_LINE, "descriptors");
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    rig_start();
    dup2(saved, STDERR_FILENO); /* for Check's own words; our pipes were above it by now, or this
                                   test has broken them and fails */
    ck_assert_int_eq(rig_ask_anew("?"), HANDLER_OK);
    ck_assert(rig_replied("0 1 2 "));
}
END_TEST

START_TEST(start_tells_what_went_wrong)
{
    static const struct {
        const char *arguments[4];
        const char *says;
    } rows[] = {
        {{"jqq-is-not-here"}, "cannot start \"jqq-is-not-here\": it is in no folder of PATH ("},
        {{"/tmp/not/here"}, "cannot start \"/tmp/not/here\": there is no folder \"/tmp/not\""},
        {{"/etc/passwd"},
         "cannot start \"/etc/passwd\": it has no execute permission (mode 0644): chmod +x"},
        {{"sh", "-c", "echo one >&2; echo two >&2; exit 3"},
         "\"sh\" ended at its start: exit status 3; it said: one|two"},
        {{"sh", "-c", "kill -SEGV $$"}, "\"sh\" ended at its start: SIGSEGV"},
        {{"sh", "-c", "echo Welcome; sleep 5"},
         "\"sh\" printed before its first request: \"Welcome|\"; standard output is for replies, "
         "one for each message; what is for people goes to standard error"},
        {{"sh", "-c", "exec >&-; sleep 5"}, "\"sh\" ended at its start: it closed its standard"},
    };

    rig.service.handler.settle_ms = 5000;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rig_command(CODEC_LINE, rows[i].arguments);
        ck_assert_int_lt(rig_start(), 0);
        ck_assert_msg(strstr(rig.error, rows[i].says) == rig.error, "found: %s", rig.error);
        ck_assert_int_eq(rig.group, 0);
        handler_free(rig_stopped());
    }
}
END_TEST

START_TEST(idle_death_is_noticed_and_mended)
{
    pid_t first;

    RIG_COMMAND(CODEC_LINE, "sed", "-u", "s/a/b/");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    first = rig.group;
    kill(first, SIGKILL);
    RIG_ATTEND_UNTIL(rig.group != first && rig.group > 0);
    ck_assert_logged("event=handler-died");
    ck_assert_logged("reason=\"it ended between requests\" status=SIGKILL");
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    ck_assert(rig_replied("b"));
}
END_TEST

START_TEST(idle_output_is_noticed_and_mended)
{
    pid_t first;

    RIG_MISBEHAVE(CODEC_LINE, "banner", "50");
    rig_must_start();
    first = rig.group;
    RIG_ATTEND_UNTIL(rig.group != first && rig.group > 0);
    ck_assert_logged("event=handler-protocol");
    ck_assert_logged("output=\"Welcome!\\n\"");
}
END_TEST

START_TEST(stop_lets_a_process_finish)
{
    char file[] = "/tmp/framed-farewell-XXXXXX";
    char script[128];
    int fd = mkstemp(file);

    snprintf(script, sizeof(script), "while read l; do echo $l; done; echo bye > %s", file);
    RIG_COMMAND(CODEC_LINE, "sh", "-c", script);
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    rig.handler->ops->stop(rig.handler, 10000);
    ck_assert_int_eq(rig.group, 0);
    ck_assert_int_eq(read(fd, script, 4), 4);
    close(fd);
    unlink(file);
}
END_TEST

START_TEST(stop_ends_the_stubborn)
{
    uint64_t before;
    pid_t pid;

    RIG_MISBEHAVE(CODEC_LINE, "stubborn");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("a"), HANDLER_OK);
    pid = rig.group;
    before = clock_ms();
    rig.handler->ops->stop(rig.handler, 50);
    ck_assert_uint_lt(clock_ms() - before, 5000);
    ck_assert(rig_is_gone(pid));
}
END_TEST

START_TEST(stop_takes_the_whole_group)
{
    pid_t child;
    uint64_t before;

    RIG_MISBEHAVE(CODEC_LINE, "grandchild");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("?"), HANDLER_OK);
    child = (pid_t)strtol(rig_text(), NULL, 10);
    ck_assert_int_gt(child, 0);
    before = clock_ms();
    rig.handler->ops->stop(rig.handler, 10000);
    ck_assert_uint_lt(clock_ms() - before, 5000); /* the child holds the pipes: that is no reason */
    ck_assert(rig_is_gone(child));
}
END_TEST

START_TEST(process_dies_with_its_worker)
{
    int ends[2];
    pid_t worker, group = 0;

    ck_assert_int_eq(pipe(ends), 0);
    RIG_COMMAND(CODEC_LINE, "sleep", "50"); /* does not mind that its stdin is closed */
    worker = fork();
    if (worker == 0) {
        rig_must_start();
        if (write(ends[1], &rig.group, sizeof(rig.group)) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ends[0], &group, sizeof(group)), sizeof(group));
    kill(worker, SIGKILL);
    waitpid(worker, NULL, 0);
    ck_assert(rig_is_gone(group));
}
END_TEST

RIG_MAIN("handler-command", line_goes_out_and_comes_back, line_may_be_empty,
         line_with_a_feed_is_refused, frame_carries_anything, signals_do_not_break_a_request,
         process_sees_three_descriptors_and_no_signals, standard_descriptors_need_not_be_open,
         start_tells_what_went_wrong, idle_death_is_noticed_and_mended,
         idle_output_is_noticed_and_mended, stop_lets_a_process_finish, stop_ends_the_stubborn,
         stop_takes_the_whole_group, process_dies_with_its_worker)
