/* What has come of the messages so far. */
#ifndef FRAMED_TOOLS_FRAMEBENCH_TALLY_H
#define FRAMED_TOOLS_FRAMEBENCH_TALLY_H

#include "tools/framebench/times.h"

#include <stddef.h>
#include <stdint.h>

#define TALLY_WHY_SIZE 256

struct tally {
    uint64_t answered;    /* messages, rightly, within the time that is measured */
    uint64_t bytes;       /* of payload, in these replies */
    uint64_t wrong;       /* replies that are not what was asked, or no messages */
    uint64_t lost;        /* messages on connections that ended before the reply */
    uint64_t late;        /* messages without a reply within the timeout */
    uint64_t unsent;      /* messages of a rate that were due when too many were owed, to the end */
    uint64_t refused;     /* connections that could not be made */
    uint64_t connections; /* that were made */
    struct times times;   /* from a message's own time to its reply */
    char why[TALLY_WHY_SIZE]; /* the first thing that went wrong; "" */
};

/* Keeps the first reason, and counts. */
__attribute__((format(printf, 4, 5))) void tally_fault(struct tally *tally, uint64_t *counter,
                                                       uint64_t count, const char *format, ...);

/* All that is not as it should be. */
uint64_t tally_faults(const struct tally *tally);

#endif
