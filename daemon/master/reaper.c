/* The end of processes: why, what it means for the pool, and nothing left behind. */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whom it served when it ended; NULL: nobody that has an address. */
static const char *last_peer(const struct child *child, char text[FRAMED_ADDRESS_TEXT_SIZE])
{
    struct sockaddr_in6 peer;
    socklen_t length = slot_last_peer(&child->master->slots[child->slot], &peer);

    if (length == 0)
        return NULL;
    framed_address_format((const struct sockaddr *)&peer, length, text, FRAMED_ADDRESS_TEXT_SIZE);
    return text;
}

#define CAUSE_SIZE 64

static void describe(int status, char cause[CAUSE_SIZE])
{
    if (WIFSIGNALED(status))
        snprintf(cause, CAUSE_SIZE, "signal %d (%s)%s", WTERMSIG(status),
                 sigdescr_np(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(cause, CAUSE_SIZE, "exit status %d", WEXITSTATUS(status));
}

static const char *const exit_events[ROLE_COUNT] = {
    [ROLE_WORKER] = "worker-exit",
    [ROLE_USHER] = "usher-exit",
    [ROLE_KEEPER] = "keeper-exit",
};

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_WORKER] = "a worker",
    [ROLE_USHER] = "the usher",
    [ROLE_KEEPER] = "the keeper",
};

static void log_exit(const struct child *child, int status, enum pool_exit how)
{
    char cause[CAUSE_SIZE];
    char peer[FRAMED_ADDRESS_TEXT_SIZE];
    int level = how == POOL_LEFT ? LOG_INFO : LOG_WARNING;
    uint64_t now = clock_ms();
    const char *oom = NULL;
    uint64_t since_ms;
    enum slot_state phase = slot_get(&child->master->slots[child->slot], &since_ms);

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !child->killed_for)
        oom = oom_word(&child->master->oom);
    describe(status, cause);
    log_write(level, exit_events[child->role],
              LOG_FIELDS(LOG_STR("service", child->service->config->name),
                         LOG_INT("slot", child->slot), LOG_INT("pid", child->pid),
                         LOG_STR("cause", cause), LOG_STR("killed_for", child->killed_for),
                         LOG_STR("oom", oom),
                         LOG_STR("reason", child->failure[0] ? child->failure : NULL),
                         LOG_STR("peer", last_peer(child, peer)),
                         LOG_INT("connections", slot_held(&child->master->slots[child->slot])),
                         LOG_STR("phase", slot_state_word(phase)),
                         LOG_INT("phase_ms", now > since_ms ? now - since_ms : 0),
                         LOG_INT("lived_ms", now - child->started_ms)));
}

static enum pool_exit exit_kind(const struct child *child, int status)
{
    bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;

    if (child->state == CHILD_DRAINING && clean)
        return POOL_LEFT;
    if (child->state == CHILD_KILLED &&
        (child->leaving || child->service->generation->phase == GENERATION_LEAVING))
        return POOL_LEFT;
    if (!child->was_ready)
        return POOL_STILLBORN;
    return clean && child->acknowledged ? POOL_LEFT : POOL_CRASHED;
}

/* What became of the connection that the worker had, if it had one. */
static enum counter end_reason(const char *killed_for)
{
    static const enum counter deadlines[] = {CLOSE_IDLE, CLOSE_FRAME, CLOSE_REQUEST, CLOSE_WRITE};

    for (size_t i = 0; killed_for && i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
        if (strcmp(killed_for, counter_word(deadlines[i])) == 0)
            return deadlines[i];
    return CLOSE_WORKER_DIED;
}

/* Connections that a worker with these COUNTERS has. */
static uint64_t count_open(const struct counters *counters)
{
    uint64_t open = counters->value[COUNTER_CONNECTIONS] + counters->value[COUNTER_MOVED_IN];
    uint64_t gone = counters->value[COUNTER_MOVED_OUT];

    for (int reason = COUNTER_END_FIRST; reason < COUNTER_COUNT; reason++)
        gone += counters->value[reason];
    return open > gone ? open - gone : 0;
}

/* What the worker did not live to count: the end of its connections, so that as many have ended as
 * have come. Who was killed for a deadline had one, though it may not have told of it, and its
 * others have nothing to do with that. */
static void count_end(const struct child *child, struct counters *counters)
{
    enum counter end = end_reason(child->killed_for);
    uint64_t open = count_open(counters);

    if (open == 0 && end != CLOSE_WORKER_DIED) {
        counters->value[COUNTER_CONNECTIONS]++;
        open = 1;
    }
    if (open == 0)
        return;
    counters->value[end]++;
    counters->value[CLOSE_WORKER_DIED] += open - 1;
}

/* The counters outlive the worker; its semaphore, whatever its state, does not. */
static void release_slot(struct master *master, struct child *child)
{
    struct counters counters;

    slot_last_counters(&master->slots[child->slot], &counters);
    count_end(child, &counters);
    counters_add(&child->service->totals->counters, &counters);
    histogram_merge(&child->service->totals->latency, &master->slots[child->slot].latency);
    slot_set(&master->slots[child->slot], SLOT_FREE, 0);
    master->children[child->slot] = NULL;
    while (master->slots_used > 0 && !master->children[master->slots_used - 1])
        master->slots_used--;
}

void children_wake(struct master *master, const struct totals *totals)
{
    const struct record record = {.type = RECORD_WAKE};

    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        const struct child *child = master->children[slot];

        if (child && child->state == CHILD_READY && (!totals || child->service->totals == totals))
            record_send(child->control_fd, &record);
    }
}

static void close_pipes(struct child *child)
{
    loop_remove(&child->watch);
    close(child->control_fd);
    close(child->status_fd);
}

/* Its pool counts on it no more; who was let go was taken leave of then. */
static void strike_out(const struct child *child, enum pool_exit how)
{
    struct pool *pool = child->pool;

    if (child->leaving) {
        pool_gone(pool);
        return;
    }
    if (child->due)
        pool_undue(pool);
    pool_exited(pool, how, clock_ms());
}

/* One that had been ready proved that the configuration is good: it is replaced. */
static bool is_bearable(struct service *service, enum pool_exit how)
{
    return how != POOL_STILLBORN && ++service->lost <= service->pool.target;
}

/* For those who look, and for who waits for the service to resume. */
static void note_failure(const struct child *child, int status)
{
    struct totals *totals = child->service->totals;
    char cause[CAUSE_SIZE];
    char why[REASON_SIZE + 64];

    describe(status, cause);
    snprintf(why, sizeof(why), "%s %s: %s", role_names[child->role],
             child->killed_for  ? "was killed"
             : child->was_ready ? "ended"
                                : "ended before it was ready",
             child->failure[0]   ? child->failure
             : child->killed_for ? child->killed_for
                                 : cause);
    reason_note(totals->last_error, why);
    totals->failed_ms = clock_ms();
}

/* The start, or the reload, comes to nothing because of CHILD. */
static void give_up(struct master *master, const struct child *child)
{
    const struct service *service = child->service;
    char reason[REASON_SIZE + 128];

    snprintf(reason, sizeof(reason), "service \"%s\": %s%s", service->config->name,
             child->was_ready ? "its workers do not live long enough: " : "",
             child->failure[0] ? child->failure : service->totals->last_error);
    generation_abandon(master, reason);
}

/* A connection may have woken the one that is gone, and nobody else. Who leaves in order takes that
 * one first: so a pool that leaves does not wake the next one once for each of its workers. */
static bool may_have_missed(int status, enum pool_exit how)
{
    return WIFSIGNALED(status) || how == POOL_CRASHED;
}

static void bury(struct master *master, struct child *child, int status)
{
    struct service *service = child->service;
    struct generation *generation = service->generation;
    enum pool_exit how = exit_kind(child, status);

    log_exit(child, status, how);
    if (child->group)
        kill(-child->group, SIGKILL);
    if (child->state == CHILD_READY)
        child->pool->ready--;
    if (how == POOL_CRASHED && child->role == ROLE_WORKER)
        service->totals->crashed++;
    if (how != POOL_LEFT || generation_is_starting(generation))
        note_failure(child, status);
    strike_out(child, how);
    generation->children--;
    release_slot(master, child);
    close_pipes(child);
    service->totals->wake |= may_have_missed(status, how);
    if (generation_is_starting(generation) && !is_bearable(service, how))
        give_up(master, child);
    free(child);
}

static struct child *find_pid(const struct master *master, pid_t pid)
{
    for (unsigned slot = 0; slot < master->slots_used; slot++)
        if (master->children[slot] && master->children[slot]->pid == pid)
            return master->children[slot];
    return NULL;
}

/* Once for all that have ended together. */
static void wake_others(struct master *master)
{
    for (struct totals *totals = master->totals; totals; totals = totals->next) {
        if (totals->wake)
            children_wake(master, totals);
        totals->wake = false;
    }
}

void children_reap(struct master *master)
{
    bool ended = false;
    int status;
    pid_t pid;

    /* Also what is not ours: we inherit orphans. */
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0) {
        struct child *child = find_pid(master, pid);

        if (WIFSTOPPED(status) || WIFCONTINUED(status)) {
            if (child)
                child->stopped_ms = WIFSTOPPED(status) ? clock_ms() : 0;
            continue;
        }
        ended = true;
        if (!child)
            continue;
        child_listen(child, INT32_MAX); /* its last words; nobody writes any more */
        bury(master, child, status);
    }
    wake_others(master);
    if (ended)
        orphans_end(master);
}
