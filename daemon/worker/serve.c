/* Serving: all messages at hand are handled, their replies leave together, then the next read. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>

static enum counter reason_of_verdict(int verdict)
{
    static const enum counter reasons[FRAMED_VERDICT_COUNT] = {
        [FRAMED_OVERSIZE] = CLOSE_OVERSIZE,   [FRAMED_UNDERSIZE] = CLOSE_UNDERSIZE,
        [FRAMED_MALFORMED] = CLOSE_MALFORMED, [FRAMED_BAD_MAGIC] = CLOSE_BAD_MAGIC,
        [FRAMED_BAD_TYPE] = CLOSE_BAD_TYPE,   [FRAMED_BAD_TRAILER] = CLOSE_BAD_TRAILER,
        [FRAMED_TRUNCATED] = CLOSE_TRUNCATED, [FRAMED_END] = CLOSE_CLIENT,
    };

    return reasons[verdict];
}

enum counter worker_reason(const struct worker *worker, enum handler_outcome outcome)
{
    static const enum counter reasons[HANDLER_OUTCOME_COUNT] = {
        [HANDLER_OK] = KEEP_SERVING,
        [HANDLER_HANGUP] = CLOSE_HANGUP,
        [HANDLER_REFUSED] = CLOSE_REFUSED,
        [HANDLER_TIMEOUT] = CLOSE_REQUEST,
        [HANDLER_DIED] = CLOSE_HANDLER_DIED,
        [HANDLER_PROTOCOL] = CLOSE_HANDLER_PROTOCOL,
        [HANDLER_FAILED] = CLOSE_HANDLER_FAILED,
        [HANDLER_ERROR] = CLOSE_HANDLER_FAILED,
        [HANDLER_IO] = CLOSE_RESET,
    };

    /* What became of a reply outweighs what the handler made of it. */
    if (worker->reply_error > 0)
        return CLOSE_REPLY;
    if (worker->reply_error == -ETIMEDOUT)
        return CLOSE_WRITE;
    if (worker->reply_error == -ECANCELED)
        return CLOSE_STOP;
    if (worker->reply_error < 0)
        return CLOSE_RESET;
    if (outcome == HANDLER_TIMEOUT &&
        (worker->stopping || (worker->draining && clock_ms() >= worker->leave_by_ms)))
        return CLOSE_STOP;
    return reasons[outcome];
}

static void log_message(const struct worker *worker, const struct framed_message *message)
{
    log_info("message", LOG_INT("connection", worker->client->id),
             LOG_INT("bytes", message->length));
}

void worker_log_slow(const struct worker *worker, size_t length, uint64_t took_ms)
{
    uint64_t limit_ms = worker->service->deadlines.slow_request_ms;
    char peer[FRAMED_ADDRESS_TEXT_SIZE];

    if (limit_ms == 0 || took_ms <= limit_ms)
        return;
    framed_address_format((const struct sockaddr *)&worker->client->peer,
                          worker->client->peer_length, peer, sizeof(peer));
    log_warning("slow-request", LOG_STR("peer", peer), LOG_INT("connection", worker->client->id),
                LOG_INT("bytes", length), LOG_INT("took_ms", took_ms));
}

/* Handlers that answer later: worker_pump() has the rest. */
static enum counter hand_over(struct worker *worker, const struct framed_message *message)
{
    uint64_t request_ms = worker->service->deadlines.request_ms;
    uint64_t deadline_ms = request_ms ? clock_ms_of(clock_ns()) + request_ms : 0;

    return worker_reason(worker, worker->handler->ops->message(worker->handler, message->data,
                                                               message->length, deadline_ms));
}

/* All that is not a plain message. */
static __attribute__((noinline)) enum counter handle_other(struct worker *worker,
                                                           const struct framed_message *message)
{
    struct handler *handler = worker->handler;
    uint64_t replies = worker->counters.value[COUNTER_REPLIES];
    enum counter reason;

    if (worker->service->log_messages)
        log_message(worker, message);
    if (handler->ops->immediate)
        reason = worker_settle(
            worker, handler->ops->message(handler, message->data, message->length, 0), replies);
    else if (handler->ops->pump)
        reason = hand_over(worker, message);
    else
        reason = worker_handle_timed(worker, message);
    return reason == KEEP_SERVING && worker->one_reply ? CLOSE_REPLIED : reason;
}

static inline enum counter handle(struct worker *worker, const struct framed_message *message)
{
    struct handler *handler = worker->handler;
    uint64_t replies = worker->counters.value[COUNTER_REPLIES];
    enum handler_outcome outcome;

    TEST_POINT("handle");
    worker->reply_error = 0;
    worker->client->messages++;
    worker->counters.value[COUNTER_MESSAGES]++;
    if (!worker->plain)
        return handle_other(worker, message);
    outcome = handler->ops->message(handler, message->data, message->length, 0);
    if (outcome == HANDLER_OK && worker->reply_error == 0)
        return KEEP_SERVING;
    return worker_settle(worker, outcome, replies);
}

/* Told once for each message, however many bytes of it are still to come. */
static void count_discarded(struct worker *worker)
{
    worker->counters.value[COUNTER_DISCARDED]++;
    log_info("discarded", LOG_STR("reason", framed_verdict_word(FRAMED_OVERSIZE)),
             LOG_INT("connection", worker->client->id),
             LOG_INT("allowed", worker->service->limits.max_message));
}

static int next_message(struct worker *worker, struct framed_message *message)
{
    int verdict;

    while ((verdict = framed_conn_next(&worker->conn, message)) == FRAMED_OVERSIZE &&
           framed_framing_discards(worker->service->framing))
        count_discarded(worker);
    return verdict;
}

/* Handles every whole message in the buffer; *VERDICT: why there is no further one, FRAMED_OK where
 * the handler takes no more. */
static enum counter handle_all(struct worker *worker, int *verdict)
{
    struct framed_message message;

    *verdict = FRAMED_OK;
    while (!worker->handler->full) {
        enum counter reason;

        if (framed_conn_drained(&worker->conn))
            *verdict = FRAMED_NEED_MORE;
        else
            *verdict = next_message(worker, &message);
        if (*verdict != FRAMED_OK)
            return KEEP_SERVING;
        reason = handle(worker, &message);
        if (reason != KEEP_SERVING)
            return reason;
        if (worker_poked()) {
            worker_rest(worker);
            worker_attend(worker);
        }
        if (worker->stopping)
            return CLOSE_STOP;
    }
    return KEEP_SERVING;
}

static enum counter answer(struct worker *worker)
{
    uint64_t before = worker->client->messages;
    bool fresh = !framed_conn_drained(&worker->conn) && worker->client->frame_since_ms == 0;
    int verdict;
    enum counter reason = handle_all(worker, &verdict);

    worker_rest(worker);
    if (reason != KEEP_SERVING)
        return reason;
    worker->untaken = verdict == FRAMED_OK;
    if (verdict != FRAMED_NEED_MORE && !worker->untaken)
        return reason_of_verdict(verdict);
    /* The clock is read only when a message has begun and is not whole. */
    if (framed_conn_drained(&worker->conn) || worker->untaken)
        worker->client->frame_since_ms = 0;
    else if (fresh || worker->client->messages != before)
        worker->client->frame_since_ms = clock_ms();
    return KEEP_SERVING;
}

/* The client sends no more: that may be the end of a message, or the middle of one. */
static enum counter answer_last(struct worker *worker)
{
    struct framed_message message;
    int verdict = framed_conn_end(&worker->conn, &message);
    enum counter reason;

    if (verdict != FRAMED_OK)
        return reason_of_verdict(verdict);
    slot_set(worker->slot, SLOT_HANDLING, clock_coarse_ms());
    reason = handle(worker, &message);
    worker_rest(worker);
    return reason == KEEP_SERVING ? CLOSE_CLIENT : reason;
}

/* Replies that are owed leave whatever the reason to close is, but for a connection that is broken.
 */
static enum counter send_owed(struct worker *worker, enum counter reason)
{
    enum counter sent;

    if (reason == CLOSE_RESET || reason == CLOSE_WRITE || reason == CLOSE_STOP)
        return reason;
    sent = worker_send(worker);
    return reason == KEEP_SERVING ? sent : reason;
}

void worker_publish(struct worker *worker)
{
    worker->counters.value[COUNTER_BYTES_IN] += worker->conn.bytes_in;
    worker->counters.value[COUNTER_BYTES_OUT] += worker->conn.bytes_out;
    worker->conn.bytes_in = worker->conn.bytes_out = 0;
    worker->unpublished = !slot_publish(worker->slot, &worker->counters);
}

/* One read's worth is a turn where others may wait, and as many more as it takes to see a large
 * message to its end, up to so many. */
#define READS_MAX 16

/* Others are looked after as soon as some time has passed. */
static bool is_turn_over(struct worker *worker)
{
    if (worker->room == 1)
        return false;
    if (worker->draining)
        return true;
    if (worker->held.count == 1 && !worker->handler->ops->watch)
        return worker->client->heard_ms != worker->looked_ms;
    return framed_conn_drained(&worker->conn) || ++worker->reads >= READS_MAX;
}

bool worker_is_at_rest(const struct worker *worker)
{
    return worker->handler->owed == 0 && !worker->untaken;
}

enum counter worker_serve_messages(struct worker *worker)
{
    enum counter reason;
    uint64_t began_ms = 0;

    for (;;) {
        reason =
            worker->pausing && worker_is_at_rest(worker) ? CLIENT_RESTS : worker_receive(worker);
        if (reason == KEEP_SERVING) {
            began_ms = worker->client->heard_ms = worker->handled_ms = clock_coarse_ms();
            slot_set(worker->slot, SLOT_HANDLING, began_ms);
            reason = send_owed(worker, answer(worker));
        } else if (reason == CLOSE_CLIENT) {
            reason = send_owed(worker, answer_last(worker));
        }
        if (worker->handler->ops->pump && reason != CLIENT_RESTS)
            reason = worker_deliver(worker, reason);
        if (reason != KEEP_SERVING)
            return reason;
        TEST_POINT("replied");
        worker_publish(worker);
        /* Idle is what comes after the replies, however long they took; some take no time. */
        if (!worker->handler->ops->immediate) {
            worker->client->heard_ms = clock_coarse_ms();
            worker_note_pace(worker, worker->client->heard_ms - began_ms);
        }
        worker->pausing = worker->pausing || is_turn_over(worker);
    }
}
