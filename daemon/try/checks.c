/* What becomes of odd messages, and of the end, with the codecs line and frame: nothing here is a
 * fault, but it is good to know. */
#include "base/clock.h"
#include "try/bench.h"
#include "try/samples.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE ((size_t)64 * 1024)
#define HUGE ((size_t)1024 * 1024)

static bool is_reply(const struct bench *bench, const struct framed_frame *reply,
                     const struct iovec *message)
{
    return reply->length == message->iov_len &&
           memcmp(bench->coprocess.output + reply->payload, message->iov_base, reply->length) == 0;
}

static void explain(struct bench *bench, enum bench_answer answer, struct finding *finding)
{
    char said[200] = "";

    finding->verdict = VERDICT_NOTE;
    if (answer == BENCH_SILENT) {
        bench_quote(bench, said, sizeof(said));
        snprintf(finding->text, sizeof(finding->text), "no answer: its client is closed%s", said);
    } else if (answer == BENCH_ENDED) {
        bench_explain_end(bench, said, sizeof(said));
        snprintf(finding->text, sizeof(finding->text),
                 "it %s; its client is closed, and it is started anew", said);
    } else {
        snprintf(finding->text, sizeof(finding->text), "%s: its client is closed",
                 answer == BENCH_MANY      ? "more than one reply"
                 : answer == BENCH_REFUSED ? "too large for max_message"
                                           : "what it writes is no reply");
    }
}

/* MESSAGE between two usual ones; a program that echoes those is to echo it, too. */
static void try_message(struct bench *bench, const struct iovec *message, struct finding *finding)
{
    const struct subject *subject = bench->subject;
    char text[SAMPLE_SIZE];
    struct iovec usual = sample_make(subject->options, (enum sample_kind)subject->kind, 0, text);
    struct framed_frame reply;
    enum bench_answer answer = bench_ask(bench, &usual, &reply);
    bool echoes = answer == BENCH_ANSWERED && is_reply(bench, &reply, &usual);

    if (answer == BENCH_ANSWERED)
        answer = bench_ask(bench, message, &reply);
    echoes = echoes && answer == BENCH_ANSWERED && !is_reply(bench, &reply, message);
    if (answer == BENCH_ANSWERED)
        answer = bench_ask(bench, &usual, &reply);
    if (answer != BENCH_ANSWERED) {
        explain(bench, answer, finding);
    } else if (echoes) {
        finding->verdict = VERDICT_NOTE;
        snprintf(finding->text, sizeof(finding->text), "answered, but not as it was sent");
    } else {
        snprintf(finding->text, sizeof(finding->text), "answered");
    }
}

static void try_empty(struct bench *bench, struct finding *finding)
{
    char nothing[1];

    try_message(bench, &(struct iovec){.iov_base = nothing}, finding);
}

static void try_length(struct bench *bench, size_t length, struct finding *finding)
{
    const struct subject *subject = bench->subject;
    struct iovec message = {
        .iov_base = sample_large(subject->options, (enum sample_kind)subject->kind, length),
        .iov_len = length};

    if (message.iov_base)
        try_message(bench, &message, finding);
    free(message.iov_base);
}

static void try_large(struct bench *bench, struct finding *finding)
{
    try_length(bench, LARGE, finding);
}

static void try_huge(struct bench *bench, struct finding *finding)
{
    try_length(bench, HUGE, finding);
}

static void try_bytes(struct bench *bench, struct finding *finding)
{
    char all[256];
    struct iovec message = {.iov_base = all};

    message.iov_len = sample_bytes(bench->subject->service.handler.codec, all);
    try_message(bench, &message, finding);
}

static void try_end(struct bench *bench, struct finding *finding)
{
    unsigned replies;
    uint64_t began_ms;

    bench_ask_sample(bench, bench->subject->kind, 0);
    began_ms = clock_ms();
    if (bench_close_input(bench, &replies)) {
        snprintf(finding->text, sizeof(finding->text), "it ends, after %llu ms",
                 (unsigned long long)(clock_ms() - began_ms));
    } else {
        finding->verdict = VERDICT_NOTE;
        snprintf(finding->text, sizeof(finding->text),
                 "it goes on: each stop takes a SIGTERM and more time");
    }
}

static void try_term(struct bench *bench, struct finding *finding)
{
    int timeout_ms = (int)bench->subject->options->timeout_ms;

    bench_ask_sample(bench, bench->subject->kind, 0);
    process_signal(&bench->coprocess.process, SIGTERM);
    if (process_ended(&bench->coprocess.process, timeout_ms)) {
        snprintf(finding->text, sizeof(finding->text), "it ends");
    } else {
        finding->verdict = VERDICT_NOTE;
        snprintf(finding->text, sizeof(finding->text), "it goes on, and has to be killed");
    }
}

static const struct check {
    const char *name;
    void (*run)(struct bench *bench, struct finding *finding);
} checks[] = {
    {"empty message", try_empty}, {"64 KiB", try_large},     {"1 MiB", try_huge},
    {"any bytes", try_bytes},     {"end of input", try_end}, {"SIGTERM", try_term},
};
#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

static void try_check(const struct subject *subject, const void *what, struct finding *finding)
{
    const struct check *check = what;
    struct bench bench;

    finding->verdict = VERDICT_FAIL;
    if (bench_start(&bench, subject, finding->text, sizeof(finding->text)) == 0) {
        finding->verdict = VERDICT_PASS;
        bench_settle(&bench);
        check->run(&bench, finding);
    }
    bench_stop(&bench);
}

void checks_run(struct diagnosis *diagnosis)
{
    struct finding *findings = apart_findings(CHECK_COUNT);
    struct apart work[CHECK_COUNT];

    if (!findings)
        return;
    for (size_t i = 0; i < CHECK_COUNT; i++)
        work[i] = (struct apart){.work = try_check,
                                 .subject = &diagnosis->subject,
                                 .what = &checks[i],
                                 .finding = &findings[i]};
    apart_run(work, CHECK_COUNT);
    for (size_t i = 0; i < CHECK_COUNT; i++)
        diagnosis_add(diagnosis, checks[i].name, NULL, &findings[i]);
    apart_release(findings, CHECK_COUNT);
}
