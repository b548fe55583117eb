/*
 * Shared memory: one slot for each worker, in one anonymous shared mapping made before the first
 * fork. It holds numbers and nothing else: no pointers, no text, nothing that the master must
 * trust.
 *
 * A slot's semaphore guards its counters so that a snapshot is consistent. Only two parties ever
 * take it: the worker that owns the slot, for the time of a copy, and the master. Neither waits for
 * the other without a bound, so a process that dies or stops while it holds the semaphore harms
 * nobody: the worker publishes the next time, the master shows its last snapshot.
 */
#ifndef FRAMED_IPC_SLOTS_H
#define FRAMED_IPC_SLOTS_H

#include "ipc/counters.h"
#include "ipc/histogram.h"

#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum slot_state {
    SLOT_FREE,
    SLOT_STARTING,
    SLOT_IDLE,      /* waits for a client */
    SLOT_READING,   /* has clients, waits for a message */
    SLOT_RECEIVING, /* which has begun, and is not whole */
    SLOT_HANDLING,  /* in the handler */
    SLOT_WRITING,   /* sends replies, and closes */
    SLOT_STATE_COUNT
};

/* What others read without the lock is on a cache line of its own, whatever that costs in padding.
 */
struct slot { // NOLINT(clang-analyzer-optin.performance.Padding)
    /* State and, above it, since when (milliseconds): one word, read without the lock. */
    _Alignas(64) _Atomic uint64_t activity;
    _Atomic uint32_t held; /* connections that the worker has */
    _Alignas(64) sem_t lock;
    /* Two copies, so that a worker that dies amid one leaves the other: its last bit says which one
     * is whole. */
    _Atomic unsigned published;
    struct counters counters[2];
    /* Time in the handler, of handlers that take theirs; read without the lock. */
    _Alignas(64) struct histogram latency;
    /* The client that came over TCP, for the log line of a worker that dies with it. */
    struct sockaddr_in6 peer;
};

/* As many as the largest pools need for three generations at once; untouched pages cost nothing. */
#define SLOTS_MAX 16384

/* Maps COUNT slots, all free. The mapping, or NULL with errno. */
struct slot *slots_map(size_t count);
void slots_unmap(struct slot *slots, size_t count);

/* Master: makes the slot ready for a new worker, whatever the last one left. */
void slot_prepare(struct slot *slot, uint64_t now_ms);

/* Worker: what it does now, and since when. */
static inline void slot_set(struct slot *slot, enum slot_state state, uint64_t now_ms)
{
    atomic_store_explicit(&slot->activity, now_ms << 8 | state, memory_order_relaxed);
}

/* How many connections the worker has; it says so itself. */
static inline void slot_set_held(struct slot *slot, unsigned held)
{
    atomic_store_explicit(&slot->held, held, memory_order_relaxed);
}

static inline unsigned slot_held(const struct slot *slot)
{
    return atomic_load_explicit(&slot->held, memory_order_relaxed);
}

/* The state; a number that is none reads as SLOT_FREE. */
enum slot_state slot_get(const struct slot *slot, uint64_t *since_ms);

/* Worker: publishes its counters. False when the master is reading just now. */
bool slot_publish(struct slot *slot, const struct counters *counters);

/*
 * Master: a consistent copy of the counters, waiting at most about a millisecond. 0, or -EAGAIN
 * (*COUNTERS is untouched).
 */
int slot_snapshot(struct slot *slot, struct counters *counters);

/* Master: the counters that a worker that is dead has published last, lock or no lock. */
void slot_last_counters(const struct slot *slot, struct counters *counters);

/* Worker: whom it serves; NULL: nobody. Only what came over TCP has an address. */
void slot_set_peer(struct slot *slot, const struct sockaddr *peer, socklen_t length);

/* Master: whom a worker that is dead served, as an address that can be written whatever stood
 * there: its length, or 0 for none (*PEER is untouched). */
socklen_t slot_last_peer(const struct slot *slot, struct sockaddr_in6 *peer);

/* "idle", "handling" … for logs and status. */
const char *slot_state_word(enum slot_state state);

#endif
