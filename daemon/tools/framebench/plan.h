/* What a run of framebench is to do, as the command line says it. */
#ifndef FRAMED_TOOLS_FRAMEBENCH_PLAN_H
#define FRAMED_TOOLS_FRAMEBENCH_PLAN_H

#include <framed/address.h>
#include <framed/framing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_SIZES_MAX 16
#define PLAN_CONNECTIONS_MAX 100000
#define PLAN_DEPTH_MAX 65536

/* Payloads of SIZE bytes, WEIGHT times as often as those of weight 1. */
struct plan_size {
    size_t size;
    unsigned weight;
};

struct plan {
    const char *address_text;
    const char *framing_text;
    const char *reply_framing_text; /* NULL: as the framing says */
    struct framed_address address;
    struct framed_framing *framing;
    struct framed_framing *reply_framing;
    unsigned connections;
    unsigned depth; /* messages under way on each connection */
    struct plan_size sizes[PLAN_SIZES_MAX];
    unsigned size_count;
    unsigned size_weight; /* of all sizes together */
    size_t size_max;      /* bytes */
    uint64_t rate;        /* messages a second in all, whether answered or not; 0: closed loop */
    uint64_t count;       /* messages in all; 0: as many as there is time for */
    uint64_t duration_ms; /* that is measured */
    uint64_t warmup_ms;   /* that comes before it */
    uint64_t timeout_ms;  /* for a connection, and for each reply */
    bool poisson;         /* messages of a rate come at random, not evenly */
    bool connects;        /* a connection for each message */
    bool verifies;        /* replies are the messages themselves */
    bool json;
    bool quiet; /* no line that shows how far it is */
};

/*
 * Reads the command line. 0, or an exit status for the caller (with what there is to say on
 * standard output or error), or -1 to go on. Free with plan_deinit().
 */
int plan_init(struct plan *plan, int argc, char **argv);
void plan_deinit(struct plan *plan);

#endif
