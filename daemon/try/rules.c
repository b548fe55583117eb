/* The rules of framed-record(5), each with a process of its own, a line each with its section. */
#include "base/clock.h"
#include "handler/kinds.h"
#include "try/samples.h"
#include "try/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CANCELLED 8U
#define ONE_WAY 8U
/* A type and a flag that nobody knows. */
#define FUTURE_TYPE 15
#define FUTURE_FLAG 0x80
/* A record comes in pieces, with pauses. */
#define PAUSE_NS ((uint64_t)20 * 1000 * 1000)

static bool answer(struct session *session, char *text, size_t size)
{
    snprintf(text, size, "one message");
    session_open(session);
    session_send_sample(session, 0);
    if (!session_answer(session) || !session_rest(session))
        return false;
    snprintf(text, size, "one message, %u %s", session->replies,
             session->replies == 1 ? "reply" : "replies and pushes");
    return true;
}

static bool fill_window(struct session *session, char *text, size_t size)
{
    unsigned window = (unsigned)session->subject->service.handler.window;

    session_open(session);
    for (unsigned i = 0; i < window; i++)
        session_send_sample(session, i);
    if (!session_answer(session) || !session_rest(session)) {
        snprintf(text, size, "%u of %u requests at a time were answered", session->answered,
                 window);
        return false;
    }
    snprintf(text, size, "%u requests at a time, answered %s", window,
             session->mixed ? "in another order" : "in their order");
    return true;
}

static bool send_and_answer(struct session *session, const void *data, size_t length)
{
    session_open(session);
    session_send(session, data, length);
    session_send_sample(session, 0); /* it goes on */
    return session_answer(session);
}

static bool empty(struct session *session, char *text, size_t size)
{
    snprintf(text, size, "a message of no bytes");
    return send_and_answer(session, "", 0);
}

static bool bytes(struct session *session, char *text, size_t size)
{
    char all[256];

    snprintf(text, size, "a message of each byte");
    return send_and_answer(session, all, sample_bytes(CODEC_RECORD, all));
}

static bool large(struct session *session, char *text, size_t size)
{
    size_t length = session->subject->service.limits.max_message;
    char *data;
    bool passed;

    length = length < 1 << 20 ? length : 1 << 20;
    data =
        sample_large(session->subject->options, (enum sample_kind)session->subject->kind, length);
    passed = data && send_and_answer(session, data, length);
    free(data);
    snprintf(text, size, "a message of %zu bytes", length);
    return passed;
}

/* Some bytes of what is queued for it, and a pause. */
static void push_bytes(struct session *session, size_t count)
{
    struct record_output *output = &session->record->output;
    struct coprocess *coprocess = &session->record->program.coprocess;
    ssize_t written = write(coprocess->process.input_fd, output->data + output->start, count);

    output->start += written > 0 ? (size_t)written : 0;
    coprocess_wait(coprocess, false, 0, PAUSE_NS);
}

static bool pieces(struct session *session, char *text, size_t size)
{
    snprintf(text, size, "a record that comes in pieces");
    session_open(session);
    session_send_sample(session, 0);
    for (size_t count = 2; count < WIRE_HEAD && record_unwritten(session->record) > count;
         count += 5)
        push_bytes(session, count);
    return session_answer(session);
}

static bool future(struct session *session, char *text, size_t size)
{
    static const uint8_t body[] = "NEW=1";
    const struct wire_record unknown = {.type = FUTURE_TYPE, .body = body, .length = sizeof(body)};
    struct record_output *output = &session->record->output;
    size_t before;

    snprintf(text, size, "records and flags that it cannot know");
    session_open(session);
    record_put(session->record, &unknown);
    before = record_unwritten(session->record);
    session_send_sample(session, 0);
    output->data[output->start + before + 5] |= FUTURE_FLAG;
    return session_answer(session) && session_rest(session);
}

static void send_some(struct session *session, unsigned count)
{
    session_open(session);
    for (unsigned i = 0; i < count; i++)
        session_send_sample(session, i);
}

/* Together with what they cancel, and when that has just gone; and another client all the while. */
static bool cancel(struct session *session, char *text, size_t size)
{
    unsigned window = (unsigned)session->subject->service.handler.window;
    unsigned count = CANCELLED < window ? CANCELLED : window;

    send_some(session, count);
    session_close(session);
    session_open(session);
    if (!session_answer(session)) {
        snprintf(text, size, "%zu of %u cancelled requests were not answered",
                 session->record ? session->record->window.cancelled : 0, count);
        return false;
    }
    send_some(session, count);
    session->handler->ops->pump(session->handler, NULL, 0);
    session_close(session);
    session_open(session);
    session_send_sample(session, 0);
    if (!session_answer(session) || !session_rest(session)) {
        snprintf(text, size, "the next client, or requests of the last, were not answered");
        return false;
    }
    snprintf(text, size, "%u cancelled requests, all answered; and so is the next client",
             2 * count);
    return true;
}

static bool one_way(struct session *session, char *text, size_t size)
{
    snprintf(text, size, "%u messages with ONEWAY, and no reply", ONE_WAY);
    send_some(session, ONE_WAY);
    return session_rest(session);
}

static bool unasked(struct session *session, char *text, size_t size)
{
    session_open(session);
    if (!session_rest(session))
        return false;
    session_close(session);
    if (!session_rest(session))
        return false;
    snprintf(text, size, "a client that sends nothing: %u pushes", session->replies);
    return true;
}

static bool stop(struct session *session, char *text, size_t size)
{
    uint64_t began_ms = clock_ms();

    if (!session_stop(session, (unsigned)session->subject->options->timeout_ms)) {
        snprintf(text, size, "it goes on after STOP, and after the end of its input");
        return false;
    }
    snprintf(text, size, "it ends %llu ms after STOP", (unsigned long long)(clock_ms() - began_ms));
    return true;
}

/* Nothing but the end of its standard input. */
static bool end(struct session *session, char *text, size_t size)
{
    struct coprocess *coprocess = &session->record->program.coprocess;
    uint64_t until_ms = clock_ms() + session->subject->options->timeout_ms;

    process_close(&coprocess->process.input_fd);
    while (!process_ended(&coprocess->process, 0) && clock_ms() < until_ms) {
        coprocess_forget(coprocess);
        if (coprocess_look(coprocess) == COPROCESS_ENDED)
            process_ended(&coprocess->process, clock_left_ms(until_ms, clock_ms()));
        else
            coprocess_wait(coprocess, false, until_ms, UINT64_MAX);
    }
    snprintf(text, size, "the end of its input, without STOP");
    return process_ended(&coprocess->process, 0);
}

static const struct rule {
    const char *name;
    const char *section;
    bool (*check)(struct session *session, char *text, size_t size);
    bool one_way;
    bool slow; /* a handler may well take longer than we wait */
} rules[] = {
    {"answer", "RULES 2", answer, false, false},
    {"window", "RULES 3", fill_window, false, false},
    {"empty", "MESSAGE", empty, false, false},
    {"large", "MESSAGE", large, false, true},
    {"binary", "MESSAGE", bytes, false, false},
    {"pieces", "A RECORD", pieces, false, false},
    {"unknown", "To the handler", future, false, false},
    {"cancel", "CANCEL, CLOSE", cancel, false, false},
    {"one-way", "MESSAGE, ONEWAY", one_way, true, false},
    {"unasked", "PUSH, RULES 5", unasked, false, false},
    {"stop", "STOP", stop, false, false},
    {"end", "RULES 6", end, false, false},
};
#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

/* Beside what it was that was tried. */
static void explain(const struct rule *rule, const struct session *session, struct finding *finding)
{
    size_t length = strlen(finding->text);

    if (rule->one_way && !session->ended)
        snprintf(finding->text, sizeof(finding->text), "not for reply = none: %s",
                 session->failure);
    else if (session->failure[0])
        snprintf(finding->text, sizeof(finding->text), "%s", session->failure);
    else
        snprintf(finding->text + length, sizeof(finding->text) - length, ": not within %llu ms",
                 (unsigned long long)session->subject->options->timeout_ms);
}

static void try_rule(const struct subject *subject, const void *what, struct finding *finding)
{
    const struct rule *rule = what;
    struct subject own = *subject;
    struct session session;
    bool passed = false;
    bool fault = true;

    if (rule->one_way)
        own.service.handler.reply = REPLY_NONE;
    if (session_start(&session, &own, finding->text, sizeof(finding->text)) == 0) {
        passed = rule->check(&session, finding->text, sizeof(finding->text));
        fault = rule->one_way ? session.ended : !rule->slow || session.failure[0];
        if (!passed)
            explain(rule, &session, finding);
    }
    session_stop(&session, 0);
    finding->used = session.used;
    finding->verdict = passed ? VERDICT_PASS : fault ? VERDICT_FAIL : VERDICT_NOTE;
}

/* What a handler may do and this one has not done is not judged. */
static void add_unused(struct diagnosis *diagnosis, uint32_t used)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } parts[] = {
        {WIRE_MORE, "MORE"},
        {1U << WIRE_PUSH, "PUSH"},
        {1U << WIRE_HANGUP, "HANGUP"},
        {1U << WIRE_LOG, "LOG"},
    };
    struct finding finding = {.done = true, .verdict = VERDICT_NOTE, .text = "it did not use "};
    bool any = false;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        size_t length = strlen(finding.text);

        if (used & parts[i].bit)
            continue;
        snprintf(finding.text + length, sizeof(finding.text) - length, "%s%s", any ? ", " : "",
                 parts[i].name);
        any = true;
    }
    if (any)
        diagnosis_add(diagnosis, "not judged", "From the handler", &finding);
}

/* COUNT rules from FIRST on: whether none of them is broken. */
static bool run(struct diagnosis *diagnosis, size_t first, size_t count, uint32_t *used)
{
    struct finding *findings = apart_findings(count);
    struct apart work[RULE_COUNT];
    bool kept = findings != NULL;

    if (!findings)
        return false;
    for (size_t i = 0; i < count; i++)
        work[i] = (struct apart){.work = try_rule,
                                 .subject = &diagnosis->subject,
                                 .what = &rules[first + i],
                                 .finding = &findings[i]};
    apart_run(work, count);
    for (size_t i = 0; i < count; i++) {
        kept = kept && findings[i].done && findings[i].verdict != VERDICT_FAIL;
        *used |= findings[i].used;
        diagnosis_add(diagnosis, rules[first + i].name, rules[first + i].section, &findings[i]);
    }
    apart_release(findings, count);
    return kept;
}

/* Where not even one message is answered as it should be, all others would fail for the same
 * reason, one after the other. */
void rules_run(struct diagnosis *diagnosis)
{
    uint32_t used = 0;

    diagnosis->answers = run(diagnosis, 0, 1, &used);
    diagnosis->works = diagnosis->answers && run(diagnosis, 1, RULE_COUNT - 1, &used);
    if (diagnosis->answers)
        add_unused(diagnosis, used);
}
