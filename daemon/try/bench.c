#include "try/bench.h"

#include "base/clock.h"
#include "try/samples.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As long as the default of `settle`, and a little more. */
#define SETTLE_MS 300U
/* Between two looks at whether it waits for more, and how many in a row are enough: what it has
 * handed on to a helper of its own gets the time to come back. */
#define GLANCE_MS 25U
#define IDLE_GLANCES 10
/* After a reply, for another. */
#define REST_MS 60U
/* What a program gets before it first reads, in timeouts, as long as it is at work. */
#define START_TIMEOUTS 4

int bench_start(struct bench *bench, const struct subject *subject, char *error, size_t size)
{
    int result;

    *bench = (struct bench){.subject = subject, .started_ms = clock_ms()};
    coprocess_init(&bench->coprocess, &bench->codec);
    result = codec_init(&bench->codec, &subject->service, error, size);
    if (result == 0)
        result = coprocess_start(&bench->coprocess, &subject->service, error, size);
    if (result == 0)
        apart_guard(bench->coprocess.process.pid);
    return result;
}

void bench_stop(struct bench *bench)
{
    char status[PROCESS_STATUS_SIZE];

    coprocess_finish(&bench->coprocess, status);
    apart_guard(0);
    coprocess_deinit(&bench->coprocess);
    codec_deinit(&bench->codec);
}

enum coprocess_sight bench_settle(struct bench *bench)
{
    struct coprocess *coprocess = &bench->coprocess;
    uint64_t until = clock_ms() + SETTLE_MS;
    enum coprocess_sight sight = COPROCESS_QUIET;

    while (sight == COPROCESS_QUIET && clock_ms() < until) {
        sight = coprocess_look(coprocess);
        if (sight == COPROCESS_QUIET && coprocess_idles(coprocess))
            return coprocess_look(coprocess);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_wait(coprocess, false, until, (uint64_t)1000 * 1000);
    }
    return sight == COPROCESS_LATE ? COPROCESS_QUIET : sight;
}

/* Whole replies in what it has written, and the bytes that they take. */
static unsigned count_replies(const struct bench *bench, size_t *used)
{
    const struct coprocess *coprocess = &bench->coprocess;
    struct framed_frame reply;
    unsigned count = 0;

    for (*used = 0; *used < coprocess->length; *used += reply.size) {
        struct framed_decoder decoder = {0};

        if (framed_decode(bench->codec.reply, &decoder, coprocess->output + *used,
                          coprocess->length - *used, &reply) != FRAMED_OK)
            break;
        count++;
    }
    return count;
}

static enum bench_answer judge(struct bench *bench, enum handler_outcome outcome)
{
    struct coprocess *coprocess = &bench->coprocess;
    size_t used;

    if (outcome == HANDLER_OK)
        outcome = coprocess_rest(coprocess, clock_ms() + REST_MS);
    if (outcome == HANDLER_PROTOCOL || outcome == HANDLER_DIED) {
        unsigned count = count_replies(bench, &used);

        if (count == 1 && used == coprocess->length)
            return BENCH_ANSWERED; /* whatever it does then, the next message will tell */
        if (outcome == HANDLER_DIED)
            return BENCH_ENDED;
        return count > 0 ? BENCH_MANY : BENCH_GARBLED;
    }
    switch (outcome) {
    case HANDLER_OK:
        return BENCH_ANSWERED;
    case HANDLER_TIMEOUT:
        return BENCH_SILENT;
    default:
        return BENCH_GARBLED;
    }
}

/* From the line of /proc/PID/stat, behind the name: its group, and its ticks of CPU time. */
enum {
    STAT_GROUP = 3,
    STAT_USER = 12,
    STAT_SYSTEM = 13,
};

static unsigned long ticks_in(pid_t group, char *line)
{
    char *rest = strrchr(line, ')'); /* the name may have anything in it */
    unsigned long ticks = 0;
    char *next;

    for (int field = 0; rest && field <= STAT_SYSTEM; field++) {
        char *word = strtok_r(field == 0 ? rest : NULL, " ", &next);

        if (!word || (field == STAT_GROUP && strtol(word, NULL, 10) != group))
            return 0;
        if (field >= STAT_USER)
            ticks += strtoul(word, NULL, 10);
    }
    return ticks;
}

/* The CPU time of all in the process group GROUP. */
static unsigned long group_ticks(pid_t group)
{
    unsigned long sum = 0;
    glob_t found;

    if (glob("/proc/[0-9]*/stat", GLOB_NOSORT, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *stat = fopen(found.gl_pathv[i], "re");
        char line[512];

        if (stat && fgets(line, sizeof(line), stat))
            sum += ticks_in(group, line);
        if (stat)
            fclose(stat);
    }
    globfree(&found);
    return sum;
}

/* Whether a program that has not read yet is still starting: it has had something to do since the
 * last time. */
static bool is_starting(struct bench *bench)
{
    unsigned long ticks = group_ticks(bench->coprocess.process.pid);
    bool busy = ticks > bench->ticks;

    bench->ticks = ticks;
    return busy;
}

/* In small pieces of time, between which it may be seen that there is nothing to wait for. */
enum bench_answer bench_ask(struct bench *bench, const struct iovec *message,
                            struct framed_frame *reply)
{
    struct coprocess *coprocess = &bench->coprocess;
    uint64_t timeout_ms = bench->subject->options->timeout_ms;
    uint64_t start_by = clock_ms() + START_TIMEOUTS * timeout_ms;
    uint64_t until = clock_ms() + timeout_ms;
    struct request request;
    enum handler_outcome outcome;
    unsigned idle = 0;

    if (request_init(&request, &bench->codec, message->iov_base, message->iov_len, 0) != FRAMED_OK)
        return BENCH_REFUSED;
    coprocess_forget(coprocess);
    coprocess->answered = false;
    do {
        if (coprocess_has_unread(coprocess) && clock_ms() < start_by && is_starting(bench))
            until = clock_ms() + timeout_ms;
        coprocess->reason = NULL;
        request.deadline_ms = clock_ms() + GLANCE_MS;
        outcome = coprocess_ask(coprocess, &request, reply);
        idle = coprocess_idles(coprocess) ? idle + 1 : 0;
    } while (outcome == HANDLER_TIMEOUT && idle < IDLE_GLANCES && clock_ms() < until);
    return judge(bench, outcome);
}

enum bench_answer bench_ask_sample(struct bench *bench, int kind, unsigned index)
{
    char text[SAMPLE_SIZE];
    struct iovec message =
        sample_make(bench->subject->options, (enum sample_kind)kind, index, text);
    struct framed_frame reply;

    return bench_ask(bench, &message, &reply);
}

void bench_tell_sample(struct bench *bench, int kind, unsigned index)
{
    const struct try_options *options = bench->subject->options;
    char text[SAMPLE_SIZE];
    struct iovec message = sample_make(options, (enum sample_kind)kind, index, text);
    struct request request;

    if (request_init(&request, &bench->codec, message.iov_base, message.iov_len,
                     clock_ms() + options->timeout_ms) == FRAMED_OK)
        coprocess_tell(&bench->coprocess, &request);
}

bool bench_close_input(struct bench *bench, unsigned *replies)
{
    struct coprocess *coprocess = &bench->coprocess;
    uint64_t until = clock_ms() + bench->subject->options->timeout_ms;
    enum coprocess_sight sight = COPROCESS_QUIET;
    size_t used;

    coprocess_forget(coprocess);
    process_close(&coprocess->process.input_fd);
    while (sight <= COPROCESS_OUTPUT &&
           coprocess->length <= bench->subject->service.limits.max_reply) {
        sight = coprocess_look(coprocess);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_wait(coprocess, false, until, UINT64_MAX);
    }
    *replies = count_replies(bench, &used);
    return sight == COPROCESS_ENDED &&
           process_ended(&coprocess->process, clock_left_ms(until, clock_ms()));
}

void bench_quote(struct bench *bench, char *text, size_t size)
{
    char said[STDERR_TAIL_SIZE + 1];

    coprocess_drain(&bench->coprocess);
    stderr_log_last(&bench->coprocess.errors, said, sizeof(said));
    snprintf(text, size, "%s%s", said[0] ? "; it said: " : "", said);
}

void bench_explain_end(struct bench *bench, char *text, size_t size)
{
    char status[PROCESS_STATUS_SIZE];
    char said[STDERR_TAIL_SIZE + 1];

    process_ended(&bench->coprocess.process, LAST_BREATH_MS);
    coprocess_finish(&bench->coprocess, status);
    stderr_log_last(&bench->coprocess.errors, said, sizeof(said));
    snprintf(text, size, "ended (%s)%s%s", status[0] ? status : "it closed its standard output",
             said[0] ? ": " : "", said);
}
