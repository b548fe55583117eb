/* Holds the workers to their deadlines, as liveness.c says. */
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"
#include "master/liveness.h"
#include "master/master.h"

#include <signal.h>
#include <stdio.h>

/* When to try again to tell what found a pipe full. */
#define PAY_AGAIN_MS 500
#define HELPER_STOPPED_MS 1000

/* Asks the one who should have seen to it itself. */
static void warn_late(struct child *child, enum deadline deadline, enum slot_state activity,
                      uint64_t since_ms, uint64_t now_ms)
{
    log_warning("worker-late", LOG_STR("service", child->service->config->name),
                LOG_INT("slot", child->slot), LOG_INT("pid", child->pid),
                LOG_STR("deadline", liveness_word(deadline)),
                LOG_STR("phase", slot_state_word(activity)),
                LOG_INT("phase_ms", now_ms - since_ms));
    child->told_ms = now_ms;
    child->told_since_ms = since_ms;
    kill(child->pid, SIGTERM);
}

/* Holds it to the deadline of what it is at. When to look again. */
static uint64_t check_activity(struct child *child, uint64_t now_ms)
{
    const struct deadlines_config *deadlines = &child->service->config->deadlines;
    struct liveness_sight sight = {.resumed_ms = child->master->resumed_ms};
    uint64_t shortest_ms = liveness_shortest_ms(deadlines);
    struct liveness_verdict verdict;
    enum slot_state activity;

    if (child->role != ROLE_WORKER ||
        (child->state != CHILD_READY && child->state != CHILD_DRAINING))
        return 0;
    activity = slot_get(&child->master->slots[child->slot], &sight.since_ms);
    sight.deadline = liveness_of_activity(activity);
    sight.told_ms = child->told_since_ms == sight.since_ms ? child->told_ms : 0;
    verdict = liveness_judge(deadlines, &sight, now_ms);
    if (verdict.step == LIVENESS_KILL) {
        child_kill(child, liveness_word(sight.deadline));
        return 0;
    }
    if (verdict.step == LIVENESS_TELL)
        warn_late(child, sight.deadline, activity, sight.since_ms, now_ms);
    /* What it begins a moment from now can run out no sooner. */
    return clock_earlier(verdict.next_ms, shortest_ms ? now_ms + shortest_ms : 0);
}

/* Whoever is stopped cannot keep a deadline, not even that of a client it was reading from. */
static uint64_t check_stopped(struct child *child, uint64_t now_ms)
{
    const struct liveness_sight sight = {.deadline = DEADLINE_STOPPED,
                                         .since_ms = child->stopped_ms,
                                         .resumed_ms = child->master->resumed_ms};
    struct liveness_verdict verdict;

    if (child->role != ROLE_WORKER ||
        (child->state != CHILD_READY && child->state != CHILD_DRAINING) || !child->stopped_ms)
        return 0;
    verdict = liveness_judge(&child->service->config->deadlines, &sight, now_ms);
    if (verdict.step == LIVENESS_KILL)
        child_kill(child, liveness_word(DEADLINE_STOPPED));
    return verdict.next_ms;
}

/* A stopped usher keeps nobody but those whom it should turn away; a stopped keeper all that it
 * has, and nobody knows for how long. */
static uint64_t check_helper(struct child *child, uint64_t now_ms)
{
    uint64_t resumed_ms = child->master->resumed_ms;
    uint64_t since_ms = child->stopped_ms > resumed_ms ? child->stopped_ms : resumed_ms;

    if (child->role == ROLE_WORKER || !child->stopped_ms ||
        (child->state != CHILD_READY && child->state != CHILD_DRAINING))
        return 0;
    if (now_ms < since_ms + HELPER_STOPPED_MS)
        return since_ms + HELPER_STOPPED_MS;
    child_kill(child, liveness_word(DEADLINE_STOPPED));
    return 0;
}

static void pay(struct child *child)
{
    unsigned owed = child->owed;

    child->owed = 0;
    for (unsigned type = 0; type < RECORD_TYPE_END; type++)
        if (owed & 1U << type)
            child_tell(child, type, 0);
}

/* That its start, or its leave, comes to an end; and that it hears of what it owes us. */
static uint64_t check_state(struct child *child, uint64_t now_ms)
{
    if (child->deadline_ms && now_ms >= child->deadline_ms) {
        bool starts = child->state == CHILD_STARTING;

        if (starts)
            snprintf(child->failure, sizeof(child->failure),
                     "a worker was not ready within the start deadline");
        child_kill(child, liveness_word(starts ? DEADLINE_START : DEADLINE_DRAIN));
        return 0;
    }
    if (child->state == CHILD_DRAINING && !child->acknowledged) {
        if (now_ms >= child->repeat_ms)
            child_drain(child, child->may_accept);
        return clock_earlier(child->deadline_ms, child->repeat_ms);
    }
    if (child->owed) {
        pay(child);
        return clock_earlier(child->deadline_ms, now_ms + PAY_AGAIN_MS);
    }
    return child->deadline_ms;
}

uint64_t children_check(struct master *master, uint64_t now_ms)
{
    static uint64_t (*const checks[])(struct child * child, uint64_t now_ms) = {
        check_stopped, check_helper, check_activity, check_state, child_check_lifetime};
    uint64_t wake_ms = 0;

    for (unsigned slot = 0; slot < master->slots_used; slot++)
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
            if (master->children[slot])
                wake_ms = clock_earlier(wake_ms, checks[i](master->children[slot], now_ms));
    return wake_ms;
}

void children_forgive(struct master *master, uint64_t wanted_ms, uint64_t now_ms)
{
    uint64_t lost_ms = liveness_standstill_ms(wanted_ms, now_ms);

    if (lost_ms == 0)
        return;
    log_warning("standstill", LOG_INT("lost_ms", lost_ms));
    master->resumed_ms = now_ms;
    for (unsigned slot = 0; slot < master->slots_used; slot++)
        if (master->children[slot] && master->children[slot]->deadline_ms)
            master->children[slot]->deadline_ms += lost_ms;
}
