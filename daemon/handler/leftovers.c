#include "handler/leftovers.h"

#include "base/clock.h"
#include "base/kin.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* SIGKILL works at once but for a process that the kernel holds, or many that fork without end. */
#define END_MS 1000

static bool expected;
static volatile sig_atomic_t spared;

/* Reaps those that have ended, but for the program: that keeps its number until process.c has done
 * with its group. */
static void on_child(int number)
{
    int saved_errno = errno;
    siginfo_t ended = {0};

    (void)number;
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0 &&
           ended.si_pid != spared) {
        waitpid(ended.si_pid, NULL, WNOHANG);
        ended.si_pid = 0;
    }
    errno = saved_errno;
}

int leftovers_expect(void)
{
    struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    int result = kin_adopt();

    if (result == 0 && sigaction(SIGCHLD, &action, NULL) < 0)
        result = -errno;
    expected = result == 0;
    return result;
}

void leftovers_spare(pid_t program)
{
    spared = program;
}

/* What a walk over our children finds. */
struct sight {
    pid_t first; /* of the leftovers; 0: there are none */
    pid_t group; /* of the program */
    pid_t stray; /* the first that has left it */
    char stray_name[32];
};

/* Those that have ended are reaped here, too: the program, which has ended, may stand before them.
 */
static void look(void *context, pid_t child)
{
    struct sight *sight = context;

    if (child != spared && waitpid(child, NULL, WNOHANG) == 0 && sight->first == 0)
        sight->first = child;
}

static void ask(void *context, pid_t child)
{
    if (child != spared)
        kill(child, SIGTERM);
    look(context, child);
}

static void note_stray(struct sight *sight, pid_t child)
{
    char path[32];
    FILE *comm;

    sight->stray = child;
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)child);
    comm = fopen(path, "re");
    if (!comm)
        return;
    if (fgets(sight->stray_name, sizeof(sight->stray_name), comm))
        sight->stray_name[strcspn(sight->stray_name, "\n")] = '\0';
    fclose(comm);
}

static void end(void *context, pid_t child)
{
    struct sight *sight = context;

    if (!sight->stray && getpgid(child) != sight->group)
        note_stray(sight, child);
    kin_kill(child);
    look(context, child);
}

/* Until CHILD has ended, at most until UNTIL_MS; or a signal has come. */
static void wait_for(pid_t child, uint64_t until_ms)
{
    struct pollfd ended = {.fd = pidfd_open(child, 0), .events = POLLIN};

    if (ended.fd < 0)
        return; /* it has been reaped */
    poll(&ended, 1, clock_left_ms(until_ms, clock_ms()));
    close(ended.fd);
}

/* So that no number is given to somebody else between the list and the signal. */
static void block_reaping(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, before);
}

void leftovers_ask(uint64_t until_ms)
{
    struct sight sight = {0};
    sigset_t before;

    if (!expected)
        return;
    block_reaping(&before);
    kin_each(ask, &sight);
    while (sight.first && clock_ms() < until_ms) {
        wait_for(sight.first, until_ms);
        sight.first = 0;
        kin_each(look, &sight);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Whether there is none: the kernel's own word, and not that of a list. */
static bool is_alone(void)
{
    int ended;

    while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
        ;
    return ended < 0 && errno == ECHILD;
}

void leftovers_end(pid_t group)
{
    uint64_t until_ms = clock_ms() + END_MS;
    struct sight sight = {.group = group};
    sigset_t before;

    if (!expected)
        return;
    block_reaping(&before);
    while (!is_alone() && clock_ms() < until_ms) {
        sight.first = 0;
        kin_each(end, &sight);
        if (sight.first)
            wait_for(sight.first, until_ms);
        else
            poll(NULL, 0, 1); /* the list may miss one that is just coming to us */
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (sight.stray)
        log_notice("handler-leftovers", LOG_INT("handler_pid", group),
                   LOG_STR("reason", "it left processes behind that had left its group"),
                   LOG_INT("pid", sight.stray), LOG_STR("program", sight.stray_name),
                   LOG_STR("ended", is_alone() ? "all" : "not all: some do not die"));
}
