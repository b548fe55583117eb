/*
 * Handlers that take their time get a clock beside their messages: for their deadline, for the
 * percentiles, and so that replies do not wait for the rest of the batch when handling is slow. Of
 * quick messages one reading of it serves several (pace.h); that no time has passed between them is
 * seen by the coarse clock, which is several times cheaper.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "config/config.h"

/* Where a time of few milliseconds is worth a line in the log, it is to be the right message's. */
static unsigned longest_run(const struct worker *worker)
{
    uint64_t slow_ms = worker->service->deadlines.slow_request_ms;

    return slow_ms > 0 && slow_ms < 2 * clock_tick_ms() ? 1 : PACE_RUN_MAX;
}

/* Those behind the first of a run may begin a tick later, and no deadline is ever early. */
static void mark(struct worker *worker)
{
    struct pace *pace = &worker->pace;

    if (pace->began_ns == 0)
        pace->began_ns = clock_ns();
    worker->handled_ms = clock_ms_of(pace->began_ns);
    worker->begun_ms = worker->handled_ms;
    if (pace->length > 1) {
        worker->coarse_ms = clock_coarse_ms();
        worker->begun_ms = worker->coarse_ms + clock_tick_ms() + 1;
    }
    slot_set(worker->slot, SLOT_HANDLING, worker->begun_ms);
}

static enum counter begin_run(struct worker *worker)
{
    uint64_t waiting_since_ms = worker->handled_ms;
    enum counter reason;

    mark(worker);
    if (framed_conn_queued(&worker->conn) == 0 ||
        worker->handled_ms - waiting_since_ms < WORKER_SLOW_MS)
        return KEEP_SERVING;
    reason = worker_send(worker);
    worker->pace.began_ns = 0;
    mark(worker);
    return reason;
}

static void end_run(struct worker *worker)
{
    uint64_t took_ns =
        pace_end(&worker->pace, clock_ns(), longest_run(worker), &worker->slot->latency);

    worker_log_slow(worker, worker->handled_bytes, took_ns / 1000000);
}

void worker_rest(struct worker *worker)
{
    if (worker->pace.handled > 0)
        end_run(worker);
    worker->pace.began_ns = 0;
}

enum counter worker_handle_timed(struct worker *worker, const struct framed_message *message)
{
    struct pace *pace = &worker->pace;
    uint64_t request_ms = worker->service->deadlines.request_ms;
    uint64_t replies = worker->counters.value[COUNTER_REPLIES];
    enum handler_outcome outcome;

    if (pace->handled == 0) {
        enum counter reason = begin_run(worker);

        if (reason != KEEP_SERVING)
            return reason;
    }
    worker_set_in_handler(true);
    outcome = worker->handler->ops->message(worker->handler, message->data, message->length,
                                            request_ms ? worker->begun_ms + request_ms : 0);
    worker_set_in_handler(false);
    worker->handled_bytes = message->length;
    pace->handled++;
    if (pace->handled >= pace->length || clock_coarse_ms() != worker->coarse_ms)
        end_run(worker);
    if (outcome == HANDLER_OK && worker->reply_error == 0)
        return KEEP_SERVING;
    return worker_settle(worker, outcome, replies);
}
