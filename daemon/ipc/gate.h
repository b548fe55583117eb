/*
 * What master and workers share of a listener: how many were accepted from it, by whomever. The
 * kernel hands connections out in the order in which they came, so this number and the depth of the
 * queue tell who in it came when, and nobody has to touch a connection for that.
 *
 * It lives as long as its listener, over reloads and over the processes that count in it. One that
 * is killed between accepting and counting leaves the number short by one.
 */
#ifndef FRAMED_IPC_GATE_H
#define FRAMED_IPC_GATE_H

#include <stdatomic.h>
#include <stdint.h>

struct gate {
    _Atomic uint64_t accepted;
    _Atomic uint64_t
        reject_to; /* the usher takes whoever comes before this one has been accepted */
};

/* Maps a gate for this process and those that it forks. NULL with errno. */
struct gate *gate_map(void);
void gate_unmap(struct gate *gate);

/* Whoever accepts: one more. */
static inline void gate_pass(struct gate *gate)
{
    atomic_fetch_add_explicit(&gate->accepted, 1, memory_order_relaxed);
}

static inline uint64_t gate_accepted(const struct gate *gate)
{
    return atomic_load_explicit(&gate->accepted, memory_order_relaxed);
}

#endif
