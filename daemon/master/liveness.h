/*
 * Liveness policy: who is given up, and when. Pure: it knows which deadline runs, since when, and
 * what time it is, and does nothing itself, so that its rules are tested with a clock of the test's
 * own.
 *
 * Workers hold their deadlines themselves. One that does not, because it spins or hangs, gets a
 * second more; then SIGTERM, which ends a wait in a module and lets the worker close its client
 * with the reason, and leave in order; and SIGKILL a second later. Where SIGTERM could bring
 * nothing it is not sent: who is stopped would not get it, who drains was told already, and who
 * starts has nobody to take leave of.
 */
#ifndef FRAMED_MASTER_LIVENESS_H
#define FRAMED_MASTER_LIVENESS_H

#include "ipc/slots.h"

#include <stdint.h>

struct deadlines_config;

enum deadline {
    DEADLINE_NONE,
    DEADLINE_START,
    DEADLINE_DRAIN,
    DEADLINE_STOPPED, /* by a signal: such a one keeps no deadline at all */
    DEADLINE_IDLE,
    DEADLINE_FRAME,
    DEADLINE_REQUEST,
    DEADLINE_WRITE,
    DEADLINE_COUNT
};

/* What is to be seen of a worker. */
struct liveness_sight {
    enum deadline deadline; /* that runs */
    uint64_t since_ms;
    uint64_t resumed_ms; /* when the machine, or the master, last went on after a standstill */
    uint64_t told_ms;    /* when SIGTERM was sent for this; 0: it was not */
};

enum liveness_step {
    LIVENESS_WAIT,
    LIVENESS_TELL, /* SIGTERM */
    LIVENESS_KILL, /* SIGKILL, the handler's process group included */
};

struct liveness_verdict {
    enum liveness_step step;
    uint64_t next_ms; /* when the step after this one may be due; 0: never */
};

struct liveness_verdict liveness_judge(const struct deadlines_config *config,
                                       const struct liveness_sight *sight, uint64_t now_ms);

/* The deadline that runs while a worker is in ACTIVITY. */
enum deadline liveness_of_activity(enum slot_state activity);

/* From the start of DEADLINE to its first step; 0: it is off. */
uint64_t liveness_limit_ms(const struct deadlines_config *config, enum deadline deadline);

/* The shortest of those that may begin to run at any time; 0: none does. */
uint64_t liveness_shortest_ms(const struct deadlines_config *config);

/* How long everything stood still, when we wanted to wake at WANTED_MS (0: whenever) and it is
 * NOW_MS; 0: it did not. */
uint64_t liveness_standstill_ms(uint64_t wanted_ms, uint64_t now_ms);

/* The word for the log. */
const char *liveness_word(enum deadline deadline);

#endif
