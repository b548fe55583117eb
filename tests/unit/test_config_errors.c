/*
 * Every way a configuration can be wrong that we could think of: each is told with file, line, key,
 * what was found and what is allowed, and nothing of it is kept.
 */
#include "config_rig.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

/* A service that is right but for what is put into it; three lines of it come before BODY. */
#define SERVICE(body)                                                                              \
    "service echo {\n"                                                                             \
    "    listen = \"tcp:127.0.0.1:7000\"\n"                                                        \
    "    handler { builtin = echo }\n" body "\n}\n"
#define LISTENING(body) "service echo {\n    listen = tcp:127.0.0.1:7000\n" body "\n}\n"

#define TIME_OR_OFF "allowed: a time such as 500ms, 30s, 5m, 1h, or off"
#define SERVICE_KEYS                                                                               \
    "allowed: listen, framing, reply_framing, log_messages, overload, queue_timeout, busy_reply, " \
    "environment, module, handler, workers, limits, deadlines, process, resources"

static const struct {
    const char *text;
    const char *error; /* "@": the folder */
} wrong[] = {
    /* Values. */
    {SERVICE("    deadlines { idle = 5x }"),
     "@/c:4: service \"echo\": deadlines.idle: found \"5x\", " TIME_OR_OFF},
    {SERVICE("    deadlines {\n\n        start = off\n    }"),
     "@/c:6: service \"echo\": deadlines.start: found \"off\", allowed: a time such as 500ms, 30s, "
     "5m, 1h"},
    {SERVICE("    deadlines { idle = 0s }"),
     "@/c:4: service \"echo\": deadlines.idle: found \"0s\", allowed: 1ms to 500h, or off"},
    {SERVICE("    deadlines { drain = 501h }"),
     "@/c:4: service \"echo\": deadlines.drain: found \"501h\", allowed: 1ms to 500h"},
    {SERVICE("    limits { max_message = 2GiB }"),
     "@/c:4: service \"echo\": limits.max_message: found \"2GiB\", allowed: 1 to 1GiB"},
    {SERVICE("    limits { max_reply = 1M }"), "@/c:4: service \"echo\": limits.max_reply: found "
                                               "\"1M\", allowed: a size such as 4096, 64KiB, "
                                               "1MiB, 1GiB"},
    {SERVICE("    limits { backlog = 65536 }"),
     "@/c:4: service \"echo\": limits.backlog: found \"65536\", allowed: 1 to 65535"},
    {SERVICE("    workers { max = many }"),
     "@/c:4: service \"echo\": workers.max: found \"many\", allowed: a number from 1 to 1024"},
    {SERVICE("    workers { max = 99999999999999999999 }"),
     "@/c:4: service \"echo\": workers.max: found \"99999999999999999999\", allowed: 1 to 1024"},
    {SERVICE("    log_messages = perhaps"),
     "@/c:4: service \"echo\": log_messages: found \"perhaps\", allowed: yes, no"},
    {"log_level = loud\n" SERVICE(""),
     "@/c:1: log_level: found \"loud\", allowed: error, warning, notice, info, debug"},
    {"log = file:log\n" SERVICE(""),
     "@/c:1: log: found \"file:log\", allowed: stderr, syslog, file:/PATH"},
    {"pid_file = framed.pid\n" SERVICE(""),
     "@/c:1: pid_file: found \"framed.pid\", allowed: a path that starts with /"},
    {"control = tcp:127.0.0.1:1\n" SERVICE(""),
     "@/c:1: control: found \"tcp:127.0.0.1:1\", allowed: "
     "unix:PATH[,mode=0600][,user=NAME][,group=NAME], or off"},
    {SERVICE("    log_messages = \"a\\\"b\\\\\\n\\x01\""),
     "@/c:4: service \"echo\": log_messages: found \"a\\\"b\\\\\\x0a\\x01\", allowed: yes, no"},
    /* Names. */
    {SERVICE("    limits { max_mesage = 1MiB }"),
     "@/c:4: unknown key \"max_mesage\" in limits; did you mean \"max_message\"? allowed: "
     "max_message, max_reply, max_unread, max_connections, backlog"},
    {SERVICE("    idle = 5s"),
     "@/c:4: unknown key \"idle\" in service; its place is workers or deadlines; " SERVICE_KEYS},
    {"usr = x\n" SERVICE(""),
     "@/c:1: unknown key \"usr\" at the top level; did you mean \"user\"? allowed: user, group, "
     "control, pid_file, log, log_format, log_level, max_connections, framing, service, include"},
    {SERVICE("    something_else = 5s"),
     "@/c:4: unknown key \"something_else\" in service, " SERVICE_KEYS},
    {SERVICE("    include(\"x\")"),
     "@/c:4: unknown key \"include\" in service; its place is the top level; " SERVICE_KEYS},
    {SERVICE("    service inner { }"),
     "@/c:4: unknown key \"service\" in service; its place is the top level; " SERVICE_KEYS},
    {SERVICE("") "service|listen = \"tcp:127.0.0.1:1\"\n",
     "@/c:6: unknown key \"listen\" at the top level; its place is service; allowed: user, group, "
     "control, pid_file, log, log_format, log_level, max_connections, framing, service, include"},
    {SERVICE("") "service|handler { builtin = echo }\n",
     "@/c:6: unknown key \"handler\" at the top level; its place is service; allowed: user, group, "
     "control, pid_file, log, log_format, log_level, max_connections, framing, service, include"},
    {"service \"no blanks\" { listen = tcp:h:1 handler { builtin = echo } }\n",
     "@/c:1: service: found \"no blanks\", allowed: a name of 1 to 32 of A-Z a-z 0-9 _ . -"},
    {"service \"\" {\n listen = tcp:h:1 handler { builtin = echo } }\n",
     "@/c:1: service: found \"\", allowed: a name of 1 to 32 of A-Z a-z 0-9 _ . -"},
    /* Twice. */
    {SERVICE("    workers {\n        max = 1\n        max = 2\n    }"),
     "@/c:6: service \"echo\": workers.max: given twice, first at @/c:5"},
    {SERVICE("    listen = unix:@x"),
     "@/c:4: service \"echo\": listen: given twice, first at @/c:2"},
    {"user = a\n\nuser = b\n" SERVICE(""), "@/c:3: user: given twice, first at @/c:1"},
    {SERVICE("    handler { }"), "@/c:4: service \"echo\": section handler given twice"},
    {SERVICE("") SERVICE(""), "@/c:6: service \"echo\" given twice, first at @/c:1"},
    {SERVICE("") "service b {\n handler { builtin = echo }\n listen = {\n  unix:@x,\n  "
                 "tcp:127.0.0.1:7000 }\n}\n",
     "@/c:10: service \"b\": listen: found \"tcp:127.0.0.1:7000\" a second time, service \"echo\" "
     "has it"},
    {"service a {\n listen = {unix:@x, unix:@x} handler { builtin = echo } }\n",
     "@/c:2: service \"a\": listen: found \"unix:@x\" a second time, service \"a\" has it"},
    {"control = unix:/x\nservice a {\n listen = unix:/x handler { builtin = echo } }\n",
     "@/c:1: control: found \"unix:/x\", which service \"a\" has already"},
    /* Together. */
    {"", "@/c: no service, allowed: service NAME { ... }"},
    {"# nothing\n", "@/c: no service, allowed: service NAME { ... }"},
    {"\nservice a { }\n",
     "@/c:2: service \"a\": listen: missing, allowed: tcp:HOST:PORT, unix:PATH, unix:@NAME, "
     "fd:NAME\n"
     "@/c:2: service \"a\": handler: missing, allowed: one of builtin, module, command"},
    {LISTENING("    handler {\n        builtin = echo\n        command = cat\n    }"),
     "@/c:5: service \"echo\": handler.command: there is a builtin already, allowed: one of "
     "builtin, module, command"},
    {SERVICE("") "service b { listen = unix:@b handler { builtin = echo\n codec = frame\n settle = "
                 "1s } }\n",
     "@/c:7: service \"b\": handler.codec: allowed only with a command\n"
     "@/c:8: service \"b\": handler.settle: allowed only with a command"},
    {SERVICE("    workers {\n        min = 2\n        spare_min = 2\n        spare_max = 2\n"
             "        idle_exit = 2s\n    }"),
     "@/c:5: service \"echo\": workers.min: allowed only with mode = dynamic\n"
     "@/c:6: service \"echo\": workers.spare_min: allowed only with mode = dynamic\n"
     "@/c:7: service \"echo\": workers.spare_max: allowed only with mode = dynamic\n"
     "@/c:8: service \"echo\": workers.idle_exit: allowed only with mode = ondemand"},
    {SERVICE("    workers { mode = dynamic idle_exit = 1s }"),
     "@/c:4: service \"echo\": workers.idle_exit: allowed only with mode = ondemand"},
    {SERVICE("    workers { mode = ondemand min = 1 }"),
     "@/c:4: service \"echo\": workers.min: allowed only with mode = dynamic"},
    {SERVICE("    workers { mode = elastic }"),
     "@/c:4: service \"echo\": workers.mode: found \"elastic\", allowed: static, dynamic, "
     "ondemand"},
    {SERVICE("    workers {\n        mode = dynamic\n        min = 9\n        max = 8\n"
             "        spare_min = 7\n        spare_max = 6\n    }"),
     "@/c:6: service \"echo\": workers.min: min = 9 and max = 8, allowed: min up to max\n"
     "@/c:8: service \"echo\": workers.spare_min: spare_min = 7 and spare_max = 6, allowed: "
     "spare_min up to spare_max"},
    {SERVICE("    workers { mode = dynamic min = 5 }"),
     "@/c:4: service \"echo\": workers.min: min = 5 and max = 4, allowed: min up to max"},
    {SERVICE("    workers { max_requests = some max_lifetime = 0s max_rss = 1 }"),
     "@/c:4: service \"echo\": workers.max_requests: found \"some\", allowed: a number from 1 to "
     "1000000000, or off\n"
     "@/c:4: service \"echo\": workers.max_lifetime: found \"0s\", allowed: 1ms to 500h, or off\n"
     "@/c:4: service \"echo\": workers.max_rss: found \"1\", allowed: 1MiB to 1024GiB, or off"},
    {LISTENING("    handler { module = \"echo.so\" }"),
     "@/c:3: service \"echo\": handler.module: found \"echo.so\", allowed: a path that starts with "
     "/"},
    {LISTENING("    handler { module = \"\" }"),
     "@/c:3: service \"echo\": handler.module: found \"\", allowed: a path that starts with /"},
    {LISTENING("    handler { command = {\"\", x} }"),
     "@/c:3: service \"echo\": handler.command: found \"\", allowed: a program and its arguments"},
    {"service a { listen = unix:@a handler { builtin = echo } workers { max = 1024 } }\n"
     "service b { listen = unix:@b handler { builtin = echo } workers { max = 1024 } }\n"
     "service c { listen = unix:@c handler { builtin = echo } workers { max = 1024 } }\n"
     "service d { listen = unix:@d handler { builtin = echo } workers { max = 1024 } }\n"
     "service e { listen = unix:@e handler { builtin = echo } workers { max = 1 } }\n",
     "@/c: found 4097 workers in all services together, allowed: at most 4096"},
    /* Syntax. */
    {SERVICE("    workers = 4"), "@/c:4: found no { after \"workers\", allowed: NAME { ... }"},
    {SERVICE("    framing { line }"), "@/c:4: found no = after \"framing\", allowed: NAME = VALUE"},
    {"service { }\n",
     "@/c:1: found no name after \"service\", allowed: service NAME { ... }, framing NAME { ... }"},
    {"user += x\n" SERVICE(""),
     "@/c:1: found += after \"user\", which has one value only, allowed: ="},
    {SERVICE("") "}\n", "@/c:6: found \"}\", but no section is open"},
    {"service a {\n listen = unix:@a\n",
     "@/c:1: the { here has no closing }\n"
     "@/c:1: service \"a\": handler: missing, allowed: one of builtin, module, command"},
    {LISTENING("    handler {\n        builtin = echo\n    workers { max = 1 }"),
     "@/c:1: the { here has no closing }\n"
     "@/c:5: unknown key \"workers\" in handler; its place is service; allowed: builtin, module, "
     "command, per_connection, codec, reply, unbuffer, window, batch, settle, probe, probe_reply, "
     "error_reply"},
    {"\nuser = \"x${FRAMED_NONE}\"\n", "@/c:2: found \"${FRAMED_NONE}\", which the environment "
                                       "does not have, allowed: a name that it "
                                       "has, or ${NAME:-DEFAULT}"},
    {"user = ${FRAMED_NONE}\n", "@/c:1: found \"${FRAMED_NONE}\", which the environment does not "
                                "have, allowed: a name that it "
                                "has, or ${NAME:-DEFAULT}"},
    {"user =", "@/c:1: the file ends too early; is a closing brace or a value missing?"},
    {"user = = x\n", "@/c:1: found \"=\", which cannot stand here; is a value or a brace missing?"},
    {"user = \"x\n\n\nservice", "@/c:1: the string that begins here has no closing \""},
    {"\nuser = 'x\\'\n", "@/c:2: the string that begins here has no closing '"},
    {"user = \"x\\", "@/c:1: the string that begins here has no closing \""},
    {"user = x\n/* what\nis this", "@/c:2: the comment that begins here has no closing */"},
    {"service a {\n listen = tcp:*:7000 }\n",
     "@/c:2: found \"*\" outside of quotes; put the value in quotes"},
    {"pid_file = /run/\n", "@/c:1: found \"/\" outside of quotes; put the value in quotes"},
    {"user = a+b\n", "@/c:1: found \"+\" outside of quotes; put the value in quotes"},
    {"pid_file = /run//x\n",
     "@/c:1: found \"//\" within a value, which would be a comment; put the value in quotes"},
    {"\xff\xfe\x01\x02\n",
     "@/c:1: unknown key \"\xff\xfe\\x01\\x02\" at the top level, allowed: user, group, control, "
     "pid_file, log, log_format, log_level, max_connections, framing, service, include"},
    {"user = \"\\999\"\n", "@/c:1: bad escape sequence '\\\\999'"},
    /* Includes. */
    {"include = x\n", "@/c:1: found no ( after \"include\", allowed: include(\"FILE\")"},
    {"\ninclude()\n", "@/c:2: found no call as it must be, allowed: include(\"FILE\")"},
    {"include(\"a\" \"b\")\n", "@/c:1: found no call as it must be, allowed: include(\"FILE\")"},
    {"include(\"a\", \"b\")\n", "@/c:1: found no call as it must be, allowed: include(\"FILE\")"},
    {"include(\"a\"\n", "@/c:2: found no call as it must be, allowed: include(\"FILE\")"},
    {"include(a) )", "@/c:1: found no call as it must be, allowed: include(\"FILE\")"},
    {"\ninclude(\"gone\")\n" SERVICE(""), "@/c:2: include: @/gone: No such file or directory"},
    {"include(\"../../..\")\n" SERVICE(""),
     "@/c:1: include: @/../../..: found a directory, allowed: a file"},
    {"\n\ninclude(\"c\")\n" SERVICE(""), "@/c:3: include: \"@/c\" includes itself"},
};

START_TEST(each_error_is_told_with_its_place)
{
    write_file("c", wrong[_i].text);
    expect_error(wrong[_i].error);
}
END_TEST

START_TEST(all_errors_of_a_file_are_told)
{
    write_file("c",
               "log_format = xml\nservice a {\n listen = tcp:h:1\n handler { builtin = dance }\n"
               " workers {\n  max = 0\n }\n limits { backlog = x }\n}\n"
               "service a { }\n");
    expect_error("@/c:1: log_format: found \"xml\", allowed: text, json\n"
                 "@/c:4: service \"a\": handler.builtin: found \"dance\", allowed: echo, discard\n"
                 "@/c:6: service \"a\": workers.max: found \"0\", allowed: 1 to 1024\n"
                 "@/c:8: service \"a\": limits.backlog: found \"x\", allowed: a number from 1 to "
                 "65535\n"
                 "@/c:10: service \"a\" given twice, first at @/c:2");
}
END_TEST

START_TEST(errors_of_framing_and_address_are_passed_on)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    write_file("c", "service a {\n framing = u33\n listen = {unix:@a,\n udp:x}\n"
                    " handler { builtin = echo } }\n");
    ck_assert_int_eq(config_load(path_of("c"), &config, error, sizeof(error)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "c:2: service \"a\": framing: "));
    ck_assert_ptr_nonnull(strstr(error, "u33"));
    ck_assert_ptr_nonnull(strstr(error, "c:4: service \"a\": listen: "));
    ck_assert_ptr_nonnull(strstr(error, "udp:x"));
}
END_TEST

START_TEST(more_errors_than_fit_are_counted)
{
    char text[20000] = "";
    char error[CONFIG_ERROR_SIZE];
    struct config *config;
    unsigned shown = 1;
    char wanted[64];
    const char *tail;

    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "service s%d { listen = unix:@%d handler { builtin = no } }\n", i, i);
    write_file("c", text);
    for (size_t size = 0; size <= CONFIG_ERROR_SIZE; size += size < 64 ? 1 : 32) {
        memset(error, '!', sizeof(error));
        ck_assert_int_eq(config_load(path_of("c"), &config, error, size), -EINVAL);
        if (size > 0)
            ck_assert_uint_lt(strlen(error), size);
        if (size < sizeof(error))
            ck_assert_int_eq(error[size], '!');
    }
    tail = strrchr(error, '\n');
    for (const char *at = error; at < tail; at++)
        shown += *at == '\n';
    snprintf(wanted, sizeof(wanted), "\n... and %u more errors", 100 - shown);
    ck_assert_str_eq(tail, wanted);
}
END_TEST

START_TEST(files_that_cannot_be_read)
{
    char name[RIG_PATH_SIZE];

    expect_error("@/c: No such file or directory");
    ck_assert_int_eq(mkdir(path_of("c"), 0700), 0);
    expect_error("@/c: found a directory, allowed: a file");
    ck_assert_int_eq(rmdir(path_of("c")), 0);
    ck_assert_int_eq(mkfifo(path_of("c"), 0600), 0); /* nobody writes: open(2) must not wait */
    expect_error("@/c: found no regular file, which a reload could not read again");
    ck_assert_int_eq(unlink(path_of("c")), 0);
    write_bytes("c", "user = a\0b\n", 11);
    expect_error("@/c: found a NUL byte, allowed: text");
    write_file("c", "user = a\n");
    ck_assert_int_eq(truncate(path_of("c"), 5 << 20), 0);
    expect_error("@/c: found more than 4 MiB, which is no configuration");
    ck_assert_int_eq(unlink(path_of("c")), 0);
    snprintf(name, sizeof(name), "%s", path_of("c"));
    ck_assert_int_eq(symlink("c", name), 0);
    expect_error("@/c: Too many levels of symbolic links");
}
END_TEST

START_TEST(includes_are_bounded)
{
    char name[16];
    char text[64];

    write_file("c", "include(\"f1\")\n");
    for (int i = 1; i < 12; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        snprintf(text, sizeof(text), "\ninclude(\"f%d\")\n", i + 1);
        write_file(name, text);
    }
    expect_error("@/f8:2: include: \"@/f9\" is 9 files deep, allowed: 8");
    write_file("f3", "\n\ninclude(\"c\")");
    expect_error("@/f3:3: include: \"@/c\" includes itself");
    write_file("f1", "include(\"f2\") include(\"f2\") include(\"f2\") include(\"f2\")");
    for (int i = 2; i < 8; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        snprintf(text, sizeof(text), "%.0sinclude(\"f%d\") include(\"f%d\") include(\"f%d\")", name,
                 i + 1, i + 1, i + 1);
        write_file(name, text);
    }
    write_file("f8", "");
    expect_error("@/f7:1: include: found more than 1000, allowed: 1000");
}
END_TEST

START_TEST(errors_in_included_files_have_their_own_place)
{
    write_file("c", "user = a\ninclude(\"f*\")\n" SERVICE(""));
    write_file("f1", "\nuser = b\n");
    write_file("f2", SERVICE(""));
    write_file("f3", "service z {\n listen = tcp:127.0.0.1:7000\n}\n");
    expect_error(
        "@/f1:2: user: given twice, first at @/c:1\n"
        "@/f2:2: service \"echo\": listen: found \"tcp:127.0.0.1:7000\" a second time, "
        "service \"echo\" has it\n"
        "@/f2:1: service \"echo\" given twice, first at @/c:3\n"
        "@/f3:2: service \"z\": listen: found \"tcp:127.0.0.1:7000\" a second time, "
        "service \"echo\" has it\n"
        "@/f3:1: service \"z\": handler: missing, allowed: one of builtin, module, command");
}
END_TEST

/* Whatever is cut off from a good file: an error or a shorter good file, no crash, no leak. */
START_TEST(every_beginning_of_a_file_is_harmless)
{
    static const char text[] = "user = 'a' # b\ninclude(\"n*\") /* c */\n"
                               "service \"a\" { listen = {\"tcp:h:1\", unix:@x} // d\n"
                               "handler { command = {a, \"\\x41\\n${HOME}\"} settle = off } }\n";
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    for (size_t length = 0; length <= strlen(text); length++) {
        config = NULL;
        write_bytes("c", text, length);
        if (config_load(path_of("c"), &config, error, sizeof(error)) < 0) {
            ck_assert_ptr_null(config);
            ck_assert_ptr_nonnull(strstr(error, "/c:"));
        }
        config_free(config);
    }
    ck_assert_str_eq(error, "");
}
END_TEST

START_TEST(large_files_end)
{
    static const char *const lines[] = {"service ",     "service a {\n", "{{{{{{{{\n",
                                        "user = a\n",   "((\n",          "include(\"n*\")\n",
                                        "listen += x\n"};
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        FILE *file = fopen(path_of("c"), "w");

        ck_assert_ptr_nonnull(file);
        for (int line = 0; line < 100000; line++)
            fputs(lines[i], file);
        fclose(file);
        ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
        ck_assert_ptr_nonnull(strstr(error, "/c:"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config errors");
    TCase *errors = tcase_create("errors");

    tcase_add_checked_fixture(errors, rig_setup, rig_teardown);
    tcase_set_timeout(errors, 60);
    tcase_add_loop_test(errors, each_error_is_told_with_its_place, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(errors, all_errors_of_a_file_are_told);
    tcase_add_test(errors, errors_of_framing_and_address_are_passed_on);
    tcase_add_test(errors, more_errors_than_fit_are_counted);
    tcase_add_test(errors, files_that_cannot_be_read);
    tcase_add_test(errors, includes_are_bounded);
    tcase_add_test(errors, errors_in_included_files_have_their_own_place);
    tcase_add_test(errors, every_beginning_of_a_file_is_harmless);
    tcase_add_test(errors, large_files_end);
    suite_add_tcase(suite, errors);
    return unit_run(suite);
}
