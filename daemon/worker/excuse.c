/*
 * A message to which there is no reply. With `error_reply` the client is told so in the place of
 * the reply, and once: never behind a part of one. Where the handler is well the connection goes
 * on. Where it is not, the client is closed all the same: another worker may serve it better.
 */
#include "worker/worker.h"

#include "base/log.h"
#include "config/config.h"

enum remedy {
    REMEDY_NONE, /* nothing is owed, or nothing can be told */
    REMEDY_TELL,
    REMEDY_GO_ON, /* and the connection goes on */
};

static const enum remedy remedies[HANDLER_OUTCOME_COUNT] = {
    [HANDLER_REFUSED] = REMEDY_GO_ON, [HANDLER_TIMEOUT] = REMEDY_TELL,
    [HANDLER_DIED] = REMEDY_TELL,     [HANDLER_PROTOCOL] = REMEDY_TELL,
    [HANDLER_FAILED] = REMEDY_TELL,   [HANDLER_ERROR] = REMEDY_GO_ON,
};

bool worker_excuse(void *context)
{
    struct worker *worker = context;
    const struct config_bytes *error = &worker->service->handler.error;
    int result;

    if (!error->data)
        return false;
    result = framed_conn_put_raw(&worker->conn, error->data, error->length);
    if (result < 0)
        worker->reply_error = result;
    else
        worker->counters.value[COUNTER_ERROR_REPLIES]++;
    return result == 0;
}

/* A reply that does not fit its framing was not sent at all. */
static enum remedy remedy_for(const struct worker *worker, enum handler_outcome outcome)
{
    if (worker->reply_error != 0)
        return worker->reply_error > 0 ? REMEDY_TELL : REMEDY_NONE;
    return remedies[outcome];
}

enum counter worker_settle(struct worker *worker, enum handler_outcome outcome, uint64_t replies)
{
    enum counter reason = worker_reason(worker, outcome);
    enum remedy remedy = remedy_for(worker, outcome);

    if (framed_conn_begun(&worker->conn))
        return worker_cut(worker, reason);
    if (remedy == REMEDY_NONE || reason == CLOSE_STOP ||
        worker->counters.value[COUNTER_REPLIES] != replies)
        return reason;
    if (!worker_excuse(worker))
        return worker_reason(worker, outcome);
    if (remedy == REMEDY_TELL)
        return reason;
    log_info("error-reply", LOG_STR("reason", counter_word(reason)),
             LOG_INT("connection", worker->client->id));
    return KEEP_SERVING;
}
