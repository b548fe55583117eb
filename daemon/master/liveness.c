#include "master/liveness.h"

#include "config/config.h"

#include <stdbool.h>

/* Beyond a deadline that the worker should have kept itself; and from SIGTERM to SIGKILL. */
#define GRACE_MS 1000
/* A worker may be stopped this long where handlers may take for ever. */
#define STOPPED_MS 30000
/* We wake later than we wanted on a machine that is busy, too. */
#define STANDSTILL_MS 500

static uint64_t start_ms(const struct deadlines_config *config)
{
    return config->start_ms;
}

static uint64_t drain_ms(const struct deadlines_config *config)
{
    return config->drain_ms + 2 * config->grace_ms;
}

static uint64_t stopped_ms(const struct deadlines_config *config)
{
    return config->request_ms ? config->request_ms : STOPPED_MS;
}

static uint64_t idle_ms(const struct deadlines_config *config)
{
    return config->idle_ms;
}

static uint64_t frame_ms(const struct deadlines_config *config)
{
    return config->frame_ms;
}

static uint64_t request_ms(const struct deadlines_config *config)
{
    return config->request_ms;
}

/* After the last reply the client is waited for once more. */
static uint64_t write_ms(const struct deadlines_config *config)
{
    return config->write_ms && config->write_ms < config->linger_ms ? config->linger_ms
                                                                    : config->write_ms;
}

static const struct rule {
    const char *word;
    uint64_t (*limit_ms)(const struct deadlines_config *config);
    uint64_t grace_ms; /* 0: it is for us alone to hold */
    bool tell;         /* before it is killed */
    bool at_any_time;
} rules[DEADLINE_COUNT] = {
    [DEADLINE_START] = {"start", start_ms, 0, false, false},
    [DEADLINE_DRAIN] = {"drain", drain_ms, GRACE_MS, false, false},
    [DEADLINE_STOPPED] = {"stopped", stopped_ms, GRACE_MS, false, false},
    [DEADLINE_IDLE] = {"idle", idle_ms, GRACE_MS, true, true},
    [DEADLINE_FRAME] = {"frame", frame_ms, GRACE_MS, true, true},
    [DEADLINE_REQUEST] = {"request", request_ms, GRACE_MS, true, true},
    [DEADLINE_WRITE] = {"write", write_ms, GRACE_MS, true, true},
};

enum deadline liveness_of_activity(enum slot_state activity)
{
    static const enum deadline deadlines[SLOT_STATE_COUNT] = {
        [SLOT_READING] = DEADLINE_IDLE,
        [SLOT_RECEIVING] = DEADLINE_FRAME,
        [SLOT_HANDLING] = DEADLINE_REQUEST,
        [SLOT_WRITING] = DEADLINE_WRITE,
    };

    return activity < SLOT_STATE_COUNT ? deadlines[activity] : DEADLINE_NONE;
}

uint64_t liveness_limit_ms(const struct deadlines_config *config, enum deadline deadline)
{
    const struct rule *rule = &rules[deadline];
    uint64_t limit_ms = rule->limit_ms ? rule->limit_ms(config) : 0;

    return limit_ms ? limit_ms + rule->grace_ms : 0;
}

uint64_t liveness_shortest_ms(const struct deadlines_config *config)
{
    uint64_t shortest_ms = 0;

    for (enum deadline deadline = DEADLINE_NONE; deadline < DEADLINE_COUNT; deadline++) {
        uint64_t limit_ms = rules[deadline].at_any_time ? liveness_limit_ms(config, deadline) : 0;

        if (limit_ms && (shortest_ms == 0 || limit_ms < shortest_ms))
            shortest_ms = limit_ms;
    }
    return shortest_ms;
}

struct liveness_verdict liveness_judge(const struct deadlines_config *config,
                                       const struct liveness_sight *sight, uint64_t now_ms)
{
    uint64_t limit_ms = liveness_limit_ms(config, sight->deadline);
    /* Time in which nobody could do anything is not anybody's fault: all begin anew. */
    uint64_t since_ms = sight->since_ms > sight->resumed_ms ? sight->since_ms : sight->resumed_ms;
    uint64_t due_ms =
        sight->told_ms > sight->resumed_ms ? sight->told_ms + GRACE_MS : since_ms + limit_ms;

    if (limit_ms == 0)
        return (struct liveness_verdict){LIVENESS_WAIT, 0};
    if (now_ms < due_ms)
        return (struct liveness_verdict){LIVENESS_WAIT, due_ms};
    if (rules[sight->deadline].tell && sight->told_ms <= sight->resumed_ms)
        return (struct liveness_verdict){LIVENESS_TELL, now_ms + GRACE_MS};
    return (struct liveness_verdict){LIVENESS_KILL, 0};
}

uint64_t liveness_standstill_ms(uint64_t wanted_ms, uint64_t now_ms)
{
    return wanted_ms && now_ms > wanted_ms + STANDSTILL_MS ? now_ms - wanted_ms : 0;
}

const char *liveness_word(enum deadline deadline)
{
    return rules[deadline].word;
}
