/*
 * The worker's line to its master. A worker is often blocked in recv, so the master pokes it with a
 * signal after it has written to the pipe. A poke that comes just before recv would be lost; so its
 * handler starts a timer that interrupts again and again until the worker has listened.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "config/config.h"
#include "ipc/record.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define REPEAT_MS 20
/* An orphan that is still there this long after its drain deadline ends itself by force. */
#define ORPHAN_GRACE_MS 1000

volatile sig_atomic_t worker_signalled;
static volatile sig_atomic_t told_to_drain;
static volatile sig_atomic_t in_handler;
static timer_t repeat_timer;
static timer_t orphan_timer;
static pid_t master;
static unsigned drain_ms;

static void arm(timer_t timer, unsigned first_ms, unsigned every_ms)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = first_ms / 1000, .tv_nsec = (long)(first_ms % 1000) * 1000000},
        .it_interval = {.tv_sec = every_ms / 1000, .tv_nsec = (long)(every_ms % 1000) * 1000000},
    };

    timer_settime(timer, 0, &when, NULL);
}

/* Only what signal-safety(7) allows. */
static void on_signal(int number)
{
    int saved_errno = errno;

    if (number == SIGTERM)
        told_to_drain = 1;
    worker_signalled = 1;
    /* A handler is not to be interrupted over and over: we look when it returns. */
    if (!in_handler)
        arm(repeat_timer, REPEAT_MS, REPEAT_MS);
    /* Nobody is left to kill a worker whose handler never returns. */
    if (getppid() != master)
        arm(orphan_timer, drain_ms + ORPHAN_GRACE_MS, 0);
    errno = saved_errno;
}

/* The repeating timer's own signal: interrupting is all it has to do. */
static void on_repeat(int number)
{
    (void)number;
}

static int make_timers(void)
{
    struct sigevent repeat = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct sigevent orphan = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};

    if (timer_create(CLOCK_MONOTONIC, &repeat, &repeat_timer) < 0 ||
        timer_create(CLOCK_MONOTONIC, &orphan, &orphan_timer) < 0)
        return -errno;
    return 0;
}

/* Signals of the terminal's whole process group are the master's to answer. */
static void set_signals(void)
{
    static const struct {
        int number;
        void (*action)(int);
    } actions[] = {
        {SIGTERM, on_signal}, {WORKER_SIGNAL_POKE, on_signal},
        {SIGALRM, on_repeat}, {SIGINT, SIG_IGN},
        {SIGQUIT, SIG_IGN},   {SIGHUP, SIG_IGN},
        {SIGPIPE, SIG_IGN},   {SIGUSR2, SIG_IGN},
        {SIGCHLD, SIG_DFL},   {SIGTTIN, SIG_IGN},
        {SIGTTOU, SIG_IGN},
    };
    sigset_t none;

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        struct sigaction action = {.sa_handler = actions[i].action}; /* and no SA_RESTART */

        sigaction(actions[i].number, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int worker_control_init(struct worker *worker)
{
    int result = make_timers();

    if (result < 0)
        return result;
    master = worker->start->master;
    /* and what its handler's program gets to leave */
    drain_ms =
        (unsigned)(worker->service->deadlines.drain_ms + 2 * worker->service->deadlines.grace_ms);
    set_signals();
    if (prctl(PR_SET_PDEATHSIG, WORKER_SIGNAL_POKE, 0, 0, 0) < 0)
        return -errno;
    /* It may have died before it was watched. */
    if (getppid() != master)
        raise(WORKER_SIGNAL_POKE);
    return 0;
}

void worker_set_in_handler(bool in)
{
    in_handler = in;
}

static void drain(struct worker *worker, int64_t may_accept, const char *forsaken)
{
    TEST_POINT("drain");
    if (!worker->draining) {
        worker->draining = true;
        worker->may_accept = may_accept;
        worker->forsaken = strdup(forsaken); /* without memory: none */
        worker->leave_by_ms = clock_ms() + worker->service->deadlines.drain_ms;
        log_debug("drain", LOG_INT("pid", getpid()));
    }
    worker_report(worker, RECORD_DRAINING, 0, NULL);
}

static void obey(struct worker *worker, const struct record *record, int passed)
{
    switch (record->type) {
    case RECORD_SERVE:
        worker->may_serve = true;
        break;
    case RECORD_YIELD:
        worker->yielding = !worker->draining && worker->start->keeper_out >= 0;
        drain(worker, record->value, record->text);
        break;
    case RECORD_DRAIN:
        worker->yielding = false;
        drain(worker, record->value, record->text);
        break;
    case RECORD_STOP:
        worker->draining = worker->stopping = true;
        break;
    case RECORD_REOPEN:
        role_reopen_log(passed);
        break;
    case RECORD_WAKE:
        worker->look = true;
        break;
    case RECORD_TRIM:
        worker->trim_to = (unsigned)record->value;
        break;
    default:
        break;
    }
}

/* The client in hand is served yet. A master that is started anew finds the addresses free. */
static void become_orphan(struct worker *worker)
{
    worker->orphan = true;
    worker_unwatch_master(worker);
    for (size_t i = 0; i < worker->start->listener_count; i++)
        close(worker->start->listeners[i]);
}

void worker_attend(struct worker *worker)
{
    struct record record;
    int passed;
    int got;

    worker->called = false;
    worker_signalled = 0;
    arm(repeat_timer, 0, 0);
    while ((got = record_receive_with(worker->start->control_fd, &record, &passed)) > 0)
        obey(worker, &record, passed);
    if (got == 0 && !worker->orphan)
        become_orphan(worker);
    if (!worker->draining && (told_to_drain || worker->orphan))
        drain(worker, 0, "");
}

int worker_report(struct worker *worker, unsigned type, int64_t value, const char *text)
{
    struct record record = {
        .type = type,
        .slot = worker->start->slot,
        .generation = worker->start->generation,
        .value = value,
    };

    if (text)
        snprintf(record.text, sizeof(record.text), "%s", text);
    /* A master that is gone misses nothing; one that does not read keeps nobody from serving. */
    return record_send(worker->start->status_fd, &record) == -EAGAIN ? -EAGAIN : 0;
}
