/* Reloads that fail, one after the other and each for another reason: told, and nothing is left. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RELOADS 50

#define GOOD                                                                                       \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 3 }\n"              \
    "handler { command = {\"$HANDLERS/scripted\"} probe = ping } }\n"
/* Beside a service that is new and good, with a listener of its own. */
#define FAULTY(listen, handler)                                                                    \
    GOOD "service good { listen = \"tcp:127.0.0.1:0\" handler { builtin = echo } }\n"              \
         "service bad { listen = \"" listen "\" framing = line workers { max = 20 }\n"             \
         "handler { " handler " } }\n"

/* Somebody else's. */
static int taken_port(char address[64])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    snprintf(address, 64, "tcp:127.0.0.1:%u", ntohs(name.sin_port));
    return fd;
}

START_TEST(failures_leave_nothing)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "line", .clients = 2};
    pid_t before[WORKERS_MAX], after[WORKERS_MAX];
    char address[64], taken[2048];
    int fd = taken_port(address);
    const struct {
        const char *config;
        const char *told;
    } faults[] = {
        {GOOD "service bad { listen = \"unix:$DIR/b.sock\" workers { max = many } }\n", "many"},
        {FAULTY("unix:$DIR/b.sock",
                "command = {\"$HANDLERS/scripted\", \"--fail\", \"no luck\"} settle = 5s"),
         "service \"bad\": \"$HANDLERS/scripted\" ended at its start: exit status 3; it said: no "
         "luck"},
        {FAULTY("unix:$DIR/b.sock", "module = \"/nowhere/handler.so\""), "/nowhere/handler.so"},
        {FAULTY("unix:$DIR/b.sock", "module = \"$HANDLERS/scripted\""),
         "service \"bad\": module $HANDLERS/scripted: found: "},
        {FAULTY("unix:$DIR/b.sock", "command = {\"cat\"} probe = a probe_reply = b"),
         "answered the probe with \"a\" instead of \"b\""},
        {taken, address},
    };
    size_t kinds = sizeof(faults) / sizeof(faults[0]);
    struct output output;
    const size_t processes = 3 + 3 + 1; /* three workers, their programs, and the keeper */
    int descriptors, now;

    snprintf(taken, sizeof(taken),
             GOOD "service bad { listen = \"%s\" handler { builtin = echo } }\n", address);
    daemon_start(GOOD);
    ck_assert_uint_eq(status_workers("it", before), 3);
    descriptors = process_settled_descriptors(daemon_pid(), processes);
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    for (size_t i = 0; i < RELOADS; i++) {
        daemon_configure(faults[i % kinds].config);
        RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, expand(faults[i % kinds].told)), "%s", output.err);
    }
    load_wait(&load, 20);
    load_stop_clean(&load);
    close(fd);
    ck_assert_uint_eq(status_workers("it", after), 3);
    ck_assert_int_eq(memcmp(before, after, 3 * sizeof(*before)), 0);
    ck_assert_int_eq(status_number("reloads"), RELOADS);
    /* The connection that asked for the workers may still be closing. */
    ck_assert_msg(
        UNTIL((now = process_settled_descriptors(daemon_pid(), processes)) <= descriptors),
        "%d descriptors, not %d", now, descriptors);
    ck_assert_int_ne(access(expand("$DIR/b.sock"), F_OK), 0);
    daemon_configure(taken); /* nobody's any more */
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    client_once(address, "u32be", "hello", "hello");
}
END_TEST

SUITE("reloads", failures_leave_nothing)
