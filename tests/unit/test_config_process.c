/* `process { }` and `resources { }`: every key at its bounds and beyond. */
#include "config_rig.h"

#include "config/values.h"

#include <sched.h>

static void parse(enum schema_key key, const char *text, struct service_config *service,
                  char printed[64], int expected)
{
    char error[VALUE_ERROR_SIZE] = "";
    int result = value_parse(schema_row(key), text, service, error);
    FILE *file;

    ck_assert_msg((result < 0) == (expected < 0), "%s: %d %s", text, result, error);
    if (result < 0) {
        ck_assert_msg(strncmp(error, "found \"", 7) == 0 && strstr(error, "or inherit"), "%s",
                      error);
        return;
    }
    file = fmemopen(printed, 64, "w");
    ck_assert_ptr_nonnull(file);
    value_print(schema_row(key), service, file);
    ck_assert_int_eq(fclose(file), 0);
}

#define NOFILE (KEY_RESOURCE_FIRST + RESOURCE_NOFILE)
#define CPU (KEY_RESOURCE_FIRST + RESOURCE_CPU)
#define STACK (KEY_RESOURCE_FIRST + RESOURCE_STACK)

static const struct {
    int key;
    const char *text;
    const char *printed; /* NULL: refused */
} values[] = {
    {KEY_UMASK, "inherit", "inherit"},
    {KEY_UMASK, "0", "0000"},
    {KEY_UMASK, "0777", "0777"},
    {KEY_UMASK, "1000", NULL},
    {KEY_UMASK, "028", NULL},
    {KEY_UMASK, "-1", NULL},
    {KEY_UMASK, "", NULL},
    {KEY_NICE, "-20", "-20"},
    {KEY_NICE, "0", "0"},
    {KEY_NICE, "19", "19"},
    {KEY_NICE, "inherit", "inherit"},
    {KEY_NICE, "-21", NULL},
    {KEY_NICE, "20", NULL},
    {KEY_NICE, "+1", NULL},
    {KEY_NICE, "--1", NULL},
    {KEY_NICE, "-", NULL},
    {NOFILE, "1", "1"},
    {NOFILE, "infinity", "infinity"},
    {NOFILE, "inherit", "inherit"},
    {NOFILE, "9223372036854775", "9223372036854775"},
    {NOFILE, "9223372036854776", NULL},
    {NOFILE, "99999999999999999999999", NULL},
    {NOFILE, "0", NULL},
    {NOFILE, "-1", NULL},
    {NOFILE, "1KiB", NULL},
    {NOFILE, "unlimited", NULL},
    {CPU, "1s", "1s"},
    {CPU, "1ms", "1s"},
    {CPU, "1001ms", "2s"},
    {CPU, "1h", "1h"},
    {CPU, "infinity", "infinity"},
    {CPU, "0s", NULL},
    {CPU, "5", NULL},
    {STACK, "0", "0"},
    {STACK, "8MiB", "8MiB"},
    {STACK, "infinity", "infinity"},
    {STACK, "8 MiB", NULL},
};

START_TEST(values_have_bounds)
{
    struct service_config service = {0};
    char text[64] = "";

    parse((enum schema_key)values[_i].key, values[_i].text, &service, text,
          values[_i].printed ? 0 : -1);
    if (values[_i].printed)
        ck_assert_str_eq(text, values[_i].printed);
}
END_TEST

/* A later word takes back what an earlier one said. */
START_TEST(inherit_is_nothing)
{
    struct service_config service = {0};
    char text[64];

    parse(KEY_NICE, "7", &service, text, 0);
    ck_assert(service.process.nice.given && service.process.nice.value == 7);
    parse(KEY_NICE, "inherit", &service, text, 0);
    ck_assert(!service.process.nice.given);
}
END_TEST

START_TEST(all_of_it_is_written_and_read)
{
    struct config *config;

    write_file("c",
               "service a { listen = unix:@a handler { builtin = echo }\n"
               "process { directory = /tmp umask = 077 nice = -3 scheduling = batch pin = yes }\n"
               "resources { as = 1GiB core = 0 cpu = 30s fsize = infinity nofile = 64\n"
               "    nproc = 12 stack = 8MiB } }\n");
    config = load_good("c");
    ck_assert_str_eq(config->services[0].process.directory, "/tmp");
    ck_assert_int_eq(config->services[0].process.umask.value, 077);
    ck_assert_int_eq(config->services[0].process.nice.value, -3);
    ck_assert_int_eq(config->services[0].process.scheduling, SCHED_BATCH);
    ck_assert(config->services[0].process.pin);
    ck_assert_int_eq(config->services[0].process.resources[RESOURCE_AS].value, 1 << 30);
    ck_assert_int_eq(config->services[0].process.resources[RESOURCE_CPU].value, 30);
    ck_assert_int_eq(config->services[0].process.resources[RESOURCE_FSIZE].value, CONFIG_INFINITY);
    ck_assert_int_eq(config->services[0].process.resources[RESOURCE_NPROC].value, 12);
    check_round_trip(config);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config process");
    TCase *process = tcase_create("process");

    tcase_add_checked_fixture(process, rig_setup, rig_teardown);
    tcase_add_loop_test(process, values_have_bounds, 0, sizeof(values) / sizeof(values[0]));
    tcase_add_test(process, inherit_is_nothing);
    tcase_add_test(process, all_of_it_is_written_and_read);
    suite_add_tcase(suite, process);
    return unit_run(suite);
}
