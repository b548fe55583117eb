/*
 * One co-process of the codec line or frame on the bench: the same calls that a worker's handler
 * makes, and a little more patience in seeing what came of them.
 */
#ifndef FRAMED_TRY_BENCH_H
#define FRAMED_TRY_BENCH_H

#include "handler/coprocess.h"
#include "try/try.h"

struct bench {
    const struct subject *subject;
    struct codec codec;
    struct coprocess coprocess;
    uint64_t started_ms;
    unsigned long ticks; /* of CPU time that it had used when it was last looked at */
};

/* What came of a message. */
enum bench_answer {
    BENCH_ANSWERED, /* with one reply */
    BENCH_SILENT,   /* not within the timeout; or it waits for more, which is known sooner */
    BENCH_ENDED,
    BENCH_MANY,    /* more than one reply */
    BENCH_GARBLED, /* what is no reply; coprocess.reason tells why */
    BENCH_REFUSED, /* it cannot be sent in this codec */
};

/* Starts a process. 0, or a negative errno with a message in ERROR: bench_stop() all the same. */
int bench_start(struct bench *bench, const struct subject *subject, char *error, size_t size);

/* Waits until it reads, or for as long as programs get to settle: QUIET, OUTPUT or ENDED. */
enum coprocess_sight bench_settle(struct bench *bench);

/* Sends a message and reads the reply: coprocess.output, as REPLY says. */
enum bench_answer bench_ask(struct bench *bench, const struct iovec *message,
                            struct framed_frame *reply);

/* The INDEX-th sample of KIND. */
enum bench_answer bench_ask_sample(struct bench *bench, int kind, unsigned index);

/* The same, without waiting for what comes of it. */
void bench_tell_sample(struct bench *bench, int kind, unsigned index);

/* Closes its standard input and waits for its end. Whether that came in time; REPLIES: that it
 * wrote meanwhile. */
bool bench_close_input(struct bench *bench, unsigned *replies);

/* Describes how it ended, with its last words: "ended (exit status 2): no such table". It is
 * reaped. */
void bench_explain_end(struct bench *bench, char *text, size_t size);

/* "; it said: ..." on standard error, or nothing. */
void bench_quote(struct bench *bench, char *text, size_t size);

/* Kills what is left, and frees all. */
void bench_stop(struct bench *bench);

#endif
