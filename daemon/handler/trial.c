/* A co-process at its start: the probe, or some time in silence; and why it did not stand it. */
#include "base/clock.h"
#include "config/config.h"
#include "handler/advice.h"
#include "handler/coprocess.h"
#include "handler/printable.h"
#include "handler/probe.h"

#include <errno.h>
#include <stdio.h>

/* What PROBE_QUOTED bytes become, and the end. */
#define QUOTED_SIZE (PROBE_QUOTED + 1)

static void quote(const void *bytes, size_t length, char quoted[QUOTED_SIZE])
{
    printable(bytes, length < PROBE_QUOTED ? length : PROBE_QUOTED, quoted, QUOTED_SIZE);
}

int trial_explain(struct coprocess *coprocess, const struct handler_host *host, const char *what,
                  bool ended, char *error, size_t size)
{
    char status[PROCESS_STATUS_SIZE];
    char words[STDERR_TAIL_SIZE + 1];

    process_ended(&coprocess->process, ended ? LAST_BREATH_MS : 0);
    coprocess_finish(coprocess, status);
    host->group_changed(host->context, 0);
    stderr_log_last(&coprocess->errors, words, sizeof(words));
    if (ended && !status[0])
        snprintf(status, sizeof(status), "it closed its standard output");
    snprintf(error, size, "\"%s\" %s%s%s%s%s", host->service->handler.command[0], what,
             ended ? ": " : "", ended ? status : "", words[0] ? "; it said: " : "", words);
    return -ECHILD;
}

int trial_explain_output(struct coprocess *coprocess, const struct handler_host *host,
                         const char *what, char *error, size_t size)
{
    char said[QUOTED_SIZE + 512];
    char quoted[QUOTED_SIZE];

    quote(coprocess->output, coprocess->length, quoted);
    snprintf(said, sizeof(said), "%s: \"%s\"; %s", what, quoted,
             advice_on_output(host->service->handler.codec));
    return trial_explain(coprocess, host, said, false, error, size);
}

/* Where nobody waits for an answer, output is nothing. */
static enum coprocess_sight look(struct coprocess *coprocess, const struct handler_host *host)
{
    enum coprocess_sight sight = coprocess_look(coprocess);

    if (sight != COPROCESS_OUTPUT || host->service->handler.reply != REPLY_NONE)
        return sight;
    coprocess_forget(coprocess);
    return COPROCESS_QUIET;
}

/* A program has started when it has lived for some time, and kept quiet; or when its worker has to
 * leave, for which it need not have. */
static int settle(struct coprocess *coprocess, const struct handler_host *host, char *error,
                  size_t size)
{
    uint64_t until = clock_ms() + host->service->handler.settle_ms;
    enum coprocess_sight sight;

    do {
        sight = look(coprocess, host);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_wait(coprocess, false, until, UINT64_MAX);
    } while (sight == COPROCESS_QUIET && !coprocess->leave_by_ms);
    if (sight == COPROCESS_LATE || sight == COPROCESS_QUIET)
        return 0;
    if (sight == COPROCESS_OUTPUT)
        return trial_explain_output(coprocess, host, "printed before its first request", error,
                                    size);
    return trial_explain(coprocess, host, "ended at its start", true, error, size);
}

/* The answer did not come, or was not one. */
static int explain_no_answer(struct coprocess *coprocess, const struct handler_host *host,
                             enum handler_outcome outcome, char *error, size_t size)
{
    char what[2 * QUOTED_SIZE + 256];
    char quoted[QUOTED_SIZE];
    char hint[ADVICE_SIZE];

    quote(coprocess->output, coprocess->length, quoted);
    if (outcome == HANDLER_DIED)
        return trial_explain(coprocess, host, "ended at the probe", true, error, size);
    advice_give(&(struct fault){outcome, coprocess->reason, "", coprocess, host->service}, hint);
    if (outcome == HANDLER_TIMEOUT)
        snprintf(what, sizeof(what), "did not answer the probe within %llu ms%s%s",
                 (unsigned long long)host->service->deadlines.start_ms,
                 coprocess->received ? "" : "; ", coprocess->received ? "" : hint);
    else
        snprintf(what, sizeof(what), "answered the probe with \"%s\": %s", quoted,
                 coprocess->reason);
    return trial_explain(coprocess, host, what, false, error, size);
}

static int explain_wrong(struct coprocess *coprocess, const struct handler_host *host,
                         const struct framed_frame *reply, char *error, size_t size)
{
    const struct config_bytes *wanted = &host->service->handler.probe_reply;
    char what[2 * QUOTED_SIZE + 64];
    char found[QUOTED_SIZE];
    char allowed[QUOTED_SIZE];

    quote(coprocess->output + reply->payload, reply->length, found);
    quote(wanted->data, wanted->length, allowed);
    snprintf(what, sizeof(what), "answered the probe with \"%s\" instead of \"%s\"", found,
             allowed);
    return trial_explain(coprocess, host, what, false, error, size);
}

static int probe(struct coprocess *coprocess, const struct handler_host *host, char *error,
                 size_t size)
{
    const struct config_bytes *message = &host->service->handler.probe;
    struct framed_frame reply;
    struct request request;
    enum handler_outcome outcome;

    if (request_init(&request, coprocess->codec, message->data, message->length,
                     host->start_by_ms) != FRAMED_OK)
        return trial_explain(coprocess, host, "cannot be sent the probe in its codec", false, error,
                             size);
    if (coprocess_look(coprocess) == COPROCESS_OUTPUT)
        return trial_explain_output(coprocess, host, "printed before its first request", error,
                                    size);
    outcome = coprocess_ask(coprocess, &request, &reply);
    /* Who printed a greeting has answered too soon, and the answer is still to come. */
    if (outcome == HANDLER_OK)
        outcome = coprocess_rest(coprocess, host->start_by_ms);
    if (outcome != HANDLER_OK)
        return explain_no_answer(coprocess, host, outcome, error, size);
    if (!probe_is_answer(&host->service->handler, coprocess->output + reply.payload, reply.length))
        return explain_wrong(coprocess, host, &reply, error, size);
    coprocess_forget(coprocess);
    return 0;
}

int probe_coprocess(struct coprocess *coprocess, const struct handler_host *host, char *error,
                    size_t size)
{
    return (host->service->handler.probe.data ? probe : settle)(coprocess, host, error, size);
}
