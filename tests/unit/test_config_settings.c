/* Sections whose keys are free, and what is made of them on a command line. */
#include "config_rig.h"

#define SERVICE(settings) "service a { listen = unix:@a handler { builtin = echo }\n" settings "}\n"

static const struct config_settings *settings_of(const struct config *config, const char *service)
{
    return &config_find_service(config, service)->environment;
}

START_TEST(values_are_any_text)
{
    struct config *config;

    setenv("SETTINGS_TEST", "from outside", 1);
    write_file("c", SERVICE("environment { A = 1 B_2 = \"x \\\"y\\\" \\\\ \\${Z}\\n$\"\n"
                            "  \"C.c\" = \"${SETTINGS_TEST}\" D = 'a=b' E = \"\"\n"
                            "  listen = 7 F = \"} G = 2\" # H = 3\n }\n"));
    config = load_good("c");
    ck_assert_uint_eq(settings_of(config, "a")->count, 7);
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "A"), "1");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "B_2"), "x \"y\" \\ ${Z}\n$");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "C.c"), "from outside");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "D"), "a=b");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "E"), "");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "listen"), "7");
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "F"), "} G = 2");
    ck_assert_ptr_null(config_find_setting(settings_of(config, "a"), "G"));
    check_round_trip(config);
}
END_TEST

/* libconfuse knows every name in every such section; each service has its own all the same. */
START_TEST(each_service_has_its_own)
{
    struct config *config;

    write_file(
        "c",
        SERVICE(
            "environment { A = 1 }") "service environment { listen = unix:@b environment { B = 2 A "
                                     "= 3 }\n"
                                     "    handler { builtin = echo } }\n"
                                     "service c { listen = unix:@c handler { builtin = echo } "
                                     "environment { } }\n"
                                     "service d { listen = unix:@d handler { builtin = echo } }\n");
    config = load_good("c");
    ck_assert_uint_eq(settings_of(config, "a")->count, 1);
    ck_assert_str_eq(config_find_setting(settings_of(config, "a"), "A"), "1");
    ck_assert_uint_eq(settings_of(config, "environment")->count, 2);
    ck_assert_str_eq(config_find_setting(settings_of(config, "environment"), "A"), "3");
    ck_assert_uint_eq(settings_of(config, "c")->count, 0);
    ck_assert_uint_eq(settings_of(config, "d")->count, 0);
    check_round_trip(config);
}
END_TEST

#define LONGEST                                                                                    \
    "N234567890123456789012345678901234567890123456789012345678901234"                             \
    "N234567890123456789012345678901234567890123456789012345678901234"
#define CUT                                                                                        \
    "N234567890123456789012345678901234567890123456789012345678901234"                             \
    "N23456789012345678901234"
#define ALLOWED "NAME=VALUE, a name being 1 to 128 of A-Z a-z 0-9 _ . -"

/* A section and a key of another one share the name. */
START_TEST(modules_have_settings)
{
    const struct config_settings *settings;
    struct config *config;

    write_file("c", "service module { listen = unix:@a module { module = 1 greeting = \"a b\" }\n"
                    "    handler { module = /x.so } environment { greeting = 3 } }\n"
                    "service b { listen = unix:@b handler { module = /y.so } module { } }\n");
    config = load_good("c");
    settings = &config_find_service(config, "module")->settings;
    ck_assert_uint_eq(settings->count, 2);
    ck_assert_str_eq(config_find_setting(settings, "module"), "1");
    ck_assert_str_eq(config_find_setting(settings, "greeting"), "a b");
    ck_assert_str_eq(config_find_service(config, "module")->handler.module, "/x.so");
    ck_assert_str_eq(config_find_setting(settings_of(config, "module"), "greeting"), "3");
    ck_assert_uint_eq(config_find_service(config, "b")->settings.count, 0);
    check_round_trip(config);
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {SERVICE("module { greeting = hi }"),
     "@/c:2: service \"a\": module: allowed only with a module"},
    {"service a { listen = unix:@a handler { module = /x.so }\n"
     "module { A = 1 A = 2 } }\n",
     "@/c:2: service \"a\": module: A given twice"},
    {SERVICE("module = /x.so"), "@/c:2: found no { after \"module\", allowed: NAME { ... }"},
    {SERVICE("environment { A = 1\n B = 2\n A = 3 }"),
     "@/c:4: service \"a\": environment: A given twice"},
    {SERVICE("environment { A = 1 }\nenvironment { B = 2 }"),
     "@/c:3: service \"a\": section environment given twice"},
    {SERVICE("environment { A = 1 \"\" = 2 }"),
     "@/c:2: environment: found \"\", allowed: " ALLOWED},
    {SERVICE("environment { \"A=B\" = 2 }"),
     "@/c:2: environment: found \"A=B\", allowed: " ALLOWED},
    {SERVICE("environment { \"\\x41\" = 2 }"), NULL},
    {SERVICE("environment { A }"), "@/c:2: found no = after \"A\", allowed: NAME = VALUE"},
    {SERVICE("environment = A"), "@/c:2: found no { after \"environment\", allowed: NAME { ... }"},
    {SERVICE("environment { A = { b } }"), NULL},
    {SERVICE("environment { A += b }"),
     "@/c:2: found += after \"A\", which has one value only, allowed: ="},
    {SERVICE("environment { A = 1 } environment { \"a|b\" = 2 }"),
     "@/c:2: environment: found \"a|b\", allowed: " ALLOWED},
    {SERVICE("environment { " LONGEST " = 1\n" LONGEST "x = 2 }"),
     "@/c:3: environment: found \"" CUT "...\", allowed: " ALLOWED},
    {"environment { A = 1 }\n", NULL},
    {"A = 1\n" SERVICE("environment { A = 1 }"), NULL},
    {SERVICE("A = 1 environment { A = 1 }"), NULL},
    {SERVICE("environment|A = 1 environment { A = 1 }"), NULL},
};

START_TEST(what_is_wrong_is_told)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    write_file("c", wrong[_i].text);
    if (wrong[_i].error) {
        expect_error(wrong[_i].error);
        return;
    }
    ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
    ck_assert_str_ne(error, "");
}
END_TEST

/* A file with COUNT names. */
static void write_many(unsigned count)
{
    char text[16384];
    size_t used = (size_t)snprintf(text, sizeof(text),
                                   "service a { listen = unix:@a\n"
                                   "handler { builtin = echo }\n"
                                   "environment {\n");

    for (unsigned i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "N%u = v\n", i);
    snprintf(text + used, sizeof(text) - used, "} }\n");
    write_file("c", text);
}

START_TEST(the_number_of_names_is_bounded)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    write_many(512);
    config = load_good("c");
    ck_assert_uint_eq(settings_of(config, "a")->count, 512);
    config_free(config);
    config = NULL;
    write_many(600);
    ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
    ck_assert_msg(strstr(error, "more than 512 names in such sections of one file") != NULL, "%s",
                  error);
}
END_TEST

/* argv may be written to. */
#define WORD(text) ((char[]){text})

START_TEST(options_are_settings)
{
    char *argv[] = {WORD("run"),   WORD("-lunix:@x"), WORD("--builtin=echo"),
                    WORD("--env"), WORD("A=b=c"),     WORD("--env=B=")};
    char *bad[] = {WORD("run"),       WORD("-lunix:@x"), WORD("--builtin=echo"),
                   WORD("--env=A=1"), WORD("--env=A=2"), WORD("--env"),
                   WORD("B")};
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    ck_assert_int_eq(config_from_arguments(6, argv, &config, NULL, NULL, error, sizeof(error)), 0);
    ck_assert_uint_eq(settings_of(config, "run")->count, 2);
    ck_assert_str_eq(config_find_setting(settings_of(config, "run"), "A"), "b=c");
    ck_assert_str_eq(config_find_setting(settings_of(config, "run"), "B"), "");
    check_round_trip(config);
    config = NULL;
    ck_assert_int_lt(config_from_arguments(7, bad, &config, NULL, NULL, error, sizeof(error)), 0);
    ck_assert_str_eq(error, "--env: A given twice\n--env: found \"B\", allowed: " ALLOWED);
}
END_TEST

START_TEST(modules_have_options)
{
    char *argv[] = {WORD("run"),   WORD("-lunix:@x"), WORD("--module=/x.so"),
                    WORD("--set"), WORD("A=b=c"),     WORD("--set=B=")};
    char *bad[] = {WORD("run"), WORD("-lunix:@x"), WORD("--builtin=echo"), WORD("--set=A=1")};
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    ck_assert_int_eq(config_from_arguments(6, argv, &config, NULL, NULL, error, sizeof(error)), 0);
    ck_assert_str_eq(config_find_setting(&config->services[0].settings, "A"), "b=c");
    ck_assert_str_eq(config_find_setting(&config->services[0].settings, "B"), "");
    check_round_trip(config);
    config = NULL;
    ck_assert_int_lt(config_from_arguments(4, bad, &config, NULL, NULL, error, sizeof(error)), 0);
    ck_assert_str_eq(error, "--set: allowed only with a module");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config settings");
    TCase *settings = tcase_create("settings");

    tcase_add_checked_fixture(settings, rig_setup, rig_teardown);
    tcase_add_test(settings, values_are_any_text);
    tcase_add_test(settings, each_service_has_its_own);
    tcase_add_test(settings, modules_have_settings);
    tcase_add_loop_test(settings, what_is_wrong_is_told, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(settings, the_number_of_names_is_bounded);
    tcase_add_test(settings, options_are_settings);
    tcase_add_test(settings, modules_have_options);
    suite_add_tcase(suite, settings);
    return unit_run(suite);
}
