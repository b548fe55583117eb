/* What comes from the program: each record is checked against what was asked of it. */
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "handler/printable.h"
#include "handler/record/record.h"

#include <errno.h>
#include <string.h>
#include <syslog.h>

#define LOGS_PER_SECOND 20

static enum handler_outcome wrong(struct record_handler *record, const char *reason)
{
    record->program.coprocess.reason = reason;
    return HANDLER_PROTOCOL;
}

static bool may_deliver(const struct record_handler *record)
{
    return record->verdict == HANDLER_OK || record->verdict == HANDLER_HANGUP;
}

bool record_excuse(struct record_handler *record, const struct window_request *request)
{
    const struct handler_host *host = record->base.host;

    return !request->begun && may_deliver(record) && host->excuse && host->excuse(host->context);
}

/* Hands a reply to REQUEST, or a push (NULL), to the client, unless it is to be closed for a fault
 * already. */
static void deliver(struct record_handler *record, struct window_request *request, const void *data,
                    size_t length)
{
    const struct handler_host *host = record->base.host;
    int result;

    if (!may_deliver(record))
        return;
    result = host->reply(host->context, data, length);
    if (result > 0 && request)
        record_excuse(record, request);
    if (result != 0)
        record->verdict = result < 0 ? HANDLER_IO : HANDLER_FAILED;
    if (request)
        request->begun = true;
}

/* The client's first request has its last reply: others may have waited for that. */
static void advance(struct record_handler *record)
{
    struct window *window = &record->window;

    for (;;) {
        const uint8_t *data;
        size_t length;
        size_t at = 0;

        if (window->first->state == WINDOW_FAILED && !record_excuse(record, window->first))
            record->verdict = HANDLER_ERROR;
        window_pop(window);
        if (window->owed == 0)
            return;
        while (window_take(window->first, &at, &data, &length))
            deliver(record, window->first, data, length);
        window_drop_kept(window, window->first);
        if (window->first->state == WINDOW_OPEN)
            return;
    }
}

static void finish(struct record_handler *record, struct window_request *request,
                   enum window_state state)
{
    const struct handler_host *host = record->base.host;

    record->program.coprocess.answered = true;
    if (host->answered)
        host->answered(host->context, request->began_ns + record->base.away_ms * 1000000,
                       request->length);
    request->state = state;
    if (request == record->window.first)
        advance(record);
}

static void log_error_reply(struct record_handler *record, const struct wire_record *wire)
{
    size_t length = wire->length < STDERR_LINE_MAX ? wire->length : STDERR_LINE_MAX;

    if (limiter_pass(&record->logs, LOGS_PER_SECOND, clock_coarse_ms()))
        log_warning("handler-error", LOG_INT("handler_pid", record->program.coprocess.process.pid),
                    LOG_INT("status", wire->status), LOG_BYTES("text", wire->body, length));
}

static enum handler_outcome on_reply(struct record_handler *record, const struct wire_record *wire)
{
    struct window *window = &record->window;
    struct window_request *request = window_find(window, wire->request, wire->connection);
    bool last = !(wire->flags & WIRE_MORE);
    int result = 0;

    if (!request)
        return wrong(record, "a reply to a request that it was not sent, or has answered");
    if (request->state == WINDOW_CANCELLED) {
        record->program.coprocess.answered = true;
        if (last)
            window_release(window, request);
        return HANDLER_OK;
    }
    if (wire->status)
        log_error_reply(record, wire);
    else if (request == window->first)
        deliver(record, request, wire->body, wire->length);
    else
        result = window_keep(window, request, wire->body, wire->length);
    if (result < 0)
        return wrong(record, result == -ENOMEM ? "no memory for its replies"
                                               : "too many replies that wait for their turn");
    if (last)
        finish(record, request, wire->status ? WINDOW_FAILED : WINDOW_COMPLETE);
    return HANDLER_OK;
}

/* It may not know yet that a client has gone. */
static bool was_there(const struct record_handler *record, uint32_t connection)
{
    return record->newest - connection < UINT32_MAX / 2;
}

static enum handler_outcome on_push(struct record_handler *record, const struct wire_record *wire)
{
    if (wire->connection != record->connection)
        return was_there(record, wire->connection)
                   ? HANDLER_OK
                   : wrong(record, "a message to a connection that it was not told of");
    record->engaged = true;
    deliver(record, NULL, wire->body, wire->length);
    return HANDLER_OK;
}

static enum handler_outcome on_hangup(struct record_handler *record, const struct wire_record *wire)
{
    if (wire->connection != record->connection)
        return was_there(record, wire->connection)
                   ? HANDLER_OK
                   : wrong(record, "a hang-up of a connection that it was not told of");
    if (record->verdict == HANDLER_OK)
        record->verdict = HANDLER_HANGUP;
    return HANDLER_OK;
}

static enum handler_outcome on_ready(struct record_handler *record, const struct wire_record *wire)
{
    (void)wire;
    if (record->ready)
        return wrong(record, "READY a second time");
    record->ready = true;
    return HANDLER_OK;
}

static enum handler_outcome on_failed(struct record_handler *record, const struct wire_record *wire)
{
    printable(wire->body, wire->length, record->failure, sizeof(record->failure));
    record->program.coprocess.reason = record->failure;
    return HANDLER_FAILED;
}

static enum handler_outcome on_log(struct record_handler *record, const struct wire_record *wire)
{
    pid_t pid = record->program.coprocess.process.pid;
    size_t length = wire->length < STDERR_LINE_MAX ? wire->length : STDERR_LINE_MAX;
    unsigned suppressed;

    if (wire->status > LOG_DEBUG)
        return wrong(record, "LOG with a level above 7");
    if (!limiter_pass(&record->logs, LOGS_PER_SECOND, clock_coarse_ms()))
        return HANDLER_OK;
    suppressed = limiter_take(&record->logs);
    if (suppressed > 0)
        log_warning("handler-log", LOG_INT("handler_pid", pid),
                    LOG_INT("suppressed_lines", suppressed));
    log_write(wire->status, "handler-log",
              LOG_FIELDS(LOG_INT("handler_pid", pid), LOG_BYTES("text", wire->body, length)));
    return HANDLER_OK;
}

static enum handler_outcome receive(struct record_handler *record, const struct wire_record *wire)
{
    static enum handler_outcome (*const receivers[WIRE_TYPE_COUNT])(struct record_handler *,
                                                                    const struct wire_record *) = {
        [WIRE_READY] = on_ready, [WIRE_FAILED] = on_failed, [WIRE_REPLY] = on_reply,
        [WIRE_PUSH] = on_push,   [WIRE_HANGUP] = on_hangup, [WIRE_LOG] = on_log,
    };

    if (!record->ready &&
        (wire->type == WIRE_REPLY || wire->type == WIRE_PUSH || wire->type == WIRE_HANGUP))
        return wrong(record, "a record that may come only after READY");
    record->used |= 1U << wire->type | (wire->flags & WIRE_MORE);
    return receivers[wire->type](record, wire);
}

enum handler_outcome record_take(struct record_handler *record)
{
    struct coprocess *coprocess = &record->program.coprocess;
    size_t max = record->base.host->service->limits.max_reply;
    enum handler_outcome outcome = HANDLER_OK;
    size_t at = 0;

    while (outcome == HANDLER_OK) {
        struct wire_record wire;
        ssize_t size = wire_parse(coprocess->output + at, coprocess->length - at, max, &wire,
                                  &coprocess->reason);

        if (size == 0)
            break;
        outcome = size < 0 ? HANDLER_PROTOCOL : receive(record, &wire);
        if (outcome == HANDLER_OK)
            at += (size_t)size;
    }
    /* What is wrong stays in front, to be quoted. */
    coprocess->length -= at;
    if (at > 0 && coprocess->length > 0)
        memmove(coprocess->output, coprocess->output + at, coprocess->length);
    return outcome;
}
