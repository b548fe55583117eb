/* What can be said of a program for each connection, and what it makes of the other keys. */
#include "config_rig.h"

/* A service that is right but for what is put into it; the handler is on line 3. */
#define SERVICE(handler, body)                                                                     \
    "service it {\n"                                                                               \
    "    listen = \"tcp:127.0.0.1:7000\"\n"                                                        \
    "    handler { command = cat per_connection = yes\n" handler "}\n" body "\n}\n"

#define ITS_OWN                                                                                    \
    "allowed only without per_connection, whose programs have the connection to themselves"

static const struct {
    const char *text;
    const char *error; /* "@": the folder */
} wrong[] = {
    {"service it { listen = unix:@x handler { builtin = echo per_connection = yes } }\n",
     "@/c:1: service \"it\": handler.per_connection: allowed only with a command"},
    {SERVICE("codec = frame\nreply = yes\nwindow = 3\nsettle = 1s\nunbuffer = pty", ""),
     "@/c:4: service \"it\": handler.codec: " ITS_OWN "\n"
     "@/c:5: service \"it\": handler.reply: " ITS_OWN "\n"
     "@/c:6: service \"it\": handler.window: " ITS_OWN "\n"
     "@/c:7: service \"it\": handler.settle: " ITS_OWN "\n"
     "@/c:8: service \"it\": handler.unbuffer: found pty, allowed with per_connection: no, stdbuf"},
    {SERVICE("", "framing = line\nreply_framing = raw\nlog_messages = yes\n"
                 "limits { max_message = 1KiB\nmax_reply = 1KiB }"),
     "@/c:5: service \"it\": framing: " ITS_OWN "\n"
     "@/c:6: service \"it\": reply_framing: " ITS_OWN "\n"
     "@/c:7: service \"it\": log_messages: " ITS_OWN "\n"
     "@/c:8: service \"it\": limits.max_message: " ITS_OWN "\n"
     "@/c:9: service \"it\": limits.max_reply: " ITS_OWN},
    {SERVICE("probe = x\nprobe_reply = y", "deadlines { idle = off\nframe = off\nwrite = off }"),
     "@/c:4: service \"it\": handler.probe: " ITS_OWN "\n"
     "@/c:5: service \"it\": handler.probe_reply: " ITS_OWN "\n"
     "@/c:6: service \"it\": deadlines.idle: " ITS_OWN "\n"
     "@/c:7: service \"it\": deadlines.frame: " ITS_OWN "\n"
     "@/c:8: service \"it\": deadlines.write: " ITS_OWN},
};
#define WRONG_COUNT (int)(sizeof(wrong) / sizeof(wrong[0]))

START_TEST(each_error_is_told_with_its_place)
{
    write_file("c", wrong[_i].text);
    expect_error(wrong[_i].error);
}
END_TEST

/* So that the master does not take a long session for a worker that hangs. */
START_TEST(a_connection_may_take_for_ever_unless_told)
{
    struct config *config;

    write_file("c", SERVICE("", ""));
    config = load_good("c");
    ck_assert_uint_eq(config->services[0].deadlines.request_ms, 0);
    config_free(config);
    write_file("c", SERVICE("", "deadlines { request = 5s }"));
    config = load_good("c");
    ck_assert_uint_eq(config->services[0].deadlines.request_ms, 5000);
    config_free(config);
    write_file("c", "service it { listen = unix:@x handler { command = cat } }\n");
    config = load_good("c");
    ck_assert_uint_eq(config->services[0].deadlines.request_ms, 30000);
    config_free(config);
}
END_TEST

START_TEST(who_is_rejected_gets_the_bare_bytes)
{
    struct config *config;

    write_file("c", SERVICE("", "overload = reject busy_reply = 'later\\n'"));
    config = load_good("c");
    ck_assert_uint_eq(config->services[0].overload.busy_length, 6);
    ck_assert_mem_eq(config->services[0].overload.busy, "later\n", 6);
    config_free(config);
}
END_TEST

START_TEST(what_is_printed_reads_back)
{
    write_file("c", SERVICE("unbuffer = stdbuf", "deadlines { request = 5s }\n") /* and without */
               "service other { listen = unix:@y handler { command = cat per_connection = yes } }");
    check_round_trip(load_good("c"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config per_connection");
    TCase *keys = tcase_create("keys");

    tcase_add_checked_fixture(keys, rig_setup, rig_teardown);
    tcase_add_loop_test(keys, each_error_is_told_with_its_place, 0, WRONG_COUNT);
    tcase_add_test(keys, a_connection_may_take_for_ever_unless_told);
    tcase_add_test(keys, who_is_rejected_gets_the_bare_bytes);
    tcase_add_test(keys, what_is_printed_reads_back);
    suite_add_tcase(suite, keys);
    return unit_run(suite);
}
