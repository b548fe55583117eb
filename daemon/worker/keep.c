/*
 * Which of its connections a worker has while it serves one of them. Where handling takes no time,
 * all: to wait for them itself costs the least. Where it takes long, none but that one: whoever
 * else calls meanwhile is to be heard by a worker that is free, and goes to the keeper before; or,
 * where nobody could know, as soon as it turns out (patience.c). Who is alone stays in any case.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "config/config.h"
#include "ipc/parcel.h"

#include <limits.h>
#include <poll.h>

/* The typical time, in microseconds, from which on a message is worth the move of another
 * connection, to the keeper and back: that costs about 10. */
#define WORTH_US 200
/* Of the last so many batches, about. The clock has ticks of some milliseconds, which even out over
 * many: one tick alone must not look like a slow handler. */
#define MEMORY 256

void worker_note_pace(struct worker *worker, uint64_t took_ms)
{
    int64_t took_us = (int64_t)(took_ms < 1000 ? took_ms : 1000) * 1000;

    worker->typical_us += ((double)took_us - worker->typical_us) / MEMORY;
}

static bool is_slow(const struct worker *worker)
{
    return !worker->handler->ops->immediate && worker->typical_us >= WORTH_US;
}

static bool can_keep(const struct worker *worker)
{
    return worker->start->keeper_out >= 0 && !worker->handler->sticky && !worker->draining;
}

bool worker_keeps(const struct worker *worker)
{
    enum idle_mode mode = worker->service->workers.idle;

    return can_keep(worker) && (mode == IDLE_KEEP || (mode == IDLE_AUTO && is_slow(worker)));
}

static int keep(struct worker *worker, struct client *client)
{
    return worker_give(worker, client, worker->start->keeper_out);
}

/* Those for whom the keeper has no room just now stay. */
void worker_make_way(struct worker *worker)
{
    static const enum held_list order[] = {HELD_QUIET, HELD_BEGUN};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct client *next;

        for (struct client *client = worker->held.first[order[i]]; client; client = next) {
            next = client->next;
            if (!client->stays && keep(worker, client) < 0 && !client->stays)
                return;
        }
    }
}

/* A handler is not asked to save one connection in the middle of another one's message. */
bool worker_has_others(const struct worker *worker)
{
    return worker->held.count > 1 && can_keep(worker) && !worker->handler->saves &&
           worker->service->workers.idle != IDLE_HOLD;
}

/* Who has been silent for the longest, of those who can go. */
static struct client *silent(const struct worker *worker)
{
    struct client *client = worker->held.first[HELD_QUIET];

    while (client && client->stays)
        client = client->next;
    return client;
}

bool worker_has_room(const struct worker *worker)
{
    if (worker->held.count < worker->room)
        return true;
    return silent(worker) && worker->room > 1 && can_keep(worker) &&
           worker->service->workers.idle != IDLE_HOLD && worker->looked_ms >= worker->crowded_ms;
}

void worker_mind_memory(struct worker *worker)
{
    struct held *held = &worker->held;

    while (held->unread > worker->service->limits.max_unread &&
           held->first[HELD_BEGUN] != held->last[HELD_BEGUN]) {
        worker_take(worker, held->first[HELD_BEGUN]);
        worker_end(worker, CLOSE_EVICTED);
    }
}

void worker_trim(struct worker *worker)
{
    while (worker->held.count > worker->trim_to && worker->held.first[HELD_QUIET]) {
        worker_take(worker, worker->held.first[HELD_QUIET]);
        worker_end(worker, CLOSE_EVICTED);
    }
    worker->trim_to = UINT_MAX;
}

/* Another worker may have been faster: then nobody has to go. */
static bool is_calling(int fd)
{
    struct pollfd caller = {.fd = fd, .events = POLLIN};

    return poll(&caller, 1, 0) > 0;
}

bool worker_make_room(struct worker *worker, int fd)
{
    if (worker->held.count < worker->room)
        return true;
    if (!is_calling(fd))
        return false;
    if (worker_has_room(worker) && keep(worker, silent(worker)) == 0)
        return true;
    worker->crowded_ms = clock_coarse_ms() + PARCEL_AGAIN_MS;
    return false;
}
