/* What systemd hears, with the test in its place: phases in words, signs of life, and nothing that
 * could hold the master up. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ECHO                                                                                       \
    "service echo { listen = \"unix:$DIR/echo.sock\" framing = line workers { max = 2 }\n"         \
    "handler { builtin = echo } }\n"
#define WATCHDOG_US "200000"

static int heard_fd;

/* $DIR is cleared of files only, so the socket is an abstract one. */
static struct sockaddr_un ear(socklen_t *length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", expand("$DIR"));

    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size);
    return address;
}

static void announce_ear(void)
{
    char name[128];

    snprintf(name, sizeof(name), "@%s", expand("$DIR"));
    setenv("NOTIFY_SOCKET", name, 1);
}

static void announce_watchdog(void)
{
    char pid[16];

    announce_ear();
    snprintf(pid, sizeof(pid), "%d", getpid());
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", WATCHDOG_US, 1);
}

static void listen_to(daemon_prepare *prepare)
{
    socklen_t length;
    struct sockaddr_un address = ear(&length);

    heard_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_ge(heard_fd, 0);
    ck_assert_int_eq(bind(heard_fd, (struct sockaddr *)&address, length), 0);
    daemon_prepare_with(prepare);
}

/* The next message, within MS; its text in static storage, or NULL. */
static const char *hear_within(int ms)
{
    static char text[4096];
    struct pollfd ready = {.fd = heard_fd, .events = POLLIN};
    ssize_t got = poll(&ready, 1, ms) > 0 ? recv(heard_fd, text, sizeof(text) - 1, 0) : -1;

    if (got < 0)
        return NULL;
    text[got] = '\0';
    return text;
}

/* Waits for the message that has both. */
static void hear(const char *word, const char *status)
{
    const char *text;
    char last[4096] = "";

    while ((text = hear_within(BOUND_MS))) {
        if (strstr(text, word) && strstr(text, status))
            return;
        snprintf(last, sizeof(last), "%s", text);
    }
    ck_abort_msg("not heard: %s with \"%s\"; last was \"%s\"", word, status, last);
}

START_TEST(each_phase_has_its_line)
{
    pid_t pids[WORKERS_MAX];
    struct output output;

    listen_to(announce_ear);
    daemon_start(ECHO);
    hear("STATUS=Starting: 1 service, 0 of 2 workers", "");
    hear("READY=1\n", "STATUS=Running: 1 service, 2 workers, generation 1");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    hear("RELOADING=1\nMONOTONIC_USEC=", "STATUS=Reloading: 1 service, 2 workers, generation 1");
    hear("READY=1\n", "STATUS=Running: 1 service, 2 workers, generation 2");
    daemon_configure(ECHO "\nnonsense = 1\n");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    hear("RELOADING=1\n", "");
    hear("READY=1\n", "generation 2; last reload failed: ");
    daemon_configure(ECHO);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    hear("READY=1\n", "STATUS=Running: 1 service, 2 workers, generation 3");
    ck_assert_uint_eq(status_workers("echo", pids), 2);
    daemon_stop();
    hear("STOPPING=1\n", " left, to finish what is in flight");
}
END_TEST

START_TEST(a_failed_start_says_why)
{
    listen_to(announce_ear);
    daemon_configure("service echo { listen = \"unix:/nowhere/echo.sock\"\n"
                     "handler { builtin = echo } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    hear("STOPPING=1\n", "STATUS=Start failed: service \"echo\": listen: unix:/nowhere/echo.sock");
    ck_assert_int_eq(daemon_wait(), 1);
}
END_TEST

START_TEST(the_number_of_workers_is_kept_up_to_date)
{
    listen_to(announce_ear);
    daemon_start(
        "service echo { listen = \"unix:$DIR/echo.sock\" framing = line\n"
        "workers { mode = ondemand max = 3 idle_exit = 1s } handler { builtin = echo } }\n");
    hear("READY=1\n", "STATUS=Running: 1 service, 0 workers");
    log_wait("event=worker-exit"); /* until then it may take one more client */
    client_once("unix:$DIR/echo.sock", "line", "hello", "hello");
    hear("STATUS=", "1 worker,");
    hear("STATUS=", "0 workers,");
}
END_TEST

static long switches(void)
{
    return process_sum(daemon_pid(), "status",
                       (const char *const[]){"voluntary_ctxt_switches:", NULL});
}

/* The master sleeps without an end, while nobody asks for signs of life. */
START_TEST(at_rest_nothing_is_said)
{
    long before;

    listen_to(announce_ear);
    daemon_start(ECHO);
    hear("READY=1\n", "");
    status_wait_workers("echo", 2);
    while (hear_within(600))
        ;
    before = switches();
    ck_assert_int_gt(before, 0);
    ck_assert_ptr_null(hear_within(1200));
    ck_assert_int_eq(switches(), before);
}
END_TEST

START_TEST(signs_of_life_come_from_the_loop)
{
    uint64_t began;

    listen_to(announce_watchdog);
    daemon_start(ECHO);
    began = now_ms();
    for (int i = 0; i < 5; i++)
        hear("WATCHDOG=1", "");
    /* At half of what is allowed, and no oftener than needed. */
    ck_assert_uint_ge(now_ms() - began, 300);
    ck_assert_int_eq(kill(daemon_pid(), SIGSTOP), 0);
    ck_assert(UNTIL(process_state(daemon_pid()) == 'T'));
    while (hear_within(0))
        ;
    ck_assert_ptr_null(hear_within(500));
    ck_assert_int_eq(kill(daemon_pid(), SIGCONT), 0);
    hear("WATCHDOG=1", "");
}
END_TEST

/* Who should listen and does not read keeps nobody waiting, and still hears the end of it. */
START_TEST(a_deaf_ear_blocks_nobody)
{
    socklen_t length;
    struct sockaddr_un address;
    struct output output;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    listen_to(announce_watchdog);
    address = ear(&length);
    while (sendto(fd, "noise", 5, 0, (struct sockaddr *)&address, length) >= 0)
        ;
    ck_assert_int_eq(errno, EAGAIN);
    close(fd);
    daemon_start(ECHO);
    client_once("unix:$DIR/echo.sock", "line", "hello", "hello");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 0);
    hear("READY=1\n", "STATUS=Running: 1 service, 2 workers, generation 2");
}
END_TEST

SUITE("notify", each_phase_has_its_line, a_failed_start_says_why,
      the_number_of_workers_is_kept_up_to_date, at_rest_nothing_is_said,
      signs_of_life_come_from_the_loop, a_deaf_ear_blocks_nobody)
