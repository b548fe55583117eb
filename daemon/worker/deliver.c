/*
 * Handlers that answer later: replies come while we wait, for the client or for them, and leave as
 * they come.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "config/config.h"

/* What the client waits for in vain when it is closed for one of these. */
static bool owes_nothing_after(enum counter reason)
{
    return reason == CLOSE_DRAIN || reason == CLOSE_REQUEST || reason == CLOSE_WRITE ||
           reason >= CLOSE_RESET;
}

static enum handler_farewell farewell_of(enum counter reason)
{
    if (reason == CLOSE_CLIENT)
        return FAREWELL_CLIENT;
    if (reason < CLOSE_IDLE)
        return FAREWELL_ORDER;
    if (reason < CLOSE_OVERSIZE)
        return FAREWELL_DEADLINE;
    return reason < CLOSE_RESET ? FAREWELL_MESSAGE : FAREWELL_FAULT;
}

void worker_set_waiting(struct worker *worker)
{
    const struct handler *handler = worker->handler;

    if (handler->owed > 0)
        slot_set(worker->slot, SLOT_HANDLING, handler->owed_since_ms);
    else if (worker->untaken)
        slot_set(worker->slot, SLOT_HANDLING, worker->handled_ms);
    else if (!framed_conn_drained(&worker->conn))
        slot_set(worker->slot, SLOT_RECEIVING, worker->client->frame_since_ms);
    else
        slot_set(worker->slot, SLOT_READING, worker->client->heard_ms);
}

void worker_answered(void *context, uint64_t began_ns, size_t length)
{
    struct worker *worker = context;
    uint64_t took_us = (clock_ns() - began_ns) / 1000;

    histogram_add(&worker->slot->latency, took_us, 1);
    worker_log_slow(worker, length, took_us / 1000);
}

enum counter worker_pump(struct worker *worker, const struct pollfd *ready, int count)
{
    struct handler *handler = worker->handler;
    uint64_t began_ms = clock_coarse_ms();
    uint64_t sent = worker->conn.bytes_out;
    enum counter reason;
    uint64_t now;

    worker->reply_error = 0;
    if (handler->owed > 0)
        slot_set(worker->slot, SLOT_HANDLING, handler->owed_since_ms);
    reason = worker_reason(worker, handler->ops->pump(handler, ready, count));
    if (worker->reply_error >= 0 && framed_conn_queued(&worker->conn) > 0) {
        enum counter sent_all = worker_send(worker);

        if (sent_all != KEEP_SERVING)
            reason = sent_all;
    }
    now = clock_coarse_ms();
    handler->away_ms += now - began_ms;
    handler->owed_since_ms += now - began_ms;
    if (worker->conn.bytes_out != sent) {
        worker->client->heard_ms = now; /* idle is silence of both sides */
        worker_publish(worker);
    }
    worker_set_waiting(worker);
    return reason;
}

enum counter worker_deliver(struct worker *worker, enum counter reason)
{
    if (reason == KEEP_SERVING)
        return worker_pump(worker, NULL, 0);
    while (worker->handler->owed > 0 && !owes_nothing_after(reason)) {
        enum counter other = worker_await_replies(worker);

        if (other != KEEP_SERVING && other != CLOSE_HANGUP)
            reason = other;
    }
    worker->handler->farewell = farewell_of(reason);
    return reason;
}
