/* What is told of a module without serving it: `framed module`, and `framed check` of a
 * configuration that has one. Whatever it does while it is loaded, it does to nobody. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE(module, more)                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 }\n"              \
    "handler { module = \"" module "\" }\n" more "}\n"
#define KEYED "$HANDLERS/keyed.so"
#define LOADER "$HANDLERS/loader.so"

static void show(struct output *output, const char *file)
{
    RUN(output, FRAMED, "module", expand(file));
}

START_TEST(module_tells_its_settings)
{
    struct output output;
    char *file;

    show(&output, KEYED);
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_ptr_nonnull(
        strstr(output.out, "module   keyed\nversion  0.9\nabi      2\nfile     /"));
    ck_assert_ptr_nonnull(strstr(output.out, "/keyed.so\n\n"
                                             "key       default  allowed\n"
                                             "greeting  \"hello\"  any text                       "
                                             "what each message is told\n"
                                             "place     -        any text                       "
                                             "where; may be left out\n"
                                             "sick      \"no\"     any text\n"
                                             "times     3        a number from 1 to 9\n"));
    file = strdup(expand("$HANDLERS/stuck.so"));
    RUN(&output, "/bin/sh", "-c", "cd \"${1%/*}\" && exec \"$2\" module \"${1##*/}\"", "sh", file,
        FRAMED);
    free(file);
    ck_assert_msg(output.status == 0, "a bare name: %s", output.err);
    ck_assert_ptr_nonnull(strstr(output.out, "/stuck.so\n\nNothing can be set for it.\n"));
}
END_TEST

START_TEST(module_tells_programs)
{
    const char *name, *type, *initial, *text, *allowed;
    struct output output;
    json_t *all;
    int abi;

    RUN(&output, FRAMED, "module", "--json", expand(KEYED));
    ck_assert_int_eq(output.status, 0);
    all = json_loads(output.out, 0, NULL);
    ck_assert_ptr_nonnull(all);
    ck_assert_int_eq(
        json_unpack(all, "{s:s, s:s, s:i}", "name", &name, "version", &text, "abi", &abi), 0);
    ck_assert_str_eq(name, "keyed");
    ck_assert_str_eq(text, "0.9");
    ck_assert_int_eq(abi, 2);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "keys")), 7);
    ck_assert_int_eq(json_unpack(json_array_get(json_object_get(all, "keys"), 4),
                                 "{s:s, s:s, s:s, s:s, s:n}", "name", &name, "type", &type,
                                 "default", &initial, "allowed", &allowed, "text"),
                     0);
    ck_assert_str_eq(name, "room");
    ck_assert_str_eq(type, "size");
    ck_assert_str_eq(initial, "1KiB");
    ck_assert_str_eq(allowed, "a size from 1 on");
    json_decref(all);
}
END_TEST

/* What the module prints is not ours, what we could read is not its own (the pipe never ends), and
 * its destructors are not called. */
START_TEST(module_does_not_answer_for_framed)
{
    struct output output;

    setenv("LOAD", "talk", 1);
    RUN(&output, "/bin/sh", "-c", "mkfifo \"$3\" && exec \"$1\" module --json \"$2\" <>\"$3\"",
        "sh", FRAMED, expand(LOADER), expand("$DIR/pipe"));
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_int_eq(output.out[0], '{');
    ck_assert_ptr_null(strstr(output.out, "constructor"));
    ck_assert_ptr_nonnull(strstr(output.err, "hello from a constructor"));
}
END_TEST

static const struct {
    const char *file;
    const char *load;
    const char *says;
} broken[] = {
    {"$DIR/absent.so", NULL, "absent.so: No such file or directory"},
    {"$DIR", NULL, ": found: "},
    {"$HANDLERS/../support/handlers/abi.so", NULL, "abi.so: found ABI 99, allowed: 2"},
    {LOADER, "crash", "loader.so: found that loading it crashes (Killed)"},
    {LOADER, "hold and crash", "loader.so: found that loading it crashes (Killed)"},
    {LOADER, "exit", "loader.so: found that loading it ends the process (exit status 0)"},
};
#define BROKEN (sizeof(broken) / sizeof(broken[0]))

START_TEST(module_that_is_none_is_explained)
{
    struct output output;

    for (size_t i = 0; i < BROKEN; i++) {
        if (broken[i].load)
            setenv("LOAD", broken[i].load, 1);
        show(&output, broken[i].file);
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, broken[i].says) != NULL, "%s", output.err);
        ck_assert_str_eq(output.out, "");
    }
    daemon_check_gone();
}
END_TEST

START_TEST(module_is_asked_for_properly)
{
    struct output output;

    RUN(&output, FRAMED, "module");
    ck_assert_int_eq(output.status, 2);
    RUN(&output, FRAMED, "module", "a", "b");
    ck_assert_int_eq(output.status, 2);
    ck_assert_ptr_nonnull(strstr(output.err, "found \"b\", allowed: --json, and one FILE"));
    RUN(&output, FRAMED, "module", "--help");
    ck_assert_int_eq(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.out, "framed module [--json] FILE"));
}
END_TEST

static void check(const char *config, struct output *output)
{
    daemon_configure(config);
    RUN(output, FRAMED, "check", "-c", expand("$DIR/framed.conf"));
}

/* $DIR/framed.conf begins with a line of the test's own. */
static const struct {
    const char *config;
    const char *says[3];
} wrong[] = {
    {SERVICE("$DIR/absent.so", ""), {"framed.conf:2: service \"it\": handler.module: found \""}},
    {SERVICE("$DIR/framed.conf", ""),
     {"framed.conf:2: service \"it\": module /", "/framed.conf: found: "}},
    {SERVICE(KEYED, "module {\n times = 3\n greting = hi\n times2 = 5\n}"),
     {"framed.conf:6: service \"it\": module: found the setting \"greting\"; did you mean "
      "\"greeting\"?, allowed: greeting, place,",
      "framed.conf:7: service \"it\": module: found the setting \"times2\"; did you mean"}},
    {SERVICE(KEYED, "module { greeting = hi\n times = many room = \"0\" }"),
     {"framed.conf:5: service \"it\": module: times: found \"many\", allowed: a number from 1 to 9",
      "framed.conf:5: service \"it\": module: room: found \"0\", allowed: a size from 1 on"}},
    {SERVICE("$HANDLERS/../support/handlers/unset.so", ""),
     {"framed.conf:2: service \"it\": module /", "unset.so: times: found \"none\", allowed"}},
    {SERVICE(LOADER, "environment { LOAD = crash }"),
     {"framed.conf:2: service \"it\": module /", "loading it crashes (Killed)"}},
    {SERVICE(LOADER, "environment { LOAD = exit }"), {"loading it ends the process"}},
    {SERVICE(LOADER, "environment { LOAD = hang } deadlines { start = 200ms }"),
     {"framed.conf:2: service \"it\": module /", "loading it takes longer than 200ms"}},
    {SERVICE(LOADER, "environment { LOAD = crash }") "service more { listen = \"unix:$DIR/y.sock\" "
                                                     "handler { module = \"" KEYED "\" }\n"
                                                     "module { sik = no } }\n",
     {"loading it crashes", "framed.conf:6: service \"more\": module: found the setting \"sik\""}},
};

START_TEST(check_loads_modules)
{
    struct output output;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        check(wrong[i].config, &output);
        ck_assert_msg(output.status == 1, "%zu: %s", i, output.out);
        for (int word = 0; word < 3 && wrong[i].says[word]; word++)
            ck_assert_msg(strstr(output.err, wrong[i].says[word]) != NULL, "%zu: %s", i,
                          output.err);
    }
    daemon_check_gone();
}
END_TEST

START_TEST(check_is_content_with_what_is_well)
{
    struct output output;

    check(
        SERVICE(KEYED,
                "module { greeting = hi times = 9 wait = 5m loud = yes }") "service other { listen "
                                                                           "= \"unix:$DIR/y.sock\" "
                                                                           "handler { builtin = "
                                                                           "echo } }\n",
        &output);
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_str_eq(output.out, "ok\n");
    check(SERVICE(LOADER, "environment { LOAD = hold }"), &output);
    ck_assert_msg(output.status == 0, "%s", output.err);
    daemon_check_gone();
    check(SERVICE(LOADER, "environment { LOAD = crash }"), &output);
    ck_assert_int_eq(output.status, 1);
    RUN(&output, FRAMED, "check", "-c", expand("$DIR/framed.conf"), "--print-config");
    ck_assert_msg(output.status == 0, "what is printed is not loaded: %s", output.err);
}
END_TEST

/* The canary does, and its successors. */
START_TEST(master_never_loads_a_module)
{
    struct output output;
    char line[32], *who;

    daemon_start(SERVICE(LOADER, "environment { LOAD_FILE = \"$DIR/who\" }"));
    client_once("unix:$DIR/x.sock", "line", "you", "you");
    daemon_configure(SERVICE(LOADER, "environment { LOAD_FILE = \"$DIR/who\" LOAD = crash }"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    daemon_configure(SERVICE(LOADER, "environment { LOAD_FILE = \"$DIR/who\" LOAD = hang }\n"
                                     "deadlines { start = 200ms }"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_int_eq(status_number("generation"), 1);
    client_once("unix:$DIR/x.sock", "line", "you", "you");
    who = read_whole(expand("$DIR/who"));
    ck_assert_ptr_nonnull(who);
    snprintf(line, sizeof(line), "%d\n", (int)daemon_pid());
    ck_assert_ptr_null(strstr(who, line));
    free(who);
}
END_TEST

SUITE("module_check", module_tells_its_settings, module_tells_programs,
      module_does_not_answer_for_framed, module_that_is_none_is_explained,
      module_is_asked_for_properly, check_loads_modules, check_is_content_with_what_is_well,
      master_never_loads_a_module)
