/*
 * Replies in pieces: each is sent or queued as a reply is, and none is kept, so a reply may be
 * larger than memory.
 *
 * What was sent of a reply cannot be taken back. Where it ends before its end, the client is
 * closed, and must not take the part for the whole. Most framings tell; where the end of the stream
 * would be the reply's, the connection is armed to be reset while a reply is on its way, whatever
 * ends it: even this process' death. Where it always is, that is so from the first byte on: no
 * reply at all would look like an empty one.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>

/* Long replies are seen to be on their way: after so many bytes the counters are published. */
#define PUBLISH_BYTES ((uint64_t)1024 * 1024)

/* A Unix socket knows no reset but for bytes that we have not read: none that one can wait for. */
void worker_arm(const struct worker *worker, bool resetting)
{
    struct linger linger = {.l_onoff = resetting};

    if (framed_framing_hides_cuts(worker->service->reply_framing))
        setsockopt(worker->client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Nothing was said, and that is not what the handler had to say. */
static bool lacks_reply(const struct worker *worker, enum counter reason)
{
    return worker->one_reply && reason != CLOSE_CLIENT && reason != CLOSE_HANGUP &&
           reason != CLOSE_REPLIED && worker_replies(worker) == worker->client->replies_before;
}

bool worker_resets(const struct worker *worker, enum counter reason)
{
    bool cut =
        framed_conn_begun(&worker->conn) || reason == CLOSE_WRITE || lacks_reply(worker, reason);

    worker_arm(worker, cut);
    return cut && framed_framing_hides_cuts(worker->service->reply_framing);
}

/* The client's time is not the handler's. */
static int settle(struct worker *worker, int result)
{
    slot_set(worker->slot, SLOT_HANDLING, clock_coarse_ms());
    if (result != 0)
        worker->reply_error = result;
    if (worker->conn.bytes_out >= PUBLISH_BYTES)
        worker_publish(worker);
    return result;
}

static int begin(void *context, size_t length)
{
    struct worker *worker = context;
    int result;

    slot_set(worker->slot, SLOT_WRITING, clock_coarse_ms());
    result = framed_conn_put_begin(&worker->conn, length);
    if (result == -ENOTSUP) {
        slot_set(worker->slot, SLOT_HANDLING, clock_coarse_ms());
        return result;
    }
    if (result == 0)
        worker_arm(worker, true);
    if (result > 0)
        worker_log_misfit(worker, length, result);
    return settle(worker, result);
}

/* A worker that has to leave does not see a long reply to its end. */
static bool must_leave(struct worker *worker)
{
    if (worker_poked())
        worker_attend(worker);
    return worker->stopping || (worker->draining && clock_ms() >= worker->leave_by_ms);
}

/* Small pieces wait for the next ones as long as those come at once. */
static int piece(void *context, const void *data, size_t length)
{
    struct worker *worker = context;
    uint64_t now = clock_ms_of(clock_ns());
    int result;

    if (must_leave(worker))
        return settle(worker, -ECANCELED);
    slot_set(worker->slot, SLOT_WRITING, now);
    result = framed_conn_put_piece(&worker->conn, data, length);
    if (result == 0 && now - worker->handled_ms >= WORKER_SLOW_MS) {
        result = framed_conn_flush(&worker->conn);
        worker->handled_ms = now;
    }
    return settle(worker, result);
}

static int end(void *context)
{
    struct worker *worker = context;
    int result;

    slot_set(worker->slot, SLOT_WRITING, clock_coarse_ms());
    result = framed_conn_put_end(&worker->conn);
    if (result == 0)
        worker->counters.value[COUNTER_REPLIES]++;
    if (result == 0 && framed_framing_hides_cuts(worker->service->reply_framing)) {
        result = framed_conn_flush(&worker->conn);
        worker_arm(worker, result < 0);
    }
    return settle(worker, result);
}

const struct handler_stream worker_stream = {.begin = begin, .piece = piece, .end = end};

enum counter worker_cut(struct worker *worker, enum counter reason)
{
    const struct framed_encoder *reply = &worker->conn.encoder;
    bool known = reply->left != FRAMED_LENGTH_UNKNOWN;

    /* What the connection or an order has cut short is told with the close. */
    if (worker->reply_error < 0 || !limiter_pass(&worker->misfits, 1, clock_coarse_ms()))
        return reason;
    log_warning(
        "reply-cut", LOG_STR("reason", counter_word(reason)),
        LOG_INT("connection", worker->client->id), LOG_INT("written", reply->written),
        LOG_STR("verdict", worker->reply_error ? framed_verdict_word(worker->reply_error) : NULL),
        LOG_INT("missing", known ? reply->left : 0),
        LOG_INT("suppressed", limiter_take(&worker->misfits)));
    return reason;
}
