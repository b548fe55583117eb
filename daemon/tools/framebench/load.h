/* The run: connects, warms up, measures, and waits for the last replies. */
#ifndef FRAMED_TOOLS_FRAMEBENCH_LOAD_H
#define FRAMED_TOOLS_FRAMEBENCH_LOAD_H

#include "tools/framebench/lane.h"
#include "tools/framebench/plan.h"
#include "tools/framebench/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_phase {
    LOAD_CONNECTING,
    LOAD_WARMING,
    LOAD_MEASURING,
    LOAD_ENDING, /* nothing more is sent */
    LOAD_OVER,
};

struct load {
    const struct plan *plan;
    struct lanes shared;
    struct lane *lanes;
    struct schedule schedule;
    enum load_phase phase;
    unsigned opened;      /* lanes that were opened for the first time */
    uint64_t phase_ns;    /* when the phase began */
    uint64_t settled;     /* messages of all lanes, when it was last looked */
    uint64_t settled_ns;  /* when there were fewer for the last time */
    uint64_t tick_ns;     /* when to look after what has no event */
    uint64_t measured_ns; /* how long it was measured */
    double cpu_seconds;   /* CPU time of this process meanwhile */
};

/* Connects the first lane. 0, or a negative errno with a message in ERROR. */
int load_init(struct load *load, const struct plan *plan, char *error, size_t size);

/* Does the next piece of work: false when all is over. To be called again and again. */
bool load_step(struct load *load);

/* Ends early: what has been measured so far is what there is. */
void load_stop(struct load *load);

void load_deinit(struct load *load);

#endif
