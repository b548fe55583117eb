/* A co-process at its start: the probe, or some time in silence; and why it did not stand it. */
#include "base/clock.h"
#include "config/config.h"
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

/* Ends the process, and writes what became of it: WHAT, how it ended when it had ENDED by itself,
 * and its last words on stderr. */
static int explain(struct coprocess *coprocess, const struct handler_host *host, const char *what,
                   bool ended, char *error, size_t size)
{
    char status[PROCESS_STATUS_SIZE];
    char words[STDERR_TAIL_SIZE + 1];

    process_ended(&coprocess->process, ended ? LAST_BREATH_MS : 0);
    coprocess_finish(coprocess, status);
    stderr_log_last(&coprocess->errors, words, sizeof(words));
    if (ended && !status[0])
        snprintf(status, sizeof(status), "it closed its standard output");
    snprintf(error, size, "\"%s\" %s%s%s%s%s", host->service->handler.command[0], what,
             ended ? ": " : "", ended ? status : "", words[0] ? "; it said: " : "", words);
    return -ECHILD;
}

static int explain_output(struct coprocess *coprocess, const struct handler_host *host, char *error,
                          size_t size)
{
    char what[QUOTED_SIZE + 64];
    char quoted[QUOTED_SIZE];

    quote(coprocess->output, coprocess->length, quoted);
    snprintf(what, sizeof(what), "printed before its first request: \"%s\"", quoted);
    return explain(coprocess, host, what, false, error, size);
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
        return explain_output(coprocess, host, error, size);
    return explain(coprocess, host, "ended at its start", true, error, size);
}

/* The answer did not come, or was not one. */
static int explain_no_answer(struct coprocess *coprocess, const struct handler_host *host,
                             enum handler_outcome outcome, char *error, size_t size)
{
    char what[2 * QUOTED_SIZE + 256];
    char quoted[QUOTED_SIZE];

    quote(coprocess->output, coprocess->length, quoted);
    if (outcome == HANDLER_DIED)
        return explain(coprocess, host, "ended at the probe", true, error, size);
    if (outcome == HANDLER_TIMEOUT)
        snprintf(what, sizeof(what), "did not answer the probe within %llu ms%s",
                 (unsigned long long)host->service->deadlines.start_ms,
                 coprocess->received ? "" : " (it printed nothing: does it buffer its output?)");
    else
        snprintf(what, sizeof(what), "answered the probe with \"%s\": %s", quoted,
                 coprocess->reason);
    return explain(coprocess, host, what, false, error, size);
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
    return explain(coprocess, host, what, false, error, size);
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
        return explain(coprocess, host, "cannot be sent the probe in its codec", false, error,
                       size);
    if (coprocess_look(coprocess) == COPROCESS_OUTPUT)
        return explain_output(coprocess, host, error, size);
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
