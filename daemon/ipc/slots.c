#include "ipc/slots.h"

#include "base/points.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

/* How long the master waits for a worker's copy to end: a copy takes well below a microsecond. */
#define SNAPSHOT_WAIT_NS 1000000

struct slot *slots_map(size_t count)
{
    void *memory = mmap(NULL, count * sizeof(struct slot), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return memory == MAP_FAILED ? NULL : memory;
}

void slots_unmap(struct slot *slots, size_t count)
{
    if (slots)
        munmap(slots, count * sizeof(struct slot));
}

void slot_prepare(struct slot *slot, uint64_t now_ms)
{
    memset(slot->counters, 0, sizeof(slot->counters));
    atomic_store_explicit(&slot->published, 0, memory_order_relaxed);
    slot_set_held(slot, 0);
    slot_set_peer(slot, NULL, 0);
    memset(&slot->latency, 0, sizeof(slot->latency));
    sem_init(&slot->lock, 1, 1);
    slot_set(slot, SLOT_STARTING, now_ms);
}

enum slot_state slot_get(const struct slot *slot, uint64_t *since_ms)
{
    uint64_t activity = atomic_load_explicit(&slot->activity, memory_order_relaxed);

    *since_ms = activity >> 8;
    return (activity & 0xff) < SLOT_STATE_COUNT ? (enum slot_state)(activity & 0xff) : SLOT_FREE;
}

bool slot_publish(struct slot *slot, const struct counters *counters)
{
    unsigned next;

    if (sem_trywait(&slot->lock) < 0)
        return false;
    next = atomic_load_explicit(&slot->published, memory_order_relaxed) + 1;
    slot->counters[next & 1] = *counters;
    TEST_POINT("publish");
    atomic_store_explicit(&slot->published, next, memory_order_release);
    sem_post(&slot->lock);
    return true;
}

int slot_snapshot(struct slot *slot, struct counters *counters)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += SNAPSHOT_WAIT_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    while (sem_clockwait(&slot->lock, CLOCK_MONOTONIC, &until) < 0)
        if (errno != EINTR)
            return -EAGAIN;
    slot_last_counters(slot, counters);
    TEST_POINT("snapshot");
    sem_post(&slot->lock);
    return 0;
}

void slot_last_counters(const struct slot *slot, struct counters *counters)
{
    *counters = slot->counters[atomic_load_explicit(&slot->published, memory_order_acquire) & 1];
}

static socklen_t address_length(sa_family_t family)
{
    return family == AF_INET    ? sizeof(struct sockaddr_in)
           : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                : 0;
}

void slot_set_peer(struct slot *slot, const struct sockaddr *peer, socklen_t length)
{
    memset(&slot->peer, 0, sizeof(slot->peer));
    if (peer && length >= sizeof(sa_family_t) && address_length(peer->sa_family) == length)
        memcpy(&slot->peer, peer, length);
}

socklen_t slot_last_peer(const struct slot *slot, struct sockaddr_in6 *peer)
{
    const struct sockaddr_in6 copy = slot->peer;
    socklen_t length = address_length(copy.sin6_family);

    if (length > 0)
        *peer = copy;
    return length;
}

const char *slot_state_word(enum slot_state state)
{
    static const char *const words[] = {
        [SLOT_FREE] = "free",       [SLOT_STARTING] = "starting",   [SLOT_IDLE] = "idle",
        [SLOT_READING] = "reading", [SLOT_RECEIVING] = "receiving", [SLOT_HANDLING] = "handling",
        [SLOT_WRITING] = "writing",
    };

    return state < SLOT_STATE_COUNT ? words[state] : "unknown";
}
