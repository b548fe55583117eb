/* Builtin handlers and modules: what they answer, and what is said of modules that do not load. */
#include "handler_rig.h"

static void use_module(const char *name)
{
    rig_helper(name);
    rig.service.handler.type = HANDLER_MODULE;
    rig.service.handler.module = rig.path;
}

START_TEST(echo_answers_the_same)
{
    rig.service.handler.type = HANDLER_BUILTIN;
    rig.service.handler.builtin = BUILTIN_ECHO;
    rig_must_start();
    ck_assert(rig.handler->ops->immediate);
    ck_assert_int_eq(rig_ask("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
    ck_assert_int_eq(rig_ask(""), HANDLER_OK);
    ck_assert(rig_replied(""));
    rig.reply_result = -EPIPE;
    ck_assert_int_eq(rig_ask("hello"), HANDLER_IO);
    rig.reply_result = FRAMED_OVERSIZE;
    ck_assert_int_eq(rig_ask("hello"), HANDLER_FAILED);
}
END_TEST

START_TEST(discard_answers_nothing)
{
    rig.service.handler.type = HANDLER_BUILTIN;
    rig.service.handler.builtin = BUILTIN_DISCARD;
    rig_must_start();
    ck_assert_int_eq(rig_ask("hello"), HANDLER_OK);
    ck_assert_uint_eq(rig.reply_count, 0);
}
END_TEST

START_TEST(each_outcome_has_its_own_word)
{
    for (int i = 0; i < HANDLER_OUTCOME_COUNT; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(handler_outcome_word(i), handler_outcome_word(j));
    ck_assert_str_eq(handler_outcome_word(HANDLER_TIMEOUT), "handler-timeout");
}
END_TEST

START_TEST(module_answers_none_one_or_many)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
    ck_assert_int_eq(rig_ask("none"), HANDLER_OK);
    ck_assert_uint_eq(rig.reply_count, 0);
    ck_assert_int_eq(rig_ask("many"), HANDLER_OK);
    ck_assert_uint_eq(rig.reply_count, 3);
    ck_assert_mem_eq(rig.replies[2].data, "three", 5);
    ck_assert_int_eq(rig_ask("service"), HANDLER_OK);
    ck_assert(rig_replied("bench #3 1048576 1048576"));
    rig_close();
}
END_TEST

START_TEST(module_needs_no_more_than_message)
{
    use_module("bare.so");
    rig_must_start();
    ck_assert_int_eq(rig_ask_anew("hello"), HANDLER_OK);
    ck_assert(rig_replied("hello"));
    handler_free(rig_stopped());
}
END_TEST

START_TEST(module_has_state_for_each_connection)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    rig_ask("none");
    rig_ask("count");
    ck_assert(rig_replied("2 of 1"));
    rig_close();
    rig_open();
    rig_ask("count");
    ck_assert(rig_replied("1 of 2"));
    rig_close();
}
END_TEST

START_TEST(module_may_hang_up_fail_and_refuse)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("hangup"), HANDLER_HANGUP);
    ck_assert(rig_replied("bye"));
    ck_assert_int_eq(rig_ask("fail"), HANDLER_ERROR);
    ck_assert_logged("event=module-error module=fixture error=\"Input/output error\"");
    rig_close();
    rig.peer.has_credentials = 1;
    rig.peer.uid = 666;
    ck_assert_int_eq(rig.handler->ops->open(rig.handler, &rig.peer), -EPERM);
}
END_TEST

START_TEST(module_asks_for_its_deadline)
{
    char left_ms[16] = "";

    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask_bytes("deadline", 8, 0), HANDLER_OK);
    ck_assert_msg(rig_replied("-1"), "none");
    ck_assert_int_eq(rig_ask_bytes("deadline", 8, 20000), HANDLER_OK);
    ck_assert_uint_lt(rig.replies[0].length, sizeof(left_ms));
    memcpy(left_ms, rig.replies[0].data, rig.replies[0].length);
    ck_assert_int_gt(strtol(left_ms, NULL, 10), 0);
    ck_assert_int_le(strtol(left_ms, NULL, 10), 20000);
    rig_forget();
    ck_assert_int_eq(rig.handler->ops->message(rig.handler, "deadline", 8, 1), HANDLER_OK);
    ck_assert_msg(rig_replied("0"), "long over");
    ck_assert_int_eq(rig.handler->ops->message(rig.handler, "fail", 4, 1), HANDLER_TIMEOUT);
    ck_assert_int_eq(rig.handler->ops->message(rig.handler, "fail", 4, 0), HANDLER_ERROR);
    rig_close();
}
END_TEST

START_TEST(module_logs_bounded_words)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("log"), HANDLER_OK);
    ck_assert_logged("level=warning event=module-log text=\"a word\\nof warning\"");
    ck_assert_logged("level=info event=module-log text=\"of no level\"");
    rig_close();
}
END_TEST

START_TEST(module_learns_why_a_reply_fails)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    rig.reply_result = FRAMED_OVERSIZE; /* the fixture returns what the reply did */
    ck_assert_int_eq(rig_ask("hello"), HANDLER_ERROR);
    ck_assert_logged("Message too long");
    rig.reply_result = FRAMED_UNENCODABLE;
    ck_assert_int_eq(rig_ask("hello"), HANDLER_ERROR);
    ck_assert_logged("Invalid argument");
    rig.reply_result = -ECONNRESET;
    ck_assert_int_eq(rig_ask("hello"), HANDLER_IO);
    ck_assert_int_eq(rig_ask("many"), HANDLER_IO);
    rig_close();
}
END_TEST

START_TEST(module_streams_a_reply)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("stream 8 8 3 end"), HANDLER_OK);
    ck_assert(rig_replied("abcdefgh"));
    ck_assert_uint_eq(rig.announced, 8);
    ck_assert_int_eq(rig_ask("stream ? 8 100 end"), HANDLER_OK);
    ck_assert(rig_replied("abcdefgh"));
    ck_assert_uint_eq(rig.announced, FRAMED_LENGTH_UNKNOWN);
    rig.reply_result = -ENOTSUP;
    ck_assert_int_eq(rig_ask("stream ? 8 100 end"), HANDLER_IO); /* of the reply instead, too */
    rig.reply_result = FRAMED_OVERSIZE;
    ck_assert_int_eq(rig_ask("stream 8 8 3 end"), HANDLER_ERROR);
    ck_assert_logged("Message too long");
    rig_close();
}
END_TEST

START_TEST(module_that_ends_no_reply_is_found_out)
{
    use_module("good.so");
    rig.service.deadlines.request_ms = 20000;
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("stream 8 4 4 return"), HANDLER_PROTOCOL);
    ck_assert_int_eq(rig_ask("stream 8 4 4 fail"), HANDLER_ERROR);
    ck_assert_msg(rig_ask("stream 8 4 4 reply") == HANDLER_ERROR, "one at a time");
    ck_assert_logged("Device or resource busy");
    ck_assert_msg(rig_ask("hello") == HANDLER_OK, "the next message begins anew");
    rig_close();
}
END_TEST

START_TEST(module_begins_before_it_goes_on)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    ck_assert_int_eq(rig_ask("write"), HANDLER_ERROR);
    ck_assert_int_eq(rig_ask("end"), HANDLER_ERROR);
    ck_assert_uint_eq(rig.calls, 0);
    ck_assert_logged("Protocol error");
    ck_assert_int_eq(rig_ask("stream 8 4 4 begin"), HANDLER_ERROR);
    ck_assert_logged("Device or resource busy");
    rig.reply_result = FRAMED_OVERSIZE;
    rig.fails = 1;
    ck_assert_int_eq(rig_ask("insist"), HANDLER_PROTOCOL);
    ck_assert_msg(rig.calls == 2, "what has not begun is in nobody's way: begin, begin");
    rig_close();
}
END_TEST

/* Where the connection has failed, the host hears no more of it. */
START_TEST(module_that_insists_is_not_heard)
{
    use_module("good.so");
    rig_must_start();
    rig_open();
    rig.reply_result = -ECONNRESET;
    for (unsigned failing = 0; failing < 4; failing++) {
        rig.fails = 1U << failing;
        ck_assert_int_eq(rig_ask("insist"), HANDLER_IO);
        ck_assert_uint_eq(rig.calls, failing + 1);
    }
    rig_close();
}
END_TEST

START_TEST(deadline_begins_anew_with_each_piece)
{
    static const char request[] = "stream ? 8 3 left";

    use_module("good.so");
    rig.service.deadlines.request_ms = 20000;
    rig_must_start();
    rig_open();
    rig_forget();
    ck_assert_int_eq(rig.handler->ops->message(rig.handler, request, strlen(request), 1),
                     HANDLER_OK);
    ck_assert_uint_eq(rig.reply_count, 2);
    ck_assert_msg(memcmp(rig.replies[1].data, "0", 1) != 0, "long over");
    ck_assert_int_eq(rig_ask_bytes(request, strlen(request), 0), HANDLER_OK);
    ck_assert_msg(memcmp(rig.replies[1].data, "-1", 2) == 0, "there was none");
    rig_close();
}
END_TEST

static const struct {
    const char *module;
    const char *says[3];
} unloadable[] = {
    {"absent.so", {"absent.so", "No such file"}},
    {"abi.so", {"found ABI 99, allowed: 2"}},
    {"size.so", {"of 8 bytes, allowed: "}},
    {"symbol.so", {"found no symbol framed_module"}},
    {"message.so", {"found no message function"}},
    {"half_saver.so", {"found save without restore, allowed: both, or none"}},
    {"init.so", {"init.so: init: no table"}},
    {"silent.so", {"silent.so: init: Permission denied"}},
};

START_TEST(module_that_does_not_load_is_explained)
{
    for (size_t row = 0; row < sizeof(unloadable) / sizeof(unloadable[0]); row++) {
        use_module(unloadable[row].module);
        ck_assert_int_lt(rig_start(), 0);
        for (int i = 0; unloadable[row].says[i]; i++)
            ck_assert_msg(strstr(rig.error, unloadable[row].says[i]) != NULL, "found: %s",
                          rig.error);
        handler_free(rig.handler);
        rig.handler = NULL;
    }
}
END_TEST

RIG_MAIN("handler-module", echo_answers_the_same, discard_answers_nothing,
         each_outcome_has_its_own_word, module_answers_none_one_or_many,
         module_needs_no_more_than_message, module_has_state_for_each_connection,
         module_may_hang_up_fail_and_refuse, module_asks_for_its_deadline,
         module_logs_bounded_words, module_learns_why_a_reply_fails, module_streams_a_reply,
         module_that_ends_no_reply_is_found_out, module_begins_before_it_goes_on,
         module_that_insists_is_not_heard, deadline_begins_anew_with_each_piece,
         module_that_does_not_load_is_explained)
