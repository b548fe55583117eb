/* The configuration: files that are right, and what is printed of them. */
#include "config_rig.h"

#include <errno.h>
#include <syslog.h>

#define ECHO "handler { builtin = echo }"

START_TEST(defaults_are_those_of_the_schema)
{
    struct config *config;
    const struct service_config *service;

    write_file("c", "service a { listen = tcp:127.0.0.1:0 " ECHO " }\n");
    config = load_good("c");
    ck_assert_str_eq(config->file, path_of("c"));
    ck_assert_ptr_null(config->user);
    ck_assert_ptr_null(config->group);
    ck_assert_ptr_null(config->pid_file);
    ck_assert_str_eq(config->control, "unix:/run/framed/control.sock,mode=0600");
    ck_assert_int_eq(config->log_target, LOG_TARGET_STDERR);
    ck_assert_int_eq(config->log_format, LOG_FORMAT_TEXT);
    ck_assert_int_eq(config->log_level, LOG_INFO);
    ck_assert_uint_eq(config->service_count, 1);
    service = &config->services[0];
    ck_assert_str_eq(service->file, path_of("c"));
    ck_assert_uint_eq(service->line, 1);
    ck_assert_str_eq(service->framing_name, "u32be");
    ck_assert_uint_eq(framed_framing_max(service->framing), 1 << 20);
    ck_assert_uint_eq(framed_framing_max(service->reply_framing), 16 << 20);
    ck_assert_uint_eq(service->workers.max, 4);
    ck_assert_uint_eq(service->limits.backlog, 511);
    ck_assert_uint_eq(service->deadlines.idle_ms, 60000);
    ck_assert_uint_eq(service->deadlines.frame_ms, 10000);
    ck_assert_uint_eq(service->deadlines.request_ms, 30000);
    ck_assert_uint_eq(service->deadlines.write_ms, 30000);
    ck_assert_uint_eq(service->deadlines.start_ms, 10000);
    ck_assert_uint_eq(service->deadlines.drain_ms, 30000);
    ck_assert_uint_eq(service->deadlines.linger_ms, 1000);
    ck_assert(!service->log_messages);
    check_round_trip(config);
}
END_TEST

static const char all_keys[] =
    "user = daemon\ngroup = nogroup\ncontrol = off\npid_file = /run/x.pid\n"
    "log = \"file:/var/log/x\"\nlog_format = json\nlog_level = debug\n"
    "service a.b-c_9 {\n"
    "  listen = {\"tcp:[::1]:7\", # one\n /* two */ 'unix:/x,mode=0600'}\n"
    "  listen += unix:@y // three\n"
    "  framing = netstring log_messages = on\n"
    "  handler { command = {'a', \"\", \"b c\"} codec = frame settle = off }\n"
    "  workers { max = 1024 }\n"
    "  limits { max_message = 10 max_reply = 1GiB backlog = 1 }\n"
    "  deadlines { idle = off frame = off request = off write = off\n"
    "              start = 1ms drain = 500h linger = 1h }\n"
    "}\n";

START_TEST(every_key_is_read)
{
    struct config *config;
    const struct service_config *service;

    write_file("c", all_keys);
    config = load_good("c");
    ck_assert_str_eq(config->user, "daemon");
    ck_assert_str_eq(config->group, "nogroup");
    ck_assert_ptr_null(config->control);
    ck_assert_str_eq(config->pid_file, "/run/x.pid");
    ck_assert_int_eq(config->log_target, LOG_TARGET_FILE);
    ck_assert_str_eq(config->log_file, "/var/log/x");
    ck_assert_int_eq(config->log_format, LOG_FORMAT_JSON);
    ck_assert_int_eq(config->log_level, LOG_DEBUG);
    service = config_find_service(config, "a.b-c_9");
    ck_assert_ptr_nonnull(service);
    ck_assert_ptr_null(config_find_service(config, "a"));
    ck_assert_uint_eq(service->line, 8);
    ck_assert_uint_eq(service->listen_count, 3);
    ck_assert_str_eq(service->listen[1].text, "unix:/x,mode=0600");
    ck_assert_uint_eq(service->listen[1].address.mode, 0600);
    ck_assert_str_eq(service->listen[2].address.path, "y");
    ck_assert_int_eq(service->handler.type, HANDLER_COMMAND);
    ck_assert_str_eq(service->handler.command[0], "a");
    ck_assert_str_eq(service->handler.command[1], "");
    ck_assert_str_eq(service->handler.command[2], "b c");
    ck_assert_ptr_null(service->handler.command[3]);
    ck_assert_int_eq(service->handler.codec, CODEC_FRAME);
    ck_assert_uint_eq(service->handler.settle_ms, 0);
    ck_assert(service->log_messages);
    ck_assert_uint_eq(service->workers.max, 1024);
    ck_assert_uint_eq(framed_framing_max(service->framing), 10);
    ck_assert_uint_eq(framed_framing_max(service->reply_framing), 1 << 30);
    ck_assert_uint_eq(service->limits.backlog, 1);
    ck_assert_uint_eq(service->deadlines.idle_ms, 0);
    ck_assert_uint_eq(service->deadlines.write_ms, 0);
    ck_assert_uint_eq(service->deadlines.start_ms, 1);
    ck_assert_uint_eq(service->deadlines.drain_ms, UINT64_C(500) * 3600000);
    check_round_trip(config);
}
END_TEST

START_TEST(handlers_have_their_kind)
{
    struct config *config;

    write_file("c", "control = \"\"\nlog = syslog\n"
                    "service e { listen = unix:@e handler { builtin = discard } }\n"
                    "service m { listen = unix:@m handler { module = /x.so } }\n"
                    "service c { listen = unix:@c handler { command = cat } }\n");
    config = load_good("c");
    ck_assert_ptr_null(config->control);
    ck_assert_int_eq(config->log_target, LOG_TARGET_SYSLOG);
    ck_assert_int_eq(config->services[0].handler.type, HANDLER_BUILTIN);
    ck_assert_int_eq(config->services[0].handler.builtin, BUILTIN_DISCARD);
    ck_assert_int_eq(config->services[1].handler.type, HANDLER_MODULE);
    ck_assert_str_eq(config->services[1].handler.module, "/x.so");
    ck_assert_int_eq(config->services[2].handler.type, HANDLER_COMMAND);
    ck_assert_int_eq(config->services[2].handler.codec, CODEC_LINE);
    ck_assert_uint_eq(config->services[2].handler.settle_ms, 200);
    ck_assert_str_eq(config_handler_type_name(HANDLER_MODULE), "module");
    ck_assert_str_eq(config_codec_name(CODEC_FRAME), "frame");
    check_round_trip(config);
}
END_TEST

START_TEST(pools_have_their_mode)
{
    const struct workers_config *workers;
    struct config *config;

    write_file("c",
               "service a { listen = unix:@a " ECHO " workers { mode = dynamic min = 2 max = 9\n"
               "spare_min = 3 spare_max = 5 max_requests = 1000 } }\n"
               "service b { listen = unix:@b " ECHO " workers { mode = ondemand max = 8\n"
               "idle_exit = 7s connections = 64 max_lifetime = 1h max_rss = 64MiB } }\n");
    config = load_good("c");
    workers = &config->services[0].workers;
    ck_assert_int_eq(workers->mode, WORKERS_DYNAMIC);
    ck_assert_uint_eq(workers->min, 2);
    ck_assert_uint_eq(workers->max, 9);
    ck_assert_uint_eq(workers->spare_min, 3);
    ck_assert_uint_eq(workers->spare_max, 5);
    ck_assert_uint_eq(workers->max_requests, 1000);
    ck_assert_uint_eq(workers->connections, 100);
    workers = &config->services[1].workers;
    ck_assert_int_eq(workers->mode, WORKERS_ONDEMAND);
    ck_assert_uint_eq(workers->idle_exit_ms, 7000);
    ck_assert_uint_eq(workers->connections, 64);
    ck_assert_uint_eq(workers->max_requests, 0);
    ck_assert_uint_eq(workers->max_lifetime_ms, 3600000);
    ck_assert_uint_eq(workers->max_rss, 64 << 20);
    check_round_trip(config);
}
END_TEST

START_TEST(the_environment_is_put_in)
{
    struct config *config;

    ck_assert_int_eq(setenv("FRAMED_TEST", "unix:@e", 1), 0);
    ck_assert_int_eq(unsetenv("FRAMED_NONE"), 0);
    write_file("c", "service e { listen = {\"${FRAMED_TEST}\", \"${FRAMED_NONE:-unix:@f}\",\n"
                    "'unix:@${FRAMED_TEST}', \"unix:@\\${g}\"} " ECHO " }\n");
    config = load_good("c");
    ck_assert_str_eq(config->services[0].listen[0].text, "unix:@e");
    ck_assert_str_eq(config->services[0].listen[1].text, "unix:@f");
    ck_assert_str_eq(config->services[0].listen[2].text, "unix:@${FRAMED_TEST}");
    ck_assert_str_eq(config->services[0].listen[3].text, "unix:@${g}");
    check_round_trip(config);
}
END_TEST

START_TEST(files_are_included_in_order)
{
    struct config *config;

    write_file("c", "include(\"d[1]/*.conf\")\ninclude('none/*.conf') include(\"*.none\")\n"
                    "service own { listen = unix:@0 " ECHO " }\n");
    ck_assert_int_eq(mkdir(path_of("d1"), 0700), 0);
    write_file("d1/b.conf", "service b { listen = unix:@b " ECHO " }\n");
    write_file("d1/a.conf", "include(\"../more\")\nservice a { listen = unix:@a " ECHO " }\n");
    write_file("d1/c.conf", "");
    write_file("d1/.hidden.conf", "wrong");
    write_file("d1/d.conf~", "wrong");
    write_file("more", "user = daemon\nservice more { listen = unix:@m " ECHO " }\n");
    config = load_good("c");
    ck_assert_uint_eq(config->service_count, 4);
    ck_assert_str_eq(config->services[0].name, "own");
    ck_assert_str_eq(config->services[1].name, "a");
    ck_assert_str_eq(config->services[2].name, "more");
    ck_assert_str_eq(config->services[3].name, "b");
    ck_assert_str_eq(config->services[3].file, path_of("d1/b.conf"));
    ck_assert_uint_eq(config->services[1].line, 2);
    ck_assert_str_eq(config->user, "daemon");
    check_round_trip(config);
}
END_TEST

/* A folder whose own name is a pattern is still that folder. */
START_TEST(a_pattern_begins_behind_the_folder)
{
    struct config *config;

    ck_assert_int_eq(mkdir(path_of("[x]*"), 0700), 0);
    write_file("[x]*/c", "include(\"*.conf\")");
    write_file("[x]*/a.conf", "service a { listen = unix:@a " ECHO " }\n");
    config = load_good("[x]*/c");
    ck_assert_uint_eq(config->service_count, 1);
    config_free(config);
}
END_TEST

START_TEST(files_that_handlers_need)
{
    char error[CONFIG_ERROR_SIZE];
    char wanted[2 * CONFIG_ERROR_SIZE];
    struct config *config;

    write_file("plain", "");
    write_file("c", "service a { listen = unix:@a\n handler { module = /nowhere.so } }\n"
                    "service b { listen = unix:@b handler { command = no-such-program-here } }\n"
                    "service c { listen = unix:@c handler { command = sh } }\n"
                    "service d { listen = unix:@d handler { command = /etc } }\n"
                    "service e { listen = unix:@e handler { command = /etc/passwd } }\n"
                    "service f { listen = unix:@f handler { module = /etc/passwd } }\n"
                    "service g { listen = unix:@g " ECHO " }\n");
    config = load_good("c");
    setenv("PATH", "/usr/bin:/bin", 1);
    ck_assert_int_eq(config_check_files(config, error, sizeof(error)), -ENOENT);
    snprintf(wanted, sizeof(wanted),
             "%s/c:1: service \"a\": handler.module: found \"/nowhere.so\": No such file or "
             "directory, allowed: a shared object\n"
             "%s/c:3: service \"b\": handler.command: found \"no-such-program-here\": it is in no "
             "folder of PATH (%s), allowed: a program that can be run\n"
             "%s/c:5: service \"d\": handler.command: found \"/etc\": it is a folder, allowed: a "
             "program that can be run\n"
             "%s/c:6: service \"e\": handler.command: found \"/etc/passwd\": it has no execute "
             "permission (mode 0644): chmod +x, allowed: a program that can be run",
             folder, folder, getenv("PATH"), folder, folder);
    ck_assert_str_eq(error, wanted);
    config_free(config);
}
END_TEST

START_TEST(one_string_is_no_command_line)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    write_file("c", "service a { listen = unix:@a handler { command = \"sh -c true\" } }\n");
    config = load_good("c");
    ck_assert_int_eq(config_check_files(config, error, sizeof(error)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "its arguments as words of their own"));
    config_free(config);
}
END_TEST

START_TEST(a_byte_order_mark_is_not_seen)
{
    struct config *config;

    write_file("c", "\xef\xbb\xbfservice a { listen = unix:@a " ECHO " }\n");
    config = load_good("c");
    ck_assert_str_eq(config->services[0].name, "a");
    config_free(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *files = tcase_create("files");

    tcase_add_checked_fixture(files, rig_setup, rig_teardown);
    tcase_add_test(files, defaults_are_those_of_the_schema);
    tcase_add_test(files, every_key_is_read);
    tcase_add_test(files, handlers_have_their_kind);
    tcase_add_test(files, pools_have_their_mode);
    tcase_add_test(files, the_environment_is_put_in);
    tcase_add_test(files, files_are_included_in_order);
    tcase_add_test(files, a_pattern_begins_behind_the_folder);
    tcase_add_test(files, files_that_handlers_need);
    tcase_add_test(files, one_string_is_no_command_line);
    tcase_add_test(files, a_byte_order_mark_is_not_seen);
    suite_add_tcase(suite, files);
    return unit_run(suite);
}
