/* From root to the configured account: who runs what, and what a reload can still do. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE                                                                                    \
    "user = nobody\n"                                                                              \
    "service who { listen = \"unix:$DIR/x.sock\" framing = line\n"                                 \
    "    handler { command = {\"sh\", \"-c\", \"while read -r line; do id -u; done\"} } }\n"

static char nobody[16];

/* False, and the reason, where this cannot be tried. */
static bool can_become_nobody(void)
{
    const struct passwd *account = getpwnam("nobody");

    if (geteuid() != 0 || !account) {
        puts("SKIP: only root can become nobody");
        return false;
    }
    snprintf(nobody, sizeof(nobody), "%u", (unsigned)account->pw_uid);
    /* nobody reads the configuration at a reload, and makes sockets. */
    ck_assert_int_eq(chmod(expand("$DIR"), 0777), 0);
    return true;
}

/* The four user ids of a process, and its capabilities, as /proc says them. One that has just left,
 * as those from before a reload do, has none. */
static void check_process(pid_t pid, const char *permitted)
{
    char path[64], wanted[96];
    char *text;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    text = read_whole(path);
    if (!process_lives(pid)) {
        free(text);
        return;
    }
    ck_assert_ptr_nonnull(text);
    snprintf(wanted, sizeof(wanted), "\nUid:\t%s\t%s\t%s\t%s\n", nobody, nobody, nobody, nobody);
    ck_assert_msg(strstr(text, wanted) != NULL, "not nobody:\n%s", text);
    snprintf(wanted, sizeof(wanted), "\nCapPrm:\t%s\n", permitted);
    ck_assert_msg(strstr(text, wanted) != NULL, "other capabilities than %s:\n%s", permitted, text);
    free(text);
}

static void check_all(void)
{
    pid_t pids[PROCESSES_MAX];
    size_t count = process_descendants(daemon_pid(), pids, PROCESSES_MAX);

    ck_assert_uint_ge(count, 8); /* four workers with a handler each */
    check_process(daemon_pid(), "0000000000000400");
    for (size_t i = 0; i < count; i++)
        check_process(pids[i], "0000000000000000");
}

START_TEST(nobody_runs_what_root_started)
{
    if (!can_become_nobody())
        return;
    daemon_start(SERVICE);
    chmod(expand("$DIR/framed.conf"), 0644);
    check_all();
    client_once(expand("unix:$DIR/x.sock"), "line", "who", nobody);
}
END_TEST

/* A port below 1024 that is free now. */
static unsigned low_port(void)
{
    for (unsigned port = 1000; port > 900; port--) {
        const struct sockaddr_in name = {.sin_family = AF_INET,
                                         .sin_port = htons((uint16_t)port),
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int bound = bind(fd, (const struct sockaddr *)&name, sizeof(name));

        close(fd);
        if (bound == 0)
            return port;
    }
    return 0;
}

START_TEST(reload_binds_a_low_port_without_root)
{
    struct output output;
    char text[1024];
    char address[64];

    if (!can_become_nobody())
        return;
    daemon_start(SERVICE);
    snprintf(address, sizeof(address), "tcp:127.0.0.1:%u", low_port());
    snprintf(text, sizeof(text),
             SERVICE "service low { listen = \"%s\" handler { builtin = echo } }\n", address);
    daemon_configure(text);
    chmod(expand("$DIR/framed.conf"), 0644);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    client_once(address, "u32be", "hello", "hello");
    check_all();
}
END_TEST

START_TEST(unknown_account_is_told)
{
    struct output output;

    daemon_configure("user = no-such-account\n"
                     "service a { listen = \"unix:$DIR/x.sock\" handler { builtin = echo } }\n");
    RUN(&output, FRAMED, "-c", expand("$DIR/framed.conf"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "no-such-account") != NULL, "%s", output.err);
}
END_TEST

SUITE("identity", nobody_runs_what_root_started, reload_binds_a_low_port_without_root,
      unknown_account_is_told)
