/* What a service does with too many clients, and what it tells them. */
#include "config_rig.h"

/* A service that is right but for what is put into it; three lines of it come before BODY. */
#define SERVICE(body)                                                                              \
    "service echo {\n"                                                                             \
    "    listen = \"tcp:127.0.0.1:7000\"\n"                                                        \
    "    handler { builtin = echo }\n" body "\n}\n"

static const struct {
    const char *text;
    const char *error; /* "@": the folder */
} wrong[] = {
    {SERVICE("    overload = drop"),
     "@/c:4: service \"echo\": overload: found \"drop\", allowed: queue, reject"},
    {SERVICE("    overload = reject queue_timeout = off"),
     "@/c:4: service \"echo\": queue_timeout: found \"off\", allowed: a time such as 500ms, 30s, "
     "5m, "
     "1h"},
    {SERVICE("    overload = reject\n    busy_reply = 'a\\q'"),
     "@/c:5: service \"echo\": busy_reply: found \"a\\\\q\", allowed: at most 4096 bytes, with \\n "
     "\\r "
     "\\t \\0 \\\\ and \\xNN"},
    {SERVICE("    queue_timeout = 1s\n    busy_reply = later"),
     "@/c:4: service \"echo\": queue_timeout: allowed only with overload = reject\n"
     "@/c:5: service \"echo\": busy_reply: allowed only with overload = reject"},
    {SERVICE("    framing = line\n    overload = reject\n    busy_reply = \"not\\nnow\""),
     "@/c:6: service \"echo\": busy_reply: cannot be a reply in \"line\": unencodable, allowed: "
     "one "
     "that can"},
    {SERVICE("    reply_framing = fixed:4\n    overload = reject\n    busy_reply = busy!"),
     "@/c:6: service \"echo\": busy_reply: cannot be a reply in \"fixed:4\": oversize, allowed: "
     "one "
     "that can"},
    {SERVICE("    limits { max_reply = 3 }\n    overload = reject\n    busy_reply = busy"),
     "@/c:6: service \"echo\": busy_reply: cannot be a reply in \"u32be\": oversize, allowed: one "
     "that can"},
    {"service a { listen = unix:@a reply_framing = fixed:4\n"
     "handler { builtin = echo\nerror_reply = error } }",
     "@/c:3: service \"a\": handler.error_reply: cannot be a reply in \"fixed:4\": oversize, "
     "allowed: one that can"},
    {"service a { listen = unix:@a handler {\ncommand = {true} reply = none\nerror_reply = e } }",
     "@/c:3: service \"a\": handler.error_reply: allowed only with reply = yes"},
};
#define WRONG_COUNT (int)(sizeof(wrong) / sizeof(wrong[0]))

START_TEST(each_error_is_told_with_its_place)
{
    write_file("c", wrong[_i].text);
    expect_error(wrong[_i].error);
}
END_TEST

START_TEST(a_reply_is_not_without_bounds)
{
    static char text[8192] = "service a { listen = unix:@a handler { builtin = echo }\n"
                             "overload = reject busy_reply = \"";
    size_t length = strlen(text);
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    memset(text + length, 'x', 4096);
    strcpy(text + length + 4096, "\" }\n");
    write_file("c", text);
    config = load_good("c");
    ck_assert_uint_eq(config->services[0].overload.busy_length, 4 + 4096);
    config_free(config);
    strcpy(text + length + 4096, "x\" }\n");
    write_file("c", text);
    config = NULL;
    ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
    ck_assert_msg(strstr(error, "allowed: at most 4096 bytes"), "%s", error);
}
END_TEST

/* What rejected clients are sent: the service's greeting, and a reply as its framing has it. */
START_TEST(busy_replies_are_framed)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t length;
    } expected[] = {
        {"a", "\0\0\0\4bu\0y", 8}, {"b", "hello\r\nbusy\r\n", 13},
        {"c", "4:a\\b\n,", 7},     {"d", "", 0},
        {"e", "later\n", 6},
    };
    struct config *config;

    write_file(
        "c", "service a { listen = unix:@a handler { builtin = echo }\n"
             " overload = reject busy_reply = 'bu\\x00y' queue_timeout = 0s }\n"
             "service b { listen = unix:@b handler { builtin = echo }\n"
             " framing = \"crlf,greeting=hello\\\\r\\\\n\" overload = reject busy_reply = busy }\n"
             "service c { listen = unix:@c handler { builtin = echo }\n"
             " framing = netstring overload = reject busy_reply = \"a\\\\\\\\b\\n\" }\n"
             "service d { listen = unix:@d handler { builtin = echo } overload = reject }\n"
             "service e { listen = unix:@e handler { builtin = echo }\n"
             " reply_framing = line overload = reject busy_reply = later }\n");
    config = load_good("c");
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct overload_config *overload =
            &config_find_service(config, expected[i].name)->overload;

        ck_assert_int_eq(overload->mode, OVERLOAD_REJECT);
        ck_assert_uint_eq(overload->queue_timeout_ms, i == 0 ? 0 : 1000);
        ck_assert_uint_eq(overload->busy_length, expected[i].length);
        if (expected[i].length > 0)
            ck_assert_mem_eq(overload->busy, expected[i].bytes, expected[i].length);
    }
    check_round_trip(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config overload");
    TCase *tests = tcase_create("overload");

    tcase_add_checked_fixture(tests, rig_setup, rig_teardown);
    tcase_add_loop_test(tests, each_error_is_told_with_its_place, 0, WRONG_COUNT);
    tcase_add_test(tests, a_reply_is_not_without_bounds);
    tcase_add_test(tests, busy_replies_are_framed);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
