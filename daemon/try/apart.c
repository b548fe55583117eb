/*
 * Work in processes of its own. A process that is ended early,
 * whoever does it, takes its co-process along.
 */
#include "handler/attributes.h"
#include "handler/environment.h"
#include "handler/leftovers.h"
#include "try/try.h"

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

static volatile sig_atomic_t guarded;

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

/* As a worker does it. */
static int become_worker(const struct service_config *service, char *error, size_t size)
{
    int result = attributes_take(service, 0, error, size);

    if (result == 0)
        result = environment_adopt(service);
    if (result == 0)
        result = attributes_settle(service, error, size);
    return result == 0 ? leftovers_expect() : result;
}

static void child(const struct apart *work, pid_t parent) __attribute__((noreturn));
static void child(const struct apart *work, pid_t parent)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM};

    guarded = 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        signal(ends[i], leave);
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    alarm((unsigned)(work->subject->options->timeout_ms / 1000 * STEPS_MAX) + LIFE_S);
    if (become_worker(&work->subject->service, work->finding->text, sizeof(work->finding->text)) ==
        0)
        work->work(work->subject, work->what, work->finding);
    else
        work->finding->verdict = VERDICT_FAIL;
    work->finding->done = true;
    _exit(EXIT_SUCCESS);
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

    for (size_t i = 0; i < count && running < PARALLEL; i++) {
        if (work[i].pid != 0)
            continue;
        work[i].pid = fork();
        if (work[i].pid == 0)
            child(&work[i], parent);
        running += work[i].pid > 0;
    }
    return running;
}

void apart_run(struct apart *work, size_t count)
{
    size_t running = 0;

    while ((running = start_some(work, count, running)) > 0) {
        struct apart *ended = find(work, count, waitpid(-1, NULL, 0));

        if (!ended)
            continue;
        running--;
        ended->pid = -1;
        if (ended->wins && ended->finding->result >= TRIAL_BUFFERS)
            end_spare(work, count);
    }
}
