#include "handler/probe.h"

#include "config/config.h"
#include "handler/printable.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What comes of a probe, in the place of a client. */
struct answer {
    const struct service_config *service;
    unsigned count;
    bool right;
    char quoted[PROBE_QUOTED + 1];
    /* of a reply in pieces: its bytes, and the first of them */
    size_t length;
    char start[PROBE_QUOTED];
};

bool probe_is_answer(const struct handler_config *config, const void *reply, size_t length)
{
    const struct config_bytes *wanted = &config->probe_reply;

    return !wanted->data || (wanted->length == length && memcmp(wanted->data, reply, length) == 0);
}

static int take_reply(void *context, const void *data, size_t length)
{
    struct answer *answer = context;

    if (length > answer->service->limits.max_reply)
        return FRAMED_OVERSIZE;
    if (answer->count++ == 0) {
        answer->right = probe_is_answer(&answer->service->handler, data, length);
        printable(data, length < PROBE_QUOTED ? length : PROBE_QUOTED, answer->quoted,
                  sizeof(answer->quoted));
    }
    return 0;
}

static int begin(void *context, size_t length)
{
    struct answer *answer = context;

    (void)length;
    answer->length = 0;
    answer->right = true;
    return 0;
}

static int take_piece(void *context, const void *data, size_t length)
{
    struct answer *answer = context;
    const struct config_bytes *wanted = &answer->service->handler.probe_reply;
    size_t at = answer->length;
    size_t left = at < wanted->length ? wanted->length - at : 0;

    if (wanted->data && answer->right)
        answer->right = length <= left && memcmp(wanted->data + at, data, length) == 0;
    if (at < PROBE_QUOTED)
        memcpy(answer->start + at, data, length < PROBE_QUOTED - at ? length : PROBE_QUOTED - at);
    answer->length += length;
    return 0;
}

static int end(void *context)
{
    struct answer *answer = context;
    const struct config_bytes *wanted = &answer->service->handler.probe_reply;

    answer->right = answer->right && (!wanted->data || answer->length == wanted->length);
    if (answer->count++ == 0)
        printable(answer->start, answer->length < PROBE_QUOTED ? answer->length : PROBE_QUOTED,
                  answer->quoted, sizeof(answer->quoted));
    return 0;
}

static const struct handler_stream stream = {.begin = begin, .piece = take_piece, .end = end};

/* Connection 0 is nobody's. */
static enum handler_outcome visit(struct handler *handler)
{
    const struct config_bytes *probe = &handler->host->service->handler.probe;
    const struct framed_peer peer = {.address = "probe:", .local = "probe:"};
    enum handler_outcome outcome;

    handler->other_client = true;
    if (handler->ops->open && handler->ops->open(handler, &peer) < 0)
        return HANDLER_REFUSED;
    outcome = handler->ops->message(handler, probe->data, probe->length, 0);
    if (handler->ops->close)
        handler->ops->close(handler);
    return outcome;
}

static int judge(const struct answer *answer, enum handler_outcome outcome, char *error,
                 size_t size)
{
    const struct config_bytes *wanted = &answer->service->handler.probe_reply;
    char quoted[PROBE_QUOTED + 1];

    if (outcome != HANDLER_OK && outcome != HANDLER_HANGUP)
        snprintf(error, size, "probe: the handler refused or failed it (%s)",
                 handler_outcome_word(outcome));
    else if (answer->count != 1)
        snprintf(error, size, "probe: the handler gave %u replies, wanted: one", answer->count);
    else if (!answer->right) {
        printable(wanted->data, wanted->length < PROBE_QUOTED ? wanted->length : PROBE_QUOTED,
                  quoted, sizeof(quoted));
        snprintf(error, size, "probe: the handler answered \"%s\" instead of \"%s\"",
                 answer->quoted, quoted);
    } else {
        return 0;
    }
    return -EPROTO;
}

int probe_handler(struct handler *handler, char *error, size_t size)
{
    const struct handler_host *host = handler->host;
    struct answer answer = {.service = host->service};
    struct handler_host stand_in = *host;
    enum handler_outcome outcome;

    if (!host->service->handler.probe.data)
        return 0;
    stand_in.context = &answer;
    stand_in.reply = take_reply;
    stand_in.stream = &stream;
    handler->host = &stand_in;
    outcome = visit(handler);
    handler->host = host;
    return judge(&answer, outcome, error, size);
}
