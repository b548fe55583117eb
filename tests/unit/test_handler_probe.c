/* The probe: what a handler that answers it leaves behind, nothing, and what is said of the others.
 */
#include "handler_rig.h"

static void use_probe(const char *probe, const char *reply)
{
    static char texts[2][64];

    snprintf(texts[0], sizeof(texts[0]), "%s", probe);
    snprintf(texts[1], sizeof(texts[1]), "%s", reply ? reply : "");
    rig.service.handler.probe = (struct config_bytes){texts[0], strlen(probe)};
    rig.service.handler.probe_reply =
        reply ? (struct config_bytes){texts[1], strlen(reply)} : (struct config_bytes){NULL, 0};
    /* Who waits for that does not come to the end of this test. */
    rig.service.handler.settle_ms = 1000000;
    rig.service.deadlines.start_ms = 500;
}

static void use_module(const char *name)
{
    rig_helper(name);
    rig.service.handler.type = HANDLER_MODULE;
    rig.service.handler.module = rig.path;
}

static void check_refused(const char *says)
{
    rig.error[0] = '\0';
    ck_assert_int_lt(rig_start(), 0);
    ck_assert_msg(strstr(rig.error, says), "found: %s, wanted: %s", rig.error, says);
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig.group, 0);
    if (rig.handler->ops->stop) {
        handler_free(rig_stopped());
    } else {
        handler_free(rig.handler);
        rig.handler = NULL;
    }
}

START_TEST(echo_answers_it)
{
    rig.service.handler.type = HANDLER_BUILTIN;
    rig.service.handler.builtin = BUILTIN_ECHO;
    use_probe("ping", "ping");
    rig_must_start();
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig_ask("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
}
END_TEST

START_TEST(builtins_are_held_to_it)
{
    rig.service.handler.type = HANDLER_BUILTIN;
    rig.service.handler.builtin = BUILTIN_ECHO;
    use_probe("ping", "pong");
    check_refused("the handler answered \"ping\" instead of \"pong\"");
    use_probe("ping", "pin");
    check_refused("the handler answered \"ping\" instead of \"pin\"");
    use_probe("ping", NULL);
    rig.service.limits.max_reply = 3;
    check_refused("refused or failed it (handler-failed)");
    rig.service.handler.builtin = BUILTIN_DISCARD;
    check_refused("the handler gave 0 replies, wanted: one");
}
END_TEST

START_TEST(module_answers_it)
{
    use_module("good.so");
    use_probe("ping", "ping");
    rig_must_start();
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig_ask_anew("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
}
END_TEST

START_TEST(module_streams_its_answer)
{
    use_module("good.so");
    use_probe("stream ? 5 2 end", "abcd");
    check_refused("the handler answered \"abcde\" instead of \"abcd\"");
    use_probe("stream ? 5 2 end", "abcdef");
    check_refused("the handler answered \"abcde\" instead of \"abcdef\"");
    use_probe("stream ? 5 2 end", "xbcde");
    check_refused("the handler answered \"abcde\" instead of \"xbcde\"");
    use_probe("stream ? 5 2 return", NULL);
    check_refused("refused or failed it (handler-protocol)");
    use_probe("stream ? 500 20 end", NULL);
    rig_must_start();
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig_ask_anew("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
}
END_TEST

START_TEST(modules_are_held_to_it)
{
    use_module("good.so");
    use_probe("none", NULL);
    check_refused("the handler gave 0 replies, wanted: one");
    use_probe("many", NULL);
    check_refused("the handler gave 3 replies, wanted: one");
    use_probe("ping", "pong");
    check_refused("the handler answered \"ping\" instead of \"pong\"");
}
END_TEST

START_TEST(command_answers_it_and_need_not_settle)
{
    use_probe("ping", "gnip");
    RIG_COMMAND(CODEC_LINE, "sh", "-c", "read p; echo gnip; exec cat");
    rig_must_start();
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_gt(rig.group, 0);
    ck_assert_int_eq(rig_ask_anew("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
}
END_TEST

START_TEST(bytes_of_any_kind_with_the_codec_frame)
{
    static char bytes[] = "\0\n\xff";

    use_probe("", NULL);
    rig.service.handler.probe = rig.service.handler.probe_reply =
        (struct config_bytes){bytes, sizeof(bytes)};
    RIG_COMMAND(CODEC_FRAME, "cat");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
}
END_TEST

START_TEST(commands_are_held_to_it)
{
    static const struct {
        const char *script;
        const char *reply;
        const char *says;
    } rows[] = {
        {"echo thinking >&2; sleep 60", NULL,
         "\"sh\" did not answer the probe within 500 ms; it has printed nothing since its start, "
         "so it "
         "probably buffers its output: flush after each reply, or try unbuffer = stdbuf, or pty; "
         "it "
         "said: thinking"},
        {"read p; printf ping; sleep 60", NULL, "\"sh\" did not answer the probe within 500 ms"},
        {"read p; echo pong; cat", "ping", "answered the probe with \"pong\" instead of \"ping\""},
        {"read p; echo no luck >&2; exit 7", NULL,
         "\"sh\" ended at the probe: exit status 7; it said: no luck"},
        {"read p; kill -SEGV $$", NULL, "\"sh\" ended at the probe: SIGSEGV"},
        {"read p; printf 'one\\ntwo\\n'; cat", NULL,
         "\"sh\" answered the probe with \"one|two|\": it wrote more than one reply"},
        {"read p; echo one; echo two; cat", NULL, "it wrote more than one reply"},
        {"exec >&-; sleep 60", NULL, "it closed its standard input or output, and lives"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        use_probe("ping", rows[i].reply);
        if (i > 1)
            rig.service.deadlines.start_ms = 20000;
        rig.host.start_by_ms = clock_ms() + rig.service.deadlines.start_ms;
        rig_command(CODEC_LINE, (const char *const[]){"sh", "-c", rows[i].script, NULL});
        check_refused(rows[i].says);
    }
    ck_assert_logged("no luck");
}
END_TEST

START_TEST(banner_before_it_is_told_as_one)
{
    use_probe("ping", NULL);
    rig.host.start_by_ms = clock_ms() + 20000;
    /* Most often seen before the probe is sent, always seen at last. */
    RIG_COMMAND(CODEC_LINE, "sh", "-c", "echo Welcome; read p; echo pong; exec cat");
    check_refused("Welcome");
}
END_TEST

RIG_MAIN("handler_probe", echo_answers_it, builtins_are_held_to_it, module_answers_it,
         modules_are_held_to_it, module_streams_its_answer, command_answers_it_and_need_not_settle,
         bytes_of_any_kind_with_the_codec_frame, commands_are_held_to_it,
         banner_before_it_is_told_as_one)
