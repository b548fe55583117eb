/* The workers as processes: fork, pipes, orders. Their end is in reaper.c. */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sink.h"
#include "config/config.h"
#include "ipc/record.h"
#include "master/liveness.h"
#include "master/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Records taken from one worker before others get their turn. */
#define RECORDS_A_ROUND 8
/* Workers see to it themselves that no poke is lost; this is for a worker that was stopped. */
#define DRAIN_REPEAT_MS 1000
/* What a worker gets, beyond the start deadline, to say why its handler failed the probe. */
#define PROBE_GRACE_MS 1000
/* What must not be lost when a pipe is full. */
#define OWED (1U << RECORD_REOPEN | 1U << RECORD_SERVE)

static int free_slot(const struct master *master)
{
    for (unsigned slot = 0; slot < SLOTS_MAX; slot++)
        if (!master->children[slot])
            return (int)slot;
    return -EAGAIN;
}

static bool is_known(const struct child *child, const struct record *record)
{
    return record->slot == child->slot && record->generation == child->generation;
}

static const char *const ready_events[ROLE_COUNT] = {
    [ROLE_WORKER] = "worker-ready",
    [ROLE_USHER] = "usher-ready",
    [ROLE_KEEPER] = "keeper-ready",
};

static void on_ready(struct child *child)
{
    if (child->state != CHILD_STARTING)
        return;
    child->state = CHILD_READY;
    child->was_ready = true;
    child->deadline_ms = 0;
    child->pool->ready++;
    pool_ready(child->pool);
    log_info(ready_events[child->role], LOG_STR("service", child->service->config->name),
             LOG_INT("slot", child->slot), LOG_INT("pid", child->pid),
             LOG_INT("start_ms", clock_ms() - child->started_ms));
    if (child->service->generation->phase == GENERATION_CURRENT)
        child_serve(child);
    generation_progress(child->master, child->service->generation);
}

static void on_failed(struct child *child, const struct record *record)
{
    snprintf(child->failure, sizeof(child->failure), "%s", record->text);
}

/* Its pool counts on it no more. */
static void let_go(struct child *child)
{
    const struct deadlines_config *deadlines = &child->service->config->deadlines;

    if (!child->leaving) {
        child->leaving = true;
        pool_let_go(child->pool, child->due);
    }
    if (child->state == CHILD_READY) {
        child->pool->ready--;
        child->state = CHILD_DRAINING;
        child->deadline_ms = clock_ms() + liveness_limit_ms(deadlines, DEADLINE_DRAIN);
    }
}

/* Perhaps not our order: who got a SIGTERM leaves all the same, and has as much time for it. */
static void on_draining(struct child *child)
{
    child->acknowledged = true;
    if (child->state == CHILD_READY)
        let_go(child);
}

static void on_group(struct child *child, const struct record *record)
{
    /* Only what can be a group of its own making: never everybody's (0, 1, or what becomes one of
     * them in a pid_t) or ours. */
    child->group = record->value > 1 && record->value <= INT32_MAX && record->value != getpgrp()
                       ? (pid_t)record->value
                       : 0;
    /* If it was the kernel that ended the one before, its worker has told that. */
    oom_note(&child->master->oom);
}

/* For those who look: its worker is well, and replaces it by itself. */
static void on_fault(struct child *child, const struct record *record)
{
    struct totals *totals = child->service->totals;

    reason_note(totals->last_error, record->text);
    totals->failed_ms = clock_ms();
}

static void take_record(struct child *child, const struct record *record)
{
    if (!is_known(child, record))
        return;
    switch (record->type) {
    case RECORD_READY:
        on_ready(child);
        break;
    case RECORD_FAILED:
        on_failed(child, record);
        break;
    case RECORD_DRAINING:
        on_draining(child);
        break;
    case RECORD_GROUP:
        on_group(child, record);
        break;
    case RECORD_FAULT:
        on_fault(child, record);
        break;
    case RECORD_RECYCLE:
        child_due(child, record->value);
        break;
    default:
        break;
    }
}

void child_listen(struct child *child, int most)
{
    struct record record;
    int got = 1;

    while (most-- > 0 && (got = record_receive(child->status_fd, &record)) > 0)
        take_record(child, &record);
    /* A pipe at its end stays readable; what it means, the process's own end will tell. */
    if (got == 0)
        loop_remove(&child->watch);
}

static void on_status(struct watch *watch, uint32_t events)
{
    (void)events;
    child_listen((struct child *)(void *)watch, RECORDS_A_ROUND);
}

/* Who is another user cannot open the log anew, and is handed it: over a socket. */
static bool takes_descriptors(const struct child *child)
{
    const struct process_config *process = &child->service->config->process;

    return child->role != ROLE_USHER && (process->user || process->group);
}

static int open_pipes(const struct child *child, int control[2], int status[2])
{
    if (takes_descriptors(child)
            ? socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0
            : pipe2(control, O_CLOEXEC) < 0)
        return -errno;
    if (pipe2(status, O_CLOEXEC) < 0) {
        int result = -errno;

        close(control[0]);
        close(control[1]);
        return result;
    }
    /* Neither side ever waits for the other. */
    for (int end = 0; end < 2; end++) {
        fcntl(control[end], F_SETFL, O_NONBLOCK);
        fcntl(status[end], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static void run_role(const struct child *child, int control_fd, int status_fd, pid_t master)
    __attribute__((noreturn));
static void run_role(const struct child *child, int control_fd, int status_fd, pid_t master)
{
    const struct service *service = child->service;
    const struct worker_start start = {
        .config = service->generation->config,
        .service = service->config,
        .slot = child->slot,
        .generation = child->generation,
        .shared = &child->master->slots[child->slot],
        .control_fd = control_fd,
        .status_fd = status_fd,
        .listeners = service->listener_fds,
        .listener_count = service->listener_count,
        .gates = service->gates,
        .shelf_out = service->shelf ? service->shelf->workers.out : -1,
        .shelf_in = service->shelf ? service->shelf->workers.in : -1,
        .keeper_out = service->shelf ? service->shelf->keeper.out : -1,
        .keeper_in = service->shelf ? service->shelf->keeper.in : -1,
        .max_requests = pool_jitter(service->config->workers.max_requests, child->generation),
        .mark = orphans_mark(child->master, child->generation),
        .master = master,
        .file_limit = child->master->file_limit,
    };

    child->master->options->roles->entry[child->role](&start);
    _exit(EXIT_FAILURE);
}

static int fork_child(struct child *child)
{
    int control[2] = {-1, -1};
    int status[2] = {-1, -1};
    pid_t master = getpid();
    int result = open_pipes(child, control, status);

    if (result < 0)
        return result;
    child->pid = fork();
    if (child->pid == 0)
        run_role(child, control[0], status[1], master);
    result = child->pid < 0 ? -errno : 0;
    close(control[0]);
    close(status[1]);
    child->control_fd = control[1];
    child->status_fd = status[0];
    if (result == 0)
        result =
            loop_add(&child->master->loop, &child->watch, child->status_fd, EPOLLIN, on_status);
    if (result < 0) {
        close(child->control_fd);
        close(child->status_fd);
    }
    return result;
}

int child_start(struct master *master, struct service *service, enum role role)
{
    uint64_t now = clock_ms();
    int slot = free_slot(master);
    struct child *child = slot < 0 ? NULL : calloc(1, sizeof(*child));
    int result;

    if (!child)
        return slot < 0 ? slot : -ENOMEM;
    child->master = master;
    child->service = service;
    child->role = role;
    child->pool = keepers_pool(service, role);
    child->slot = (unsigned)slot;
    child->generation = ++master->child_number;
    child->started_ms = now;
    /* With a probe the worker sees to it, and knows better what has gone wrong. */
    child->deadline_ms = now + liveness_limit_ms(&service->config->deadlines, DEADLINE_START) +
                         (service->config->handler.probe.data ? PROBE_GRACE_MS : 0);
    slot_prepare(&master->slots[slot], now);
    result = fork_child(child);
    if (result < 0) {
        slot_set(&master->slots[slot], SLOT_FREE, now);
        free(child);
        return result;
    }
    master->children[slot] = child;
    if (child->slot >= master->slots_used)
        master->slots_used = child->slot + 1;
    service->generation->children++;
    service->totals->started += role == ROLE_WORKER;
    pool_started(child->pool);
    return 0;
}

static int send_record(const struct child *child, const struct record *record)
{
    if (record->type == RECORD_REOPEN && takes_descriptors(child))
        return record_send_with(child->control_fd, record, sink_file());
    return record_send(child->control_fd, record);
}

void child_tell(struct child *child, unsigned type, int64_t value)
{
    struct record record = {
        .type = type, .slot = child->slot, .generation = child->generation, .value = value};

    if ((type == RECORD_DRAIN || type == RECORD_YIELD) && child->service->forsaken)
        snprintf(record.text, sizeof(record.text), "%s", child->service->forsaken);
    /* To leave is told again anyway, and a full pipe already holds reason enough to look. */
    if (send_record(child, &record) == -EAGAIN)
        child->owed |= (1U << type) & OWED;
    if (child->state != CHILD_STARTING || type != RECORD_REOPEN)
        kill(child->pid, WORKER_SIGNAL_POKE);
}

void child_serve(struct child *child)
{
    child_tell(child, RECORD_SERVE, 0);
}

void child_drain(struct child *child, int64_t may_accept)
{
    let_go(child);
    if (child->state == CHILD_STARTING) {
        child_kill(child, "not needed");
        return;
    }
    child->may_accept = may_accept;
    child->repeat_ms = clock_ms() + DRAIN_REPEAT_MS;
    child_tell(child,
               service_is_taken_over(child->master, child->service) ? RECORD_YIELD : RECORD_DRAIN,
               may_accept);
}

void child_kill(struct child *child, const char *why)
{
    if (child->state == CHILD_READY)
        child->pool->ready--;
    child->state = CHILD_KILLED;
    child->killed_for = why;
    child->deadline_ms = 0;
    kill(child->pid, SIGKILL);
    if (child->group)
        kill(-child->group, SIGKILL);
}
