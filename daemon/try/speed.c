/* How fast it answers: one request at a time, and with the codec record as many as it may have. */
#include "base/clock.h"
#include "try/bench.h"
#include "try/samples.h"
#include "try/session.h"

#include <stdlib.h>

/* Enough for a figure, however many requests were wanted. */
#define ENOUGH_NS ((uint64_t)1000 * 1000 * 1000)
#define WARM_UP 3U

static int compare(const void *one, const void *other)
{
    const double *a = one;
    const double *b = other;

    return (*a > *b) - (*a < *b);
}

static void sum_up(double *took_us, uint64_t count, uint64_t all_ns, struct speed *speed)
{
    if (count == 0)
        return;
    qsort(took_us, count, sizeof(*took_us), compare);
    speed->requests = count;
    speed->median_us = took_us[count / 2];
    speed->p99_us = took_us[(count - 1) * 99 / 100];
    speed->per_second = (double)count * 1e9 / (double)(all_ns ? all_ns : 1);
}

static void measure_bench(const struct subject *subject, double *took_us, struct speed *speed)
{
    uint64_t count = 0;
    uint64_t began, now;
    struct bench bench;
    char error[128];

    if (bench_start(&bench, subject, error, sizeof(error)) == 0 &&
        bench_settle(&bench) == COPROCESS_QUIET) {
        enum handler_outcome outcome = HANDLER_OK;

        for (unsigned i = 0; i < WARM_UP && outcome == HANDLER_OK; i++)
            if (bench_ask_sample(&bench, subject->kind, i) != BENCH_ANSWERED)
                outcome = HANDLER_FAILED;
        began = now = clock_ns();
        while (outcome == HANDLER_OK && count < subject->options->requests &&
               now - began < ENOUGH_NS) {
            char text[SAMPLE_SIZE];
            struct iovec message = sample_make(subject->options, (enum sample_kind)subject->kind,
                                               (unsigned)count + WARM_UP, text);
            uint64_t sent = clock_ns();
            struct framed_frame reply;
            struct request request;

            coprocess_forget(&bench.coprocess);
            if (request_init(&request, &bench.codec, message.iov_base, message.iov_len,
                             clock_ms() + subject->options->timeout_ms) != FRAMED_OK)
                break;
            outcome = coprocess_ask(&bench.coprocess, &request, &reply);
            now = clock_ns();
            if (outcome == HANDLER_OK)
                took_us[count++] = (double)(now - sent) / 1000;
        }
        sum_up(took_us, count, now - began, speed);
    }
    bench_stop(&bench);
}

/* One at a time for the time that each takes; then the window full, for how many there are in a
 * second. */
static void measure_session(const struct subject *subject, double *took_us, struct speed *speed)
{
    uint64_t wanted = subject->options->requests;
    struct session session;
    uint64_t began;
    char error[128];

    if (session_start(&session, subject, error, sizeof(error)) == 0) {
        session_open(&session);
        for (unsigned i = 0; i < WARM_UP; i++) {
            session_send_sample(&session, i);
            session_answer(&session);
        }
        session.answered = 0;
        session.took_us = took_us;
        session.took_max = wanted;
        began = clock_ns();
        for (unsigned i = 0; i < wanted && clock_ns() - began < ENOUGH_NS / 2; i++) {
            session_send_sample(&session, i);
            if (!session_answer(&session))
                break;
        }
        if (!session.failed)
            sum_up(took_us, session.answered, clock_ns() - began, speed);
        session.answered = 0;
        session.took_max = 0;
        began = clock_ns();
        for (unsigned i = 0; i < wanted && !session.failed && clock_ns() - began < ENOUGH_NS / 2;
             i++)
            session_send_sample(&session, i);
        if (session_answer(&session))
            speed->per_second = session.answered * 1e9 / (double)(clock_ns() - began);
    }
    session_stop(&session, 0);
}

void speed_measure(const struct subject *subject, const void *what, struct finding *finding)
{
    double *took_us = calloc(subject->options->requests, sizeof(*took_us));

    (void)what;
    if (took_us && subject->service.handler.codec == CODEC_RECORD)
        measure_session(subject, took_us, &finding->speed);
    else if (took_us)
        measure_bench(subject, took_us, &finding->speed);
    free(took_us);
}
