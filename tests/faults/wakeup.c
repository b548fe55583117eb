/*
 * A worker that is killed after a connection has woken it, and before it has accepted. The kernel
 * wakes one worker for each connection; here the next connection, or the replacement of the dead,
 * would be far off.
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

/* Kills the first of the workers that tries to accept; its own end lets go of the others. */
static void trace(const pid_t *pids, size_t count, int ready_fd) __attribute__((noreturn));
static void trace(const pid_t *pids, size_t count, int ready_fd)
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
        if (enters_accept(pid, status)) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, __WALL);
            _exit(EXIT_SUCCESS);
        }
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
        if (++stops == count)
            (void)!write(ready_fd, "+", 1);
    }
    _exit(EXIT_FAILURE);
}

/* In epoll_wait, and not just passing: a wake-up will reach it. */
static bool sleeps(pid_t pid)
{
    for (int i = 0; i < 10; i++) {
        if (process_state(pid) != 'S')
            return false;
        nap(2);
    }
    return true;
}

START_TEST(killed_between_wakeup_and_accept)
{
    uint64_t began;
    pid_t pids[WORKERS_MAX];
    size_t count;
    char byte;
    int ready[2];
    int status;
    pid_t tracer;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 }\n"
                 "handler { command = {\"$HANDLERS/scripted\"} settle = 2s } }\n");
    count = status_workers("it", pids);
    ck_assert_uint_eq(count, 2);
    ck_assert_int_eq(pipe(ready), 0);
    tracer = fork();
    ck_assert_int_ge(tracer, 0);
    if (tracer == 0)
        trace(pids, count, ready[1]);
    close(ready[1]);
    if (read(ready[0], &byte, 1) == 1) {
        ck_assert(UNTIL(sleeps(pids[0]) && sleeps(pids[1])));
        began = now_ms();
        client_once("unix:$DIR/x.sock", "line", "do not forget me", "do not forget me");
        ck_assert_uint_lt(now_ms() - began, 1500);
    }
    close(ready[0]);
    ck_assert_int_eq(waitpid(tracer, &status, 0), tracer);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP)
        return; /* no permission to trace here */
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the tracer has failed: %d",
                  status);
    log_wait("event=worker-exit", "signal 9");
    status_wait_workers("it", 2);
}
END_TEST

SUITE("wakeup", killed_between_wakeup_and_accept)
