/*
 * How often the clock is read beside messages. It costs about as much as a quick handler itself, so
 * while messages are quick one reading closes a run of several, and their times are shared out; as
 * soon as one takes longer each gets a reading of its own. Pure: it knows times, not clocks.
 */
#ifndef FRAMED_WORKER_PACE_H
#define FRAMED_WORKER_PACE_H

#include "ipc/histogram.h"

#include <stdint.h>

/* Messages are quick when they take no longer than this in the mean of their run. */
#define PACE_QUICK_NS 1000U
/* Most messages in a run: more would save little. */
#define PACE_RUN_MAX 16U

struct pace {
    uint64_t began_ns;   /* of the run; 0: the next one has to look at the clock */
    uint64_t usually_ns; /* what a message of the run before took */
    unsigned length;     /* messages that the run may have; 0: as 1 */
    unsigned handled;    /* messages that it has had */
};

/*
 * A run of at least one message ends at NOW_NS: adds their times to HISTOGRAM, and begins the next
 * run, of LONGEST messages at most. What it took beyond what its messages usually take is the last
 * one's, since whoever finds that time has passed ends the run there. Returns the time of that one.
 */
uint64_t pace_end(struct pace *pace, uint64_t now_ns, unsigned longest,
                  struct histogram *histogram);

#endif
