/*
 * An open loop's schedule: which lane sends when, whatever has become of its earlier messages. Each
 * lane has an even share of the rate. Times are those that were meant, so that a server that stalls
 * is charged for all who would have waited (there is no coordinated omission).
 */
#ifndef FRAMED_TOOLS_FRAMEBENCH_SCHEDULE_H
#define FRAMED_TOOLS_FRAMEBENCH_SCHEDULE_H

#include "tools/framebench/lane.h"

#include <stddef.h>
#include <stdint.h>

struct schedule {
    struct lane **heap; /* the lane that is due first is the first */
    size_t count;
    double gap_ns; /* from one message of a lane to its next, on average */
    bool poisson;
    uint64_t random;
};

/* 0 or -ENOMEM. All LANES get a first time from NOW_NS on. */
int schedule_init(struct schedule *schedule, const struct plan *plan, struct lane *lanes,
                  uint64_t now_ns);
void schedule_deinit(struct schedule *schedule);

/* When the first is due; UINT64_MAX without lanes. */
uint64_t schedule_next_ns(const struct schedule *schedule);

/* Takes out the lane that is due first. It is to be put back, or all is over. */
struct lane *schedule_pop(struct schedule *schedule);
void schedule_push(struct schedule *schedule, struct lane *lane);

/* LANE has had its message: when is the next? */
void schedule_advance(struct schedule *schedule, struct lane *lane);

#endif
