/* Is a codec spoken? For each kind of sample a fresh process, until one is answered. */
#include "base/clock.h"
#include "handler/kinds.h"
#include "handler/printable.h"
#include "try/bench.h"
#include "try/samples.h"
#include "try/session.h"

#include <stdio.h>
#include <string.h>

/* Messages that it has to answer, one after the other. */
#define ROUNDS 3
#define QUOTED 48

struct note {
    enum trial_result result;
    bool unread; /* what it was sent */
    char text[200];
};

static void note_output(struct bench *bench, const char *what, char *text, size_t size)
{
    const struct coprocess *coprocess = &bench->coprocess;
    char quoted[QUOTED + 1];

    printable(coprocess->output, coprocess->length < QUOTED ? coprocess->length : QUOTED, quoted,
              sizeof(quoted));
    snprintf(text, size, "%s: \"%s\"", what, quoted);
}

/* It has been silent, which may be because it keeps its replies back until the end. */
static void try_end(struct bench *bench, enum sample_kind kind, struct note *note)
{
    unsigned replies;
    bool ended;

    note->unread =
        !process_ended(&bench->coprocess.process, 0) && coprocess_has_unread(&bench->coprocess);
    note->result = TRIAL_SILENT;
    if (note->unread) {
        snprintf(note->text, sizeof(note->text), "it does not read");
        return;
    }
    for (unsigned i = 1; i < ROUNDS; i++)
        bench_tell_sample(bench, (int)kind, i);
    ended = bench_close_input(bench, &replies);
    note->result = replies >= ROUNDS ? TRIAL_BUFFERS : replies > 0 ? TRIAL_AT_END : TRIAL_SILENT;
    if (replies >= ROUNDS)
        snprintf(note->text, sizeof(note->text),
                 "it buffers: it answers %s only when its input ends", sample_name(kind));
    else if (replies > 0)
        snprintf(note->text, sizeof(note->text),
                 "it answers at the end of its input, %u replies to %d messages", replies, ROUNDS);
    else if (ended)
        bench_quote(bench, note->text, sizeof(note->text));
}

static void judge(struct bench *bench, enum sample_kind kind, enum bench_answer answer,
                  unsigned round, struct note *note)
{
    static const enum trial_result results[] = {
        [BENCH_ANSWERED] = TRIAL_ANSWERS, [BENCH_SILENT] = TRIAL_SILENT,
        [BENCH_ENDED] = TRIAL_ENDS,       [BENCH_MANY] = TRIAL_MANY,
        [BENCH_GARBLED] = TRIAL_GARBLED,  [BENCH_REFUSED] = TRIAL_NOTHING,
    };

    note->result = results[answer];
    if (answer == BENCH_MANY)
        note_output(bench, "it answers one message with more than one reply", note->text,
                    sizeof(note->text));
    else if (answer == BENCH_GARBLED)
        note_output(bench, "what it writes is no reply", note->text, sizeof(note->text));
    else if (answer == BENCH_ENDED)
        bench_explain_end(bench, note->text, sizeof(note->text));
    else if (answer == BENCH_REFUSED)
        snprintf(note->text, sizeof(note->text), "cannot be sent in this codec");
    if (round > 0 && answer != BENCH_ANSWERED)
        note->result = TRIAL_ONCE;
    else if (answer == BENCH_SILENT)
        try_end(bench, kind, note);
}

static void try_kind(const struct subject *subject, enum sample_kind kind, struct finding *finding,
                     struct note *note)
{
    enum bench_answer answer = BENCH_ANSWERED;
    enum coprocess_sight sight;
    struct bench bench;

    *note = (struct note){.result = TRIAL_NO_START};
    if (bench_start(&bench, subject, note->text, sizeof(note->text)) < 0) {
        bench_stop(&bench);
        return;
    }
    sight = bench_settle(&bench);
    if (sight == COPROCESS_ENDED) {
        bench_explain_end(&bench, note->text, sizeof(note->text));
    } else if (sight == COPROCESS_OUTPUT) {
        note->result = TRIAL_EAGER;
        note_output(&bench, "it prints before it is asked", note->text, sizeof(note->text));
    } else {
        unsigned round = 0;

        for (; round < ROUNDS && answer == BENCH_ANSWERED; round++) {
            answer = bench_ask_sample(&bench, kind, round);
            if (round == 0)
                finding->first_ms = clock_ms() - bench.started_ms;
        }
        judge(&bench, kind, answer, round - 1, note);
    }
    bench_stop(&bench);
}

/* "a word: silent; JSON: ended (exit status 2): ..." */
static void add_note(struct finding *finding, enum sample_kind kind, const struct note *note)
{
    size_t length = strlen(finding->text);

    snprintf(finding->text + length, sizeof(finding->text) - length, "%s%s: %s%s",
             length > 0 ? "; " : "", sample_name(kind),
             note->result == TRIAL_SILENT ? "no answer" : "", note->text);
}

/* None of the other samples would change it. */
static bool is_certain(const struct note *note)
{
    return note->result >= TRIAL_AT_END || note->result == TRIAL_EAGER ||
           note->result == TRIAL_NO_START || note->unread;
}

static void try_samples(const struct subject *subject, struct finding *finding)
{
    for (enum sample_kind kind = 0; kind < SAMPLE_COUNT; kind++) {
        struct note note;

        if (!sample_applies(subject->options, kind))
            continue;
        try_kind(subject, kind, finding, &note);
        if (is_certain(&note)) {
            finding->result = note.result;
            finding->kind = (int)kind;
            snprintf(finding->text, sizeof(finding->text), "%s", note.text);
            break;
        }
        add_note(finding, kind, &note);
        if (note.result > finding->result)
            finding->result = note.result;
    }
    if (finding->result == TRIAL_ANSWERS)
        snprintf(finding->text, sizeof(finding->text), "answers %s, the first after %llu ms",
                 sample_name((enum sample_kind)finding->kind),
                 (unsigned long long)finding->first_ms);
}

static void try_record(const struct subject *subject, struct finding *finding)
{
    struct session session;

    finding->kind = subject->options->message_count > 0 ? SAMPLE_GIVEN : SAMPLE_WORD;
    finding->result = TRIAL_NO_START;
    if (session_start(&session, subject, finding->text, sizeof(finding->text)) == 0) {
        finding->result = TRIAL_ANSWERS;
        finding->first_ms = session.ready_ms;
        snprintf(finding->text, sizeof(finding->text), "READY after %llu ms",
                 (unsigned long long)session.ready_ms);
    }
    session_stop(&session, 0);
}

void trial_codec(const struct subject *subject, const void *what, struct finding *finding)
{
    (void)what;
    if (subject->service.handler.codec == CODEC_RECORD)
        try_record(subject, finding);
    else
        try_samples(subject, finding);
    finding->verdict = finding->result == TRIAL_ANSWERS ? VERDICT_PASS : VERDICT_NO;
}
