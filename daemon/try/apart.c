/*
 * Work in processes of its own. A process that is ended early, whoever does it, takes its
 * co-process along; what that has started and let go comes to us, and ends with the work.
 */
#include "base/clock.h"
#include "base/identity.h"
#include "base/kin.h"
#include "handler/attributes.h"
#include "handler/environment.h"
#include "handler/leftovers.h"
#include "try/try.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far more than all steps of any work together may take. */
#define STEPS_MAX 16
#define LIFE_S 30
/* Processes of work at a time: most of it is waiting, and programs can be slow to start. */
#define PARALLEL 4
/* SIGKILL works at once but for a process that the kernel holds. */
#define SWEEP_MS 1000

static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
#define END_COUNT (sizeof(ends) / sizeof(ends[0]))

static volatile sig_atomic_t guarded;
static volatile sig_atomic_t told; /* the signal that told us to end */
static struct {
    const struct apart *work;
    size_t count;
} current; /* for the handler of that signal */

void apart_guard(int group)
{
    guarded = group;
}

static void leave(int number)
{
    (void)number;
    if (guarded > 0)
        kill(-guarded, SIGKILL);
    _exit(EXIT_FAILURE);
}

/* The service's user, or framed's; whoever is not root stays who he is. */
static int become_user(const struct subject *subject, char *error, size_t size)
{
    const struct process_config *process = &subject->service.process;
    const struct config *config = subject->options->config;
    const bool own = process->user || process->group;
    struct identity identity;
    int result;

    if (!identity_commands_others())
        return 0;
    result = identity_lookup(own ? process->user : config->user,
                             own ? process->group : config->group, &identity, error, size);
    return result == 0 ? identity_become(&identity, IDENTITY_KEEP_NONE, error, size) : result;
}

/* As a worker does it. */
static int become_worker(const struct subject *subject, char *error, size_t size)
{
    const struct service_config *service = &subject->service;
    int result = attributes_take(service, 0, error, size);

    if (result == 0)
        result = become_user(subject, error, size);
    if (result == 0)
        result = environment_adopt(service);
    if (result == 0)
        result = attributes_settle(service, error, size);
    return result == 0 ? leftovers_expect() : result;
}

/* Our parent's end is ours; a change of the user forgets that. */
static void follow(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

static void child(const struct apart *work, pid_t parent) __attribute__((noreturn));
static void child(const struct apart *work, pid_t parent)
{
    guarded = 0;
    for (size_t i = 0; i < END_COUNT; i++)
        signal(ends[i], leave);
    signal(SIGALRM, leave);
    follow(parent);
    alarm((unsigned)(work->subject->options->timeout_ms / 1000 * STEPS_MAX) + LIFE_S);
    if (become_worker(work->subject, work->finding->text, sizeof(work->finding->text)) == 0) {
        follow(parent);
        work->work(work->subject, work->what, work->finding);
    } else {
        work->finding->verdict = VERDICT_FAIL;
    }
    work->finding->done = true;
    _exit(EXIT_SUCCESS);
}

static void end_all(const struct apart *work, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (work[i].pid > 0)
            kill(work[i].pid, SIGTERM);
}

/* From here as well: a wait that begins just now would not be interrupted. */
static void note_end(int number)
{
    told = number;
    end_all(current.work, current.count);
}

int apart_init(void)
{
    struct sigaction action = {.sa_handler = note_end}; /* no SA_RESTART: waits are to end */

    for (size_t i = 0; i < END_COUNT; i++)
        sigaction(ends[i], &action, NULL);
    return kin_adopt();
}

struct finding *apart_findings(size_t count)
{
    void *shared = mmap(NULL, count * sizeof(struct finding), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return shared == MAP_FAILED ? NULL : shared;
}

void apart_release(struct finding *findings, size_t count)
{
    munmap(findings, count * sizeof(*findings));
}

static struct apart *find(struct apart *work, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if (work[i].pid == pid)
            return &work[i];
    return NULL;
}

static void end_spare(const struct apart *work, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (work[i].spare && work[i].pid > 0)
            kill(work[i].pid, SIGTERM);
}

/* Starts as many as may run; how many do. */
static size_t start_some(struct apart *work, size_t count, size_t running)
{
    pid_t parent = getpid();

    for (size_t i = 0; i < count && running < PARALLEL && !told; i++) {
        if (work[i].pid != 0)
            continue;
        work[i].pid = fork();
        if (work[i].pid == 0)
            child(&work[i], parent);
        running += work[i].pid > 0;
    }
    return running;
}

static void kill_kin(void *context, pid_t child)
{
    (void)context;
    kin_kill(child);
}

/* When all work has ended, whoever is left is what it has left behind. */
static void sweep(void)
{
    uint64_t until_ms = clock_ms() + SWEEP_MS;

    while (waitpid(-1, NULL, WNOHANG) >= 0 && clock_ms() < until_ms) {
        kin_each(kill_kin, NULL);
        poll(NULL, 0, 1);
    }
}

/* Ends as the signal asks for. */
static void obey(void)
{
    signal(told, SIG_DFL);
    raise(told);
}

void apart_run(struct apart *work, size_t count)
{
    size_t running = 0;

    current.work = work;
    current.count = count;
    while ((running = start_some(work, count, running)) > 0) {
        struct apart *ended;

        if (told)
            end_all(work, count);
        ended = find(work, count, waitpid(-1, NULL, 0));
        if (!ended)
            continue;
        running--;
        ended->pid = -1;
        if (ended->wins && ended->finding->result >= TRIAL_BUFFERS)
            end_spare(work, count);
    }
    current.count = 0;
    sweep();
    if (told)
        obey();
}
