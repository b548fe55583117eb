/* Modules: what a service sets, and what becomes of a start or a reload that a module refuses. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYED(path, settings)                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 3 }\n"              \
    "handler { module = \"" path "\" }\nmodule { " settings " } }\n"
#define GOOD KEYED("$HANDLERS/keyed.so", "greeting = \"good day\"")

static void check_served(void)
{
    client_once("unix:$DIR/x.sock", "line", "you", "good day you of nowhere, 1 given");
}

START_TEST(settings_come_from_a_command_line)
{
    const char *address;

    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "--module", "$HANDLERS/keyed.so", "--set",
               "greeting=hi", "--set=place=a=b");
    address = daemon_announced(0);
    client_once(address, "line", "you", "hi you of a=b, 2 given");
}
END_TEST

/* What is printed serves as the configuration that it was made from does. */
START_TEST(settings_survive_print_config)
{
    struct output output;

    RUN(&output, FRAMED, "run", "-l", expand("unix:$DIR/x.sock"), "-F", "line", "--control",
        daemon_control(), "--module", expand("$HANDLERS/keyed.so"), "--set", "greeting=\"a\\ b{",
        "--print-config");
    ck_assert_msg(output.status == 0, "%s", output.err);
    daemon_write("printed.conf", output.out);
    daemon_launch((const char *const[]){"-c", "$DIR/printed.conf", NULL}, -1);
    log_wait("event=start ");
    client_once("unix:$DIR/x.sock", "line", "you", "\"a\\ b{ you of nowhere, 1 given");
}
END_TEST

static const struct {
    const char *config;
    const char *says[3];
} refused[] = {
    {KEYED("$HANDLERS/keyed.so", "greting = hi"),
     {"keyed.so: found the setting \"greting\"; did you mean \"greeting\"?",
      "allowed: greeting, place, sick"}},
    {KEYED("$HANDLERS/keyed.so", "sick = \"the sea\""), {"keyed.so: probe: sick of the sea"}},
    {KEYED("$HANDLERS/stuck.so", "greeting = hi"), {"allowed: none, it has no settings"}},
    {KEYED("$DIR/framed.conf", ""), {"framed.conf: found: ", "allowed: a shared object"}},
};

static void check_reload_fails(const char *config, const char *const says[3])
{
    struct output output;

    daemon_configure(config);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "service \"it\": ") != NULL, "%s", output.err);
    for (int i = 0; i < 3 && says[i]; i++) {
        ck_assert_msg(strstr(output.err, says[i]) != NULL, "%s", output.err);
        ck_assert_msg(strstr(status_word("last_error"), says[i]) != NULL, "%s",
                      status_word("last_error"));
    }
}

START_TEST(reload_that_a_module_refuses_changes_nothing)
{
    daemon_start(GOOD);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        check_reload_fails(refused[i].config, refused[i].says);
        ck_assert_int_eq(status_number("generation"), 1);
        check_served();
    }
    /* Of each, one worker has tried. */
    log_wait_count(sizeof(refused) / sizeof(refused[0]), "event=worker-exit");
    ck_assert_uint_eq(log_count("event=worker-exit"), sizeof(refused) / sizeof(refused[0]));
}
END_TEST

START_TEST(reload_brings_new_settings)
{
    struct output output;

    daemon_start(KEYED("$HANDLERS/keyed.so", "greeting = old"));
    client_once("unix:$DIR/x.sock", "line", "you", "old you of nowhere, 1 given");
    daemon_configure(GOOD);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    check_served();
}
END_TEST

START_TEST(start_tells_why_there_is_none)
{
    daemon_configure(KEYED("$HANDLERS/keyed.so", "sick = \"the sea\""));
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert_int_eq(daemon_wait(), 1);
    log_wait("event=start-failed", "probe: sick of the sea");
    ck_assert_uint_eq(log_count("event=worker-exit"), 1);
}
END_TEST

/* The module's own probe has passed when the service's is put to it. */
START_TEST(both_probes_decide)
{
    struct output output;

    daemon_start(GOOD);
    daemon_configure("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                     "handler { module = \"$HANDLERS/keyed.so\" probe = you probe_reply = me }\n"
                     "module { greeting = \"good day\" } }\n");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "answered \"good day you") != NULL, "%s", output.err);
    ck_assert_int_eq(status_number("generation"), 1);
    check_served();
}
END_TEST

SUITE("modules", settings_come_from_a_command_line, settings_survive_print_config,
      reload_that_a_module_refuses_changes_nothing, reload_brings_new_settings,
      start_tells_why_there_is_none, both_probes_decide)
