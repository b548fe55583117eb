/*
 * A worker that is killed, or replaced, after a connection has woken it, and before it has
 * accepted. The kernel wakes one worker for each connection; where that one is killed the next
 * connection, or its replacement, is far off.
 */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether the tracee that has stopped is about to enter accept4. */
static bool enters_accept(pid_t pid, int status)
{
    struct __ptrace_syscall_info info = {0};

    if (!WIFSTOPPED(status) || WSTOPSIG(status) != (SIGTRAP | 0x80))
        return false;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
        return false;
    return info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_accept4;
}

/* Which of the workers is the first that is about to accept; a byte at TELL_FD when all are
 * watched. The end of who called lets go of the others. */
static pid_t trace(const pid_t *pids, size_t count, int tell_fd)
{
    int status;
    pid_t pid;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(30);
    for (size_t i = 0; i < count; i++)
        if (ptrace(PTRACE_SEIZE, pids[i], 0, PTRACE_O_TRACESYSGOOD) < 0 ||
            ptrace(PTRACE_INTERRUPT, pids[i], 0, 0) < 0)
            _exit(EXIT_SKIP);
    /* Each stops once, then runs from one system call to the next. */
    for (size_t stops = 0; (pid = waitpid(-1, &status, __WALL)) > 0;) {
        if (enters_accept(pid, status))
            return pid;
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        if (++stops == count)
            (void)!write(tell_fd, "+", 1);
    }
    _exit(EXIT_FAILURE);
}

struct tracer {
    pid_t pid;
    int tells; /* a byte when it is ready, and another when a worker is about to accept */
    int hears; /* its end: what it holds may go on */
};

/* Does ACT to the first that is about to accept. False: it may not trace here. */
static bool start_tracer(struct tracer *tracer, const pid_t *pids, size_t count,
                         void (*act)(pid_t pid, int tell_fd, int hear_fd))
{
    int tell[2], hear[2];
    char byte;

    ck_assert_int_eq(pipe(tell), 0);
    ck_assert_int_eq(pipe(hear), 0);
    tracer->pid = fork();
    ck_assert_int_ge(tracer->pid, 0);
    if (tracer->pid == 0) {
        close(hear[1]);
        act(trace(pids, count, tell[1]), tell[1], hear[0]);
        _exit(EXIT_SUCCESS);
    }
    close(tell[1]);
    close(hear[0]);
    tracer->tells = tell[0];
    tracer->hears = hear[1];
    if (read(tracer->tells, &byte, 1) != 1)
        return false;
    for (size_t i = 0; i < count; i++)
        ck_assert(UNTIL(process_sleeps(pids[i])));
    return true;
}

static void end_tracer(const struct tracer *tracer)
{
    int status;

    close(tracer->hears);
    close(tracer->tells);
    ck_assert_int_eq(waitpid(tracer->pid, &status, 0), tracer->pid);
    ck_assert_msg(WIFEXITED(status) &&
                      (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == EXIT_SKIP),
                  "the tracer has failed: %d", status);
}

static void kill_it(pid_t pid, int tell_fd, int hear_fd)
{
    int status;

    (void)tell_fd;
    (void)hear_fd;
    kill(pid, SIGKILL);
    waitpid(pid, &status, __WALL);
}

START_TEST(killed_between_wakeup_and_accept)
{
    struct tracer tracer;
    uint64_t began;
    pid_t pids[WORKERS_MAX];

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} settle = 2s } }\n");
    ck_assert_uint_eq(status_workers("it", pids), 2);
    if (start_tracer(&tracer, pids, 2, kill_it)) {
        began = now_ms();
        client_once("unix:$DIR/x.sock", "line", "do not forget me", "do not forget me");
        ck_assert_uint_lt(now_ms() - began, 1500);
        log_wait("event=worker-exit", "signal 9");
        status_wait_workers("it", 2);
    }
    end_tracer(&tracer);
}
END_TEST

/* It has accepted, and goes on when HEAR_FD ends. */
static void hold_it(pid_t pid, int tell_fd, int hear_fd)
{
    char byte;
    int status;

    ptrace(PTRACE_SYSCALL, pid, 0, 0);
    waitpid(pid, &status, __WALL);
    (void)!write(tell_fd, "+", 1);
    (void)!read(hear_fd, &byte, 1);
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* The old worker has accepted a connection, and knows only then that there has been a reload: what
 * comes after that is for the new one. */
static void reload_meanwhile(const char *before, const char *after, const char *message,
                             const char *reply)
{
    struct framed_client *client;
    struct tracer tracer;
    pid_t pids[WORKERS_MAX];
    char byte;

    daemon_start(before);
    ck_assert_uint_eq(status_workers("it", pids), 1);
    if (start_tracer(&tracer, pids, 1, hold_it)) {
        client = client_open("unix:$DIR/x.sock", "line");
        ck_assert_int_eq(read(tracer.tells, &byte, 1), 1);
        daemon_configure(after);
        json_decref(control_ask("reload"));
        client_send(client, message);
        close(tracer.hears);
        client_receive(client, reply);
        framed_client_free(client);
    }
    end_tracer(&tracer);
}

#define HOLDING(module, more)                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line\n"                                  \
    "workers { max = 1 connections = 10 } handler { module = \"$HANDLERS/" module "\" }\n" more    \
    "}\n"
#define KEYED(greeting) HOLDING("keyed.so", "module { greeting = " greeting " }")
#define STATEFUL HOLDING("../support/handlers/good.so", "")

START_TEST(reload_after_accept)
{
    reload_meanwhile(KEYED("old"), KEYED("new"), "you", "new you of nowhere, 1 given");
}
END_TEST

/* What it keeps for each connection is the new one's, too. */
START_TEST(reload_after_accept_with_state)
{
    reload_meanwhile(STATEFUL, STATEFUL, "count", "1 of 1");
    /* To the keeper, and from there; or to the old one, and by way of the new one. */
    ck_assert(UNTIL(status_counter("it", "moved_out") >= 2));
}
END_TEST

SUITE("wakeup", killed_between_wakeup_and_accept, reload_after_accept,
      reload_after_accept_with_state)
