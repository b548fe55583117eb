/*
 * Handlers that take the connection over: the socket is lent to them, and the worker has nothing to
 * do but to count. One connection is one message, and how long the handler had it is its latency.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "config/config.h"

enum counter worker_lend(struct worker *worker)
{
    const struct client *client = worker->client;
    uint64_t request_ms = worker->service->deadlines.request_ms;
    uint64_t deadline_ms = request_ms ? client->heard_ms + request_ms : 0;
    uint64_t began_ns = clock_ns();
    struct introduction introduction;
    enum handler_outcome outcome;
    uint64_t took_us;

    slot_set(worker->slot, SLOT_HANDLING, client->heard_ms);
    worker->reply_error = 0;
    worker->client->messages = 1;
    worker->counters.value[COUNTER_MESSAGES]++;
    worker_publish(worker); /* it may be long */
    if (worker_introduce(worker, &introduction) < 0)
        return CLOSE_RESET;
    outcome =
        worker->handler->ops->serve(worker->handler, client->fd, &introduction.peer, deadline_ms);
    took_us = (clock_ns() - began_ns) / 1000;
    histogram_add(&worker->slot->latency, took_us, 1);
    worker_log_slow(worker, 0, took_us / 1000);
    if (outcome != HANDLER_OK)
        return worker_reason(worker, outcome);
    worker->counters.value[COUNTER_REPLIES]++;
    return CLOSE_REPLIED;
}
