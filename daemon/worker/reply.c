/* Replies: what becomes of them, and how they leave. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>

/* Replies of so many bytes together are put into the buffer without sending any. */
#define QUEUED_FOR_SURE (FRAMED_CONN_OUTPUT_SIZE / 4)

void worker_log_misfit(struct worker *worker, size_t length, int verdict)
{
    const struct service_config *service = worker->service;

    if (!limiter_pass(&worker->misfits, 1, clock_coarse_ms()))
        return;
    log_warning("reply-misfit", LOG_STR("reason", framed_verdict_word(verdict)),
                LOG_INT("connection", worker->client->id), LOG_INT("bytes", length),
                LOG_STR("framing", framed_framing_name(service->reply_framing)),
                LOG_INT("max_reply", service->limits.max_reply),
                LOG_INT("suppressed", limiter_take(&worker->misfits)),
                LOG_STR("hint", verdict == FRAMED_OVERSIZE
                                    ? "a framing, or a max_reply, that holds such a reply"
                                    : "a reply_framing that can hold these bytes"));
}

/* The handler goes on after a wait for the client, with all its time. */
static void resume(struct worker *worker)
{
    uint64_t now = clock_ms_of(clock_ns());

    worker->client->heard_ms = now;
    slot_set(worker->slot, SLOT_HANDLING, now > worker->begun_ms ? now : worker->begun_ms);
}

/* A reply that may have to wait for the client, whose time is not the handler's; or that the
 * handler gives between other things. */
static __attribute__((noinline)) int reply_slowly(struct worker *worker, const void *data,
                                                  size_t length, bool may_wait)
{
    int result;

    if (may_wait)
        slot_set(worker->slot, SLOT_WRITING, clock_coarse_ms());
    result = framed_conn_put(&worker->conn, data, length);
    resume(worker);
    return result;
}

static __attribute__((noinline)) int fail_reply(struct worker *worker, size_t length, int result)
{
    worker->reply_error = result;
    if (result > 0)
        worker_log_misfit(worker, length, result);
    return result;
}

int worker_reply(void *context, const void *data, size_t length)
{
    struct worker *worker = context;
    bool may_wait = worker->conn.output.end + length > QUEUED_FOR_SURE;
    int result;

    if (may_wait || worker->handler->ops->pump)
        result = reply_slowly(worker, data, length, may_wait);
    else
        result = framed_conn_put(&worker->conn, data, length);
    if (result != 0)
        return fail_reply(worker, length, result);
    worker->counters.value[COUNTER_REPLIES]++;
    return 0;
}

/* Mostly the socket takes all of it, and no time has passed. */
static int send_queued(struct worker *worker)
{
    int result = framed_conn_push(&worker->conn);

    if (result != -EAGAIN)
        return result;
    slot_set(worker->slot, SLOT_WRITING, clock_ms());
    result = framed_conn_flush(&worker->conn);
    worker->client->heard_ms = clock_coarse_ms();
    return result;
}

int worker_flush(void *context)
{
    struct worker *worker = context;
    int result;

    if (framed_conn_queued(&worker->conn) == 0)
        return 0;
    result = send_queued(worker);
    if (result < 0)
        worker->reply_error = result;
    resume(worker);
    return result;
}

enum counter worker_send(struct worker *worker)
{
    int result = send_queued(worker);

    if (result == 0)
        return KEEP_SERVING;
    return result == -ETIMEDOUT ? CLOSE_WRITE : CLOSE_RESET;
}
