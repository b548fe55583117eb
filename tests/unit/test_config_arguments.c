/* The command line of `framed run`: every option, every way to get it wrong, and what it prints. */
#include "config_rig.h"

#include <errno.h>
#include <syslog.h>

/* `framed run` with the words of WORDS, up to NULL. */
static int run(const char *const *words, struct config **config, char *error)
{
    char *argv[32] = {strdup("run")};
    bool print = true;
    bool help = true;
    int argc = 1;
    int result;

    while (words[argc - 1]) {
        argv[argc] = strdup(words[argc - 1]);
        argc++;
    }
    error[0] = '\0';
    *config = NULL;
    result = config_from_arguments(argc, argv, config, &print, &help, error, CONFIG_ERROR_SIZE);
    ck_assert(!print && !help);
    while (argc > 0)
        free(argv[--argc]);
    return result;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(arguments_make_a_service)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config;
    const struct service_config *service;

    ck_assert_msg(
        run(WORDS("-l", "tcp:127.0.0.1:0", "-lunix:@x", "--listen=unix:@y", "-w", "2", "-Fline",
                  "--codec", "frame", "--max-message", "2MiB", "--idle=off", "--log-messages",
                  "--log-level=debug", "--control", "unix:/c", "--", "jq", "--", "-c", ""),
            &config, error) == 0,
        "%s", error);
    ck_assert_ptr_null(config->file);
    ck_assert_str_eq(config->control, "unix:/c");
    ck_assert_int_eq(config->log_level, LOG_DEBUG);
    service = config_find_service(config, "run");
    ck_assert_ptr_nonnull(service);
    ck_assert_ptr_null(service->file);
    ck_assert_uint_eq(service->listen_count, 3);
    ck_assert_uint_eq(service->workers.max, 2);
    ck_assert_str_eq(service->framing_name, "line");
    ck_assert_uint_eq(framed_framing_max(service->framing), 2 << 20);
    ck_assert_uint_eq(service->deadlines.idle_ms, 0);
    ck_assert(service->log_messages);
    ck_assert_int_eq(service->handler.codec, CODEC_FRAME);
    ck_assert_str_eq(service->handler.command[1], "--");
    ck_assert_str_eq(service->handler.command[3], "");
    ck_assert_ptr_null(service->handler.command[4]);
    check_round_trip(config);
    ck_assert_int_eq(run(WORDS("-l", "unix:@x", "--builtin", "echo"), &config, error), 0);
    ck_assert_ptr_null(config->control);
    check_round_trip(config);
}
END_TEST

/* Strings that a file must quote, as they come from a command line. */
START_TEST(strange_strings_survive_printing)
{
    static const char *const strange[] = {
        "\"",           "\\",       "\\\"", "'",          "${HOME}",     "$",
        "\n",           "a\tb\r\n", "#",    "// /* */",   "{a, b}",      " ",
        "\xc3\xa4\xe2", "\x01\x7f", "\\n",  "\\x41\\101", "\x1b[1m\x01!"};
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        char *text;
        struct config *again;

        ck_assert_int_eq(run(WORDS("-l", "unix:@x", "--user", strange[i], "--", "cmd", strange[i]),
                             &config, error),
                         0);
        text = printed(config);
        write_file("printed", text);
        free(text);
        again = load_good("printed");
        ck_assert_str_eq(again->user, strange[i]);
        ck_assert_str_eq(again->services[0].handler.command[1], strange[i]);
        config_free(again);
        check_round_trip(config);
    }
}
END_TEST

static const struct {
    const char *words[8];
    const char *error;
} wrong_arguments[] = {
    {{"-l", "unix:@x", "--builtin", "echo", "--idle", "5x"},
     "--idle: found \"5x\", allowed: a time such as 500ms, 30s, 5m, 1h, or off"},
    {{"--idel", "5s"},
     "unknown option \"--idel\"; did you mean \"--idle\"?\n"
     "found \"5s\", allowed: options, then -- and a command"},
    {{"--max_message=1"}, "unknown option \"--max_message\"; did you mean \"--max-message\"?"},
    {{"-x"}, "unknown option \"-x\"; `framed run --help` lists all"},
    {{"--command=cat"}, "unknown option \"--command\"; `framed run --help` lists all"},
    {{"--work", "4"},
     "unknown option \"--work\"; `framed run --help` lists all\n"
     "found \"4\", allowed: options, then -- and a command"},
    {{"-w", "0", "--framing"},
     "--workers: found \"0\", allowed: 1 to 1024\n"
     "--framing: nothing found, allowed: a framing such as u32be, "
     "line; `framed framings` lists all"},
    {{"--idle", "1s", "--idle=2s"}, "--idle: given twice"},
    {{"--help=yes"}, "--help: takes no value"},
    {{"-l", "unix:@x", "jq"}, "found \"jq\", allowed: options, then -- and a command"},
    {{"-l", "unix:@x"}, "no handler, allowed: one of --builtin, --module, -- COMMAND"},
    {{"-l", "unix:@x", "--"}, "no handler, allowed: one of --builtin, --module, -- COMMAND"},
    {{"--builtin", "echo"},
     "--listen: missing, allowed: tcp:HOST:PORT, unix:PATH, unix:@NAME, fd:NAME"},
    {{"-lunix:@x", "--builtin=echo", "--", "cat"},
     "--: there is a builtin already, allowed: one of builtin, module, command"},
    {{"-lunix:@x", "--builtin=echo", "--codec=line"}, "--codec: allowed only with a command"},
    {{"-lunix:@x", "--window=4", "--", "cat"}, "--window: allowed only with codec = record"},
    {{"-lunix:@x", "--codec=record", "--window=0", "--", "cat"},
     "--window: found \"0\", allowed: 1 to 1024"},
    {{"-lunix:@x", "--codec=record", "--batch=4", "--", "cat"},
     "--batch: allowed only with codec = line or frame; with record there is window"},
    {{"-lunix:@x", "--batch=1025", "--", "cat"}, "--batch: found \"1025\", allowed: 1 to 1024"},
    {{"-lunix:@x", "--codec=record", "--settle=1s", "--", "cat"},
     "--settle: allowed only with codec = line or frame; with record the program says READY"},
    {{"-lunix:@x", "--reply=no", "--", "cat"}, "--reply: found \"no\", allowed: yes, none"},
    {{"-lunix:@x", "--builtin=echo", "--spare-min=1"},
     "--spare-min: allowed only with mode = dynamic"},
    {{"-lunix:@x", "--builtin=echo", "-w2", "--workers-mode=dynamic", "--workers-min=3"},
     "--workers-min: min = 3 and max = 2, allowed: min up to max"},
    {{"-lunix:@x", "-lunix:@x", "--builtin=echo"},
     "--listen: found \"unix:@x\" a second time, service \"run\" has it"},
    {{"-lunix:@x", "--module=x.so"},
     "--module: found \"x.so\", allowed: a path that starts with /"},
};

START_TEST(wrong_arguments_are_told)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    ck_assert_int_eq(run(wrong_arguments[_i].words, &config, error), -EINVAL);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(error, wrong_arguments[_i].error);
}
END_TEST

START_TEST(help_and_print_are_told)
{
    char word[][16] = {"run", "--print-config", "-l", "unix:@x", "--builtin", "echo", "--help"};
    char *argv[] = {word[0], word[1], word[2], word[3], word[4], word[5], word[6]};
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;
    bool print = false;
    bool help = true;

    ck_assert_int_eq(config_from_arguments(6, argv, &config, &print, &help, error, sizeof(error)),
                     0);
    ck_assert(print && !help);
    config_free(config);
    config = NULL;
    ck_assert_int_eq(config_from_arguments(7, argv, &config, NULL, &help, error, sizeof(error)), 0);
    ck_assert(help);
    ck_assert_ptr_null(config);
}
END_TEST

START_TEST(the_command_must_be_there)
{
    char error[CONFIG_ERROR_SIZE];
    struct config *config;

    ck_assert_int_eq(run(WORDS("-lunix:@x", "--", "./nothing"), &config, error), 0);
    ck_assert_int_eq(config_check_files(config, error, sizeof(error)), -ENOENT);
    ck_assert_str_eq(error, "--: found \"./nothing\": there is no such file, allowed: a "
                            "program that can be run");
    config_free(config);
    ck_assert_int_eq(run(WORDS("-lunix:@x", "--", "cat"), &config, error), 0);
    ck_assert_int_eq(config_check_files(config, error, sizeof(error)), 0);
    config_free(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config arguments");
    TCase *arguments = tcase_create("arguments");

    tcase_add_checked_fixture(arguments, rig_setup, rig_teardown);
    tcase_add_test(arguments, arguments_make_a_service);
    tcase_add_test(arguments, strange_strings_survive_printing);
    tcase_add_loop_test(arguments, wrong_arguments_are_told, 0,
                        (int)(sizeof(wrong_arguments) / sizeof(wrong_arguments[0])));
    tcase_add_test(arguments, help_and_print_are_told);
    tcase_add_test(arguments, the_command_must_be_there);
    suite_add_tcase(suite, arguments);
    return unit_run(suite);
}
