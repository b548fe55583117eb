#include "handler/process.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/runnable.h"
#include "config/config.h"
#include "handler/attributes.h"
#include "handler/leftovers.h"
#include "handler/unbuffer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* execvp(3) puts a path together, and for a script without "#!" another argv, on this stack. */
#define CHILD_STACK_SIZE ((size_t)64 * 1024)
/* SIGKILL works at once but for a process that the kernel itself holds: that one we leave to it. */
#define REAP_MS 1000

#define EXPLAINED_SIZE 512

/* Handed to the child, which shares our memory until it has become another program. */
struct launch {
    const struct process_setup *setup;
    int ends[3]; /* the child's */
    pid_t parent;
    int failure;      /* negative errno of the step that failed */
    const char *what; /* the key that it was about; NULL: none */
};

void process_init(struct process *process)
{
    *process = (struct process){.pid_fd = -1, .input_fd = -1, .output_fd = -1, .error_fd = -1};
}

void process_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct process *process)
{
    process_close(&process->pid_fd);
    process_close(&process->input_fd);
    process_close(&process->output_fd);
    process_close(&process->error_fd);
}

/* What framed ignores or blocks would stay so in the new program. */
static void reset_signals(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signal = 1; signal <= SIGRTMAX; signal++)
        sigaction(signal, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Away from 0, 1 and 2 first: where framed started without those, the pipes may have taken them. */
static int place_descriptors(const int ends[3])
{
    int moved[3];

    for (int i = 0; i < 3; i++)
        if ((moved[i] = fcntl(ends[i], F_DUPFD, 3)) < 0)
            return -1;
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], i) < 0)
            return -1;
    closefrom(3);
    return 0;
}

/* Runs in the child; only calls that are safe while the memory is the parent's. */
static int child(void *argument)
{
    struct launch *launch = argument;
    const struct process_setup *setup = launch->setup;

    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != launch->parent)
        _exit(EXIT_FAILURE); /* the parent died before it could take us along */
    if (setpgid(0, 0) == 0 && place_descriptors(launch->ends) == 0) {
        reset_signals();
        if (setup->as)
            launch->failure = attributes_apply(setup->as, &launch->what);
        if (launch->failure < 0)
            _exit(EXIT_FAILURE);
        launch->what = NULL;
        execvpe(setup->argv[0], setup->argv, setup->environment ? setup->environment : environ);
    }
    launch->failure = -errno;
    _exit(EXIT_FAILURE);
}

/*
 * As vfork: cheap however large we are, and a failing exec is told through the shared memory. But
 * on a stack of its own, and with a pidfd from the start. No signal handler of ours may run in the
 * child, so all are blocked meanwhile.
 */
static int launch_child(struct launch *launch, struct process *process)
{
    size_t size = CHILD_STACK_SIZE;
    sigset_t all, before;
    char *stack;
    int pid, failure;

    for (char *const *word = launch->setup->argv; *word; word++)
        size += sizeof(*word);
    size = (size + 4095) & ~(size_t)4095;
    stack =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = clone(child, stack + size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, launch,
                &process->pid_fd);
    failure = pid < 0 ? -errno : launch->failure;
    if (!failure)
        leftovers_spare(pid);
    sigprocmask(SIG_SETMASK, &before, NULL);
    munmap(stack, size);
    if (pid > 0 && failure)
        waitpid(pid, NULL, 0);
    if (failure)
        return failure;
    process->pid = pid;
    return 0;
}

static int open_pipe(int *ours, int *theirs, bool we_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ours = ends[we_write];
    *theirs = ends[!we_write];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void explain(const struct launch *launch, int failure, char *error, size_t size)
{
    const struct process_config *as = launch->setup->as;
    const char *program = launch->setup->argv[0];
    const struct runnable runnable = {.program = program,
                                      .directory = as ? as->directory : NULL,
                                      .path = getenv("PATH") ? getenv("PATH") : ""};
    char why[EXPLAINED_SIZE];

    if (launch->what) {
        snprintf(error, size, "cannot start \"%s\": its %s: %s%s", program, launch->what,
                 log_errno_text(failure), failure == -EPERM ? "; framed itself has less" : "");
        return;
    }
    runnable_explain(&runnable, failure, why, sizeof(why));
    snprintf(error, size, "cannot start \"%s\": %s", program, why);
}

/* Its standard input and output: ours are of pipes, or none. */
static int open_ends(struct process *process, const struct process_setup *setup, int ends[2])
{
    int result;

    if (setup->socket) {
        ends[0] = fcntl(setup->socket, F_DUPFD_CLOEXEC, 3);
        ends[1] = fcntl(setup->socket, F_DUPFD_CLOEXEC, 3);
        return ends[0] < 0 || ends[1] < 0 ? -errno : 0;
    }
    result = open_pipe(&process->input_fd, &ends[0], true);
    if (result < 0)
        return result;
    return setup->terminal ? unbuffer_open_terminal(&process->output_fd, &ends[1])
                           : open_pipe(&process->output_fd, &ends[1], false);
}

int process_start(struct process *process, const struct process_setup *setup, char *error,
                  size_t size)
{
    struct launch launch = {.setup = setup, .ends = {-1, -1, -1}, .parent = getpid()};
    int result;

    process_init(process);
    result = open_ends(process, setup, launch.ends);
    if (result == 0)
        result = open_pipe(&process->error_fd, &launch.ends[2], false);
    if (result == 0)
        result = launch_child(&launch, process);
    for (int i = 0; i < 3; i++)
        process_close(&launch.ends[i]);
    if (result < 0) {
        explain(&launch, result, error, size);
        close_all(process);
    }
    return result;
}

bool process_ended(const struct process *process, int timeout_ms)
{
    struct pollfd ended = {.fd = process->pid_fd, .events = POLLIN};
    uint64_t until_ms = clock_ms() + (uint64_t)timeout_ms;
    int result;

    /* Signals come just then: its end is one. */
    while ((result = poll(&ended, 1, timeout_ms)) < 0 && errno == EINTR)
        timeout_ms = clock_left_ms(until_ms, clock_ms());
    return result > 0;
}

void process_signal(const struct process *process, int signal)
{
    kill(-process->pid, signal);
}

static void describe(int status, char text[PROCESS_STATUS_SIZE])
{
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));

        snprintf(text, PROCESS_STATUS_SIZE, "SIG%s", name ? name : "?");
    } else {
        snprintf(text, PROCESS_STATUS_SIZE, "exit status %d", WEXITSTATUS(status));
    }
}

/*
 * The group is killed before the process is reaped, even one that has ended: as long as its zombie
 * is there, nobody else can be given its number. Only then those who left the group: some of them
 * come to us no sooner.
 */
void process_finish(struct process *process, char status[PROCESS_STATUS_SIZE])
{
    pid_t group = process->pid;
    bool by_itself;
    int code = 0;

    status[0] = '\0';
    if (process->pid == 0)
        return;
    by_itself = process_ended(process, 0);
    process_signal(process, SIGKILL);
    process_ended(process, REAP_MS);
    if (waitpid(process->pid, &code, WNOHANG) == process->pid && by_itself)
        describe(code, status);
    leftovers_spare(0);
    close_all(process);
    process->pid = 0;
    leftovers_end(group);
}
