/* `probe` and `probe_reply`, and what a change of a key means to a reload. */
#include "config/schema.h"
#include "config_rig.h"

#define HANDLER(text) "service a {\n listen = unix:@a\n handler {\n" text "\n} }\n"

START_TEST(bytes_are_read_with_their_escapes)
{
    struct config *config;
    const struct handler_config *handler;

    write_file("c", HANDLER("builtin = echo\n probe = 'a\\n\\0\\xfF\\\\\\\\ (\\x20,\"$'\n"
                            "probe_reply = \"\\\\x41\\n\""));
    config = load_good("c");
    handler = &config->services[0].handler;
    ck_assert_uint_eq(handler->probe.length, 11);
    ck_assert_mem_eq(handler->probe.data, "a\n\0\xff\\ ( ,\"$", 11);
    ck_assert_uint_eq(handler->probe_reply.length, 2);
    ck_assert_mem_eq(handler->probe_reply.data, "A\n", 2);
    check_round_trip(config);
}
END_TEST

START_TEST(none_is_none)
{
    struct config *config;

    write_file("c", HANDLER("command = {cat} probe = \"\" probe_reply = '' settle = 1s"));
    config = load_good("c");
    ck_assert_ptr_null(config->services[0].handler.probe.data);
    ck_assert_ptr_null(config->services[0].handler.probe_reply.data);
    ck_assert_uint_eq(config->services[0].handler.probe.length, 0);
    check_round_trip(config);
}
END_TEST

/* A probe takes the place of `settle`: what is printed can be read again. */
START_TEST(probe_is_printed_without_settle)
{
    struct config *config;

    write_file("c", HANDLER("command = {cat} probe = ping"));
    config = load_good("c");
    check_round_trip(config);
}
END_TEST

#define ALLOWED "at most 4096 bytes, with \\n \\r \\t \\0 \\\\ and \\xNN"

static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {HANDLER("builtin = echo\n probe = 'a\\q'"),
     "@/c:5: service \"a\": handler.probe: found \"a\\\\q\", allowed: " ALLOWED},
    {HANDLER("builtin = echo\n probe = 'a\\x4'"),
     "@/c:5: service \"a\": handler.probe: found \"a\\\\x4\", allowed: " ALLOWED},
    {HANDLER("builtin = echo\n probe_reply = x"),
     "@/c:5: service \"a\": handler.probe_reply: allowed only with a probe"},
    {HANDLER("command = cat\n probe = 'a\\nb'\n probe_reply = \"x\\n\""),
     "@/c:5: service \"a\": handler.probe: found a line feed, allowed: one line, with codec = "
     "line\n@/c:6: service \"a\": handler.probe_reply: found a line feed, allowed: one line, with "
     "codec = line"},
    {HANDLER("command = cat\n codec = record\n probe = x"),
     "@/c:6: service \"a\": handler.probe: allowed only with codec = line or frame; with record "
     "the "
     "program says READY"},
    {HANDLER("command = cat\n reply = none\n probe = x"),
     "@/c:6: service \"a\": handler.probe: allowed only with reply = yes"},
    {HANDLER("command = cat\n probe = x\n settle = 1s"),
     "@/c:6: service \"a\": handler.settle: allowed only without a probe, which takes its place"},
    {HANDLER("builtin = echo\n probe = abc } limits { max_message = 2"),
     "@/c:5: service \"a\": handler.probe: found 3 bytes, allowed: max_message (2)"},
};

START_TEST(what_is_wrong_is_told)
{
    write_file("c", wrong[_i].text);
    expect_error(wrong[_i].error);
}
END_TEST

static void note(void *context, const char *key, const char *running, const char *configured)
{
    char *all = context;

    sprintf(all + strlen(all), "%s %s>%s;", key, running, configured);
}

/* Whatever is configured: it says what runs, and is compared with that the next time. */
START_TEST(what_only_a_restart_changes_is_kept)
{
    char told[256] = "";
    struct config *running, *next, *last;

    write_file("c", "user = root log_level = info\n" HANDLER("builtin = echo"));
    running = load_good("c");
    write_file("c",
               "group = daemon control = \"unix:/y\" pid_file = /x log_level = debug\n" HANDLER(
                   "builtin = discard"));
    next = load_good("c");
    config_keep_fixed(next, running, note, told);
    ck_assert_str_eq(told, "user root>;group >daemon;"
                           "control unix:/run/framed/control.sock,mode=0600>unix:/y;"
                           "pid_file >/x;");
    ck_assert_str_eq(next->user, "root");
    ck_assert_ptr_null(next->group);
    ck_assert_ptr_null(next->pid_file);
    ck_assert_int_eq(next->log_level, LOG_DEBUG);
    ck_assert_int_eq(next->services[0].handler.builtin, BUILTIN_DISCARD);
    config_free(running);
    told[0] = '\0';
    write_file("c", "user = root log_level = info\n" HANDLER("builtin = echo"));
    last = load_good("c");
    config_keep_fixed(last, next, note, told);
    ck_assert_str_eq(told, "");
    config_free(next);
    config_free(last);
}
END_TEST

/* The list in framed.conf(5) has every key, each once. */
START_TEST(every_key_has_its_class)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    config_print_keys_mdoc(to);
    fclose(to);
    for (int key = 0; key < KEY_COUNT; key++) {
        char name[SCHEMA_NAME_SIZE], wanted[SCHEMA_NAME_SIZE + 8];
        size_t count = 0;

        schema_name(schema_row((enum schema_key)key), name);
        snprintf(wanted, sizeof(wanted), "\n.Ic %s", name);
        for (const char *at = text; (at = strstr(at, wanted)); at += strlen(wanted))
            count += strchr(" \n", at[strlen(wanted)]) != NULL;
        ck_assert_msg(count == 1, "%s: %zu times", name, count);
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_probe");
    TCase *tests = tcase_create("config_probe");

    tcase_add_checked_fixture(tests, rig_setup, rig_teardown);
    tcase_add_test(tests, bytes_are_read_with_their_escapes);
    tcase_add_test(tests, none_is_none);
    tcase_add_test(tests, probe_is_printed_without_settle);
    tcase_add_loop_test(tests, what_is_wrong_is_told, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tests, what_only_a_restart_changes_is_kept);
    tcase_add_test(tests, every_key_has_its_class);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
