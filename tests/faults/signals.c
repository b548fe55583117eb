/* Signals at a bad moment, and signals without a meaning: none gets lost, and none does harm. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define TO_FILE "log = \"file:$DIR/framed.log\"\n"
#define WORKERS 6
/* A pipe cannot be smaller; it takes four records. */
#define PIPE_SIZE 4096

/* The link in /proc to a descriptor of PID, above standard error, that is open on what begins with
 * TARGET and may be used as MODE (S_IRUSR, S_IWUSR) says; in static storage. NULL: there is none.
 */
static const char *find_descriptor(pid_t pid, const char *target, mode_t mode)
{
    static char path[64];

    for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
        char found[256] = "";
        struct stat link;

        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
        if (readlink(path, found, sizeof(found) - 1) > 0 && lstat(path, &link) == 0 &&
            (link.st_mode & (S_IRUSR | S_IWUSR)) == mode &&
            strncmp(found, target, strlen(target)) == 0)
            return path;
    }
    return NULL;
}

static bool logs_to(pid_t pid, const char *file)
{
    return find_descriptor(pid, expand(file), S_IWUSR) != NULL;
}

/* The log is moved away, and framed told; its master has obeyed on return. */
static void rotate_log(void)
{
    ck_assert_int_eq(rename(expand("$DIR/framed.log"), expand("$DIR/old.log")), 0);
    ck_assert_int_eq(kill(daemon_pid(), SIGUSR1), 0);
    ck_assert(UNTIL(logs_to(daemon_pid(), "$DIR/framed.log")));
}

/* Fills the pipe from the master to WORKER, which is stopped: by the deaths of its fellows, of
 * which it is told so that it looks at the listeners. */
static void fill_pipe(pid_t worker, const pid_t *fellows, size_t count)
{
    const char *path = find_descriptor(worker, "pipe:", S_IRUSR);
    int pending = 0;
    int pipe_fd;

    ck_assert_ptr_nonnull(path);
    pipe_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(pipe_fd, 0);
    ck_assert_int_eq(fcntl(pipe_fd, F_SETPIPE_SZ, PIPE_SIZE), PIPE_SIZE);
    /* Of those who die together it is told once. */
    for (size_t i = 0; i < count && pending < PIPE_SIZE; i++) {
        int before = pending;

        kill(fellows[i], SIGKILL);
        ck_assert(UNTIL(ioctl(pipe_fd, FIONREAD, &pending) == 0 && pending > before));
    }
    ck_assert_int_eq(pending, PIPE_SIZE);
    close(pipe_fd);
}

START_TEST(log_is_opened_anew_despite_a_full_pipe)
{
    pid_t pids[WORKERS_MAX];

    daemon_configure(TO_FILE "service it { listen = \"unix:$DIR/x.sock\" workers { max = 6 }\n"
                             "handler { builtin = echo } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(status_number("generation") == 1));
    ck_assert_uint_eq(status_workers("it", pids), WORKERS);
    kill(pids[0], SIGSTOP);
    ck_assert(UNTIL(process_state(pids[0]) == 'T'));
    fill_pipe(pids[0], pids + 1, WORKERS - 1);
    rotate_log();
    ck_assert(logs_to(pids[0], "$DIR/old.log"));
    kill(pids[0], SIGCONT);
    ck_assert_msg(UNTIL(logs_to(pids[0], "$DIR/framed.log")), "the worker logs to the old file");
    ck_assert(!logs_to(pids[0], "$DIR/old.log"));
}
END_TEST

START_TEST(log_is_opened_anew_by_one_that_starts)
{
    pid_t pids[PROCESSES_MAX];

    daemon_configure(TO_FILE "service it { listen = \"unix:$DIR/x.sock\" workers { max = 1 }\n"
                             "handler { command = {\"$HANDLERS/scripted\"} settle = 500ms } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    /* The master, the worker, and the program that has to settle. */
    ck_assert(UNTIL(process_descendants(getpid(), pids, PROCESSES_MAX) == 3));
    rotate_log();
    ck_assert(UNTIL(status_workers("it", pids) == 1));
    ck_assert_msg(UNTIL(logs_to(pids[0], "$DIR/framed.log")), "the worker logs to the old file");
    ck_assert(!logs_to(pids[0], "$DIR/old.log"));
}
END_TEST

/* A module's start is not used to signals. */
START_TEST(log_order_does_not_disturb_a_start)
{
    pid_t pids[PROCESSES_MAX];

    daemon_configure(TO_FILE "service drowsy { listen = \"unix:$DIR/x.sock\" workers { max = 1 }\n"
                             "handler { module = \"$HANDLERS/stuck.so\" } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(process_descendants(getpid(), pids, PROCESSES_MAX) == 2));
    ck_assert(UNTIL(({
        kill(daemon_pid(), SIGUSR1);
        status_workers("drowsy", pids) == 1 || !process_lives(daemon_pid());
    })));
    ck_assert_msg(process_lives(daemon_pid()), "framed has not started");
}
END_TEST

static void survive(int number)
{
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" workers { max = 1 }\n"
                 "handler { builtin = echo } }\n");
    ck_assert_int_eq(kill(daemon_pid(), number), 0);
    ck_assert(process_lives(daemon_pid()));
    ck_assert_int_ne(process_state(daemon_pid()), 'T');
    ck_assert_int_eq(status_number("pid"), daemon_pid());
    client_once("unix:$DIR/x.sock", "u32be", "well", "well");
}

START_TEST(ttin_does_nothing)
{
    survive(SIGTTIN);
}
END_TEST

START_TEST(ttou_does_nothing)
{
    survive(SIGTTOU);
}
END_TEST

SUITE("signals", log_is_opened_anew_despite_a_full_pipe, log_is_opened_anew_by_one_that_starts,
      log_order_does_not_disturb_a_start, ttin_does_nothing, ttou_does_nothing)
