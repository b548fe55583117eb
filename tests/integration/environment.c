/* What surrounds a handler: its environment, and what else a service says of its process. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE(more, script)                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n" more         \
    "\nhandler { command = {\"sh\", \"-c\", \"while read -r line; do " script "; done\"} } }\n"

/* A shell adds to what it was given. */
#define SHOW_ENVIRONMENT "tr '\\\\0' ' ' </proc/$$/environ; echo"

static void check_reply(const char *expected)
{
    client_once(expand("unix:$DIR/x.sock"), "line", "what", expand(expected));
}

static void own_environment(void)
{
    clearenv();
    setenv("PATH", "/bin:/usr/bin", 1);
    setenv("LANG", "de_DE.UTF-8", 1);
    setenv("HOME", "/nowhere", 1);
    setenv("SECRET", "hunter2", 1);
    setenv("NAMED", "on purpose", 1);
    setenv("LISTEN_FDNAMES", "x", 1);
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
}

START_TEST(only_what_is_named_gets_through)
{
    daemon_prepare_with(own_environment);
    daemon_start(SERVICE("environment { OWN = \"x=y\" NAMED = \"${NAMED}!\" }", SHOW_ENVIRONMENT));
    check_reply("PATH=/bin:/usr/bin LANG=de_DE.UTF-8 USER=root HOME=/root TMPDIR=/tmp "
                "PYTHONUNBUFFERED=1 OWN=x=y NAMED=on purpose! ");
}
END_TEST

static void no_environment(void)
{
    clearenv();
}

START_TEST(there_is_one_where_there_was_none)
{
    daemon_prepare_with(no_environment);
    daemon_start(SERVICE("", SHOW_ENVIRONMENT));
    check_reply("PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 USER=root HOME=/root TMPDIR=/tmp "
                "PYTHONUNBUFFERED=1 ");
}
END_TEST

/* Where the program itself is looked for, too. */
START_TEST(a_service_replaces_what_all_have)
{
    daemon_prepare_with(own_environment);
    daemon_start(SERVICE("environment { PATH = \"$DIR:/usr/bin:/bin\" PYTHONUNBUFFERED = \"\"\n"
                         "    USER = u HOME = h LANG = l TMPDIR = t }",
                         SHOW_ENVIRONMENT));
    check_reply("PATH=$DIR:/usr/bin:/bin PYTHONUNBUFFERED= USER=u HOME=h LANG=l TMPDIR=t ");
}
END_TEST

START_TEST(a_reload_brings_another)
{
    struct output output;

    daemon_start(SERVICE("environment { ONE = 1 }", "echo $ONE$TWO"));
    check_reply("1");
    daemon_configure(SERVICE("environment { TWO = 2 }", "echo $ONE$TWO"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    check_reply("2");
}
END_TEST

SUITE("environment", only_what_is_named_gets_through, there_is_one_where_there_was_none,
      a_service_replaces_what_all_have, a_reload_brings_another)
