/* Modules: their settings, their probe, and what is said of those that cannot be loaded. */
#include "handler_rig.h"

static struct config_setting settings[2];

static void use_module(const char *name)
{
    rig_helper(name);
    rig.service.handler.type = HANDLER_MODULE;
    rig.service.handler.module = rig.path;
    rig.service.settings = (struct config_settings){.all = settings};
}

static void give(char *name, char *value)
{
    ck_assert_uint_lt(rig.service.settings.count, 2);
    settings[rig.service.settings.count++] = (struct config_setting){name, value, 0};
}

/* A configuration owns its strings, so they are not constant. */
#define GIVE(name, value) give((char[]){name}, (char[]){value})

/* It did not start, and all WORDS say why. */
static void check_refused(const char *const *words)
{
    ck_assert_int_lt(rig_start(), 0);
    for (; *words; words++)
        ck_assert_msg(strstr(rig.error, *words) != NULL, "found: %s", rig.error);
    handler_free(rig.handler);
    rig.handler = NULL;
}

#define REFUSED(...) check_refused((const char *const[]){rig.path, __VA_ARGS__, NULL})

START_TEST(initial_values_are_the_modules)
{
    use_module("keyed.so");
    rig_must_start();
    ck_assert_int_eq(rig_ask("you"), HANDLER_OK);
    ck_assert_str_eq(rig_text(), "hello you of nowhere, 0 given");
}
END_TEST

START_TEST(given_values_replace_them)
{
    use_module("keyed.so");
    GIVE("place", "here");
    GIVE("greeting", "");
    rig_must_start();
    ck_assert_int_eq(rig_ask("you"), HANDLER_OK);
    ck_assert_str_eq(rig_text(), " you of here, 2 given");
}
END_TEST

START_TEST(unknown_setting_is_refused_with_the_nearest)
{
    use_module("keyed.so");
    GIVE("place", "here");
    GIVE("greting", "hi");
    REFUSED("found the setting \"greting\"; did you mean \"greeting\"?",
            "allowed: greeting, place, sick");
    rig.service.settings.count = 0;
    GIVE("far_from_all", "hi");
    REFUSED("found the setting \"far_from_all\", allowed: greeting, place, sick");
    use_module("good.so");
    GIVE("greeting", "hi");
    REFUSED("found the setting \"greeting\", allowed: none");
}
END_TEST

static const struct {
    const char *name;
    const char *value;
    const char *says; /* NULL: it is well */
} values[] = {
    {"times", "1", NULL},
    {"times", "9", NULL},
    {"times", "0", "times: found \"0\", allowed: a number from 1 to 9"},
    {"times", "10", "times: found \"10\", allowed: a number from 1 to 9"},
    {"times", "many", "times: found \"many\", allowed: a number from 1 to 9"},
    {"times", "", "times: found \"\", allowed: a number from 1 to 9"},
    {"room", "64KiB", NULL},
    {"room", "0", "room: found \"0\", allowed: a size from 1 on"},
    {"wait", "1h", NULL},
    {"wait", "0", "wait: found \"0\", allowed: a time such as 500ms, 30s, 5m"},
    {"loud", "yes", NULL},
    {"loud", "on", "loud: found \"on\", allowed: yes, no"},
};

START_TEST(values_are_of_their_type)
{
    use_module("keyed.so");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char name[16], value[16];

        snprintf(name, sizeof(name), "%s", values[i].name);
        snprintf(value, sizeof(value), "%s", values[i].value);
        rig.service.settings.count = 0;
        give(name, value);
        if (values[i].says) {
            REFUSED(values[i].says);
            continue;
        }
        rig_must_start();
        handler_free(rig_stopped());
    }
}
END_TEST

START_TEST(numbers_are_read)
{
    use_module("keyed.so");
    rig_must_start();
    ck_assert_int_eq(rig_ask("numbers"), HANDLER_OK);
    ck_assert_str_eq(rig_text(), "3 1024 0 0 0");
    handler_free(rig_stopped());
    GIVE("wait", "5m");
    GIVE("loud", "yes");
    rig_must_start();
    ck_assert_int_eq(rig_ask("numbers"), HANDLER_OK);
    ck_assert_str_eq(rig_text(), "3 1024 300000 1 0");
}
END_TEST

START_TEST(initial_value_of_no_sense_is_the_modules_fault)
{
    use_module("unset.so");
    REFUSED("times: found \"none\", allowed: a number from 1 to 9");
}
END_TEST

START_TEST(probe_comes_after_init_and_its_reason_is_told)
{
    use_module("keyed.so");
    GIVE("sick", "the sea");
    REFUSED(": probe: sick of the sea");
    ck_assert_logged("text=probed");
    ck_assert_logged("text=ended");
    rig.service.settings.count = 0;
    GIVE("sick", "silent");
    REFUSED(": probe: Device or resource busy");
}
END_TEST

START_TEST(both_probes_must_be_passed)
{
    char question[] = "you";
    char answer[] = "hi";

    use_module("keyed.so");
    rig.service.handler.probe = (struct config_bytes){question, 3};
    rig_must_start();
    ck_assert_logged("text=probed");
    rig.handler->ops->stop(rig.handler, 0);
    handler_free(rig.handler);
    rig.service.handler.probe_reply = (struct config_bytes){answer, 2};
    ck_assert_int_lt(rig_start(), 0);
    ck_assert_ptr_nonnull(strstr(rig.error, "answered \"hello you of nowhere, 0 given\""));
}
END_TEST

START_TEST(what_cannot_be_loaded_is_explained)
{
    use_module("absent.so");
    REFUSED("found: cannot open shared object file: No such file", "allowed: a shared object");
    use_module("misbehave");
    REFUSED("found: cannot dynamically load ", "allowed: a shared object");
    use_module("undefined.so");
    REFUSED("found: undefined symbol: defined_nowhere", "allowed: symbols of the module itself");
    use_module("symbol.so");
    REFUSED("found no symbol framed_module", "allowed: a shared object that exports one");
    snprintf(rig.path, sizeof(rig.path), "%s/meson.build", getenv("FRAMED_SOURCE_ROOT"));
    REFUSED("found: invalid ELF header", "allowed: a shared object for this machine");
}
END_TEST

RIG_MAIN("handler-settings", initial_values_are_the_modules, given_values_replace_them,
         unknown_setting_is_refused_with_the_nearest, values_are_of_their_type, numbers_are_read,
         initial_value_of_no_sense_is_the_modules_fault,
         probe_comes_after_init_and_its_reason_is_told, both_probes_must_be_passed,
         what_cannot_be_loaded_is_explained)
