/*
 * The program's life. It is ended, with its group, when it breaks the protocol, is not ready in
 * time, or does not answer a request that was cancelled; its client is closed then if the program
 * has had to do with it, and is introduced to the next one if not.
 */
#include "base/clock.h"
#include "config/config.h"
#include "handler/probe.h"
#include "handler/record/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Reads in a row. */
#define READ_ROUNDS 16
/* At least what is left of the grace for the end itself. */
#define END_MS 200

/* A program that runs, if it is time for one; where it is new, it is told who is there. */
bool record_begin(struct record_handler *record)
{
    const struct deadlines_config *deadlines = &record->base.host->service->deadlines;

    if (program_runs(&record->program))
        return true;
    if (!program_revive(&record->program) || record_greet(record) < 0) {
        record_arm(record, record->program.not_before_ms + 1);
        return program_runs(&record->program); /* one that has ended already is seen as such */
    }
    record->ready_by_ms = clock_ms() + deadlines->start_ms;
    record_arm(record, record->ready_by_ms);
    if (record->connection)
        record_put_open(record);
    return true;
}

void record_fail(struct record_handler *record, enum handler_outcome outcome)
{
    const char *reason = record->program.coprocess.reason;

    if (outcome == HANDLER_FAILED) /* its own words tell all */
        coprocess_forget(&record->program.coprocess);
    if (outcome == HANDLER_DIED && record->window.owed + record->window.cancelled == 0)
        reason = "it ended between requests";
    program_discard(&record->program, outcome, reason);
    if (record->window.owed > 0)
        record_excuse(record, record->window.first);
    window_clear(&record->window);
    record->output.start = record->output.end = 0;
    record->output.blocked = false;
    record->ready = false;
    record->write_by_ms = 0;
    if (record->engaged && (record->verdict == HANDLER_OK || record->verdict == HANDLER_HANGUP))
        record->verdict = outcome;
    record->engaged = false;
    record_begin(record);
}

void record_fail_because(struct record_handler *record, enum handler_outcome outcome,
                         const char *reason)
{
    record->program.coprocess.reason = reason;
    record_fail(record, outcome);
}

/* Reads what there is, until its end when it is ENDING. HANDLER_OK, or why it has to go. */
enum handler_outcome record_hear(struct record_handler *record, bool ending)
{
    struct coprocess *coprocess = &record->program.coprocess;

    for (int i = 0; i < READ_ROUNDS; i++) {
        enum coprocess_sight sight = coprocess_look(coprocess);
        bool filled = coprocess->length == coprocess->size;
        enum handler_outcome outcome;

        if (sight == COPROCESS_ENDED)
            return coprocess_judge_end(coprocess);
        if (sight == COPROCESS_QUIET)
            break;
        outcome = record_take(record);
        if (outcome != HANDLER_OK)
            return outcome;
        if (!filled && !ending)
            break;
    }
    return ending ? coprocess_judge_end(coprocess) : HANDLER_OK;
}

void record_write_all(struct record_handler *record)
{
    uint64_t request_ms = record->base.host->service->deadlines.request_ms;

    if (record_write(record) < 0) {
        record_fail(record, record_hear(record, true));
    } else if (record_unwritten(record) == 0) {
        record->write_by_ms = 0;
    } else if (record->ready && record->write_by_ms == 0 && request_ms > 0) {
        record->write_by_ms = clock_ms() + request_ms;
        record_arm(record, record->write_by_ms);
    }
}

static int explain(struct record_handler *record, enum coprocess_sight sight,
                   enum handler_outcome outcome, char *error, size_t size)
{
    struct coprocess *coprocess = &record->program.coprocess;
    const struct handler_host *host = record->base.host;
    char what[sizeof(record->failure) + 32];

    if (sight == COPROCESS_ENDED)
        return trial_explain(coprocess, host, "ended at its start", true, error, size);
    if (outcome == HANDLER_FAILED) {
        snprintf(what, sizeof(what), "cannot start: %s", record->failure);
        return trial_explain(coprocess, host, what, false, error, size);
    }
    if (outcome == HANDLER_PROTOCOL) {
        snprintf(what, sizeof(what), "wrote %s", coprocess->reason);
        return trial_explain_output(coprocess, host, what, error, size);
    }
    return trial_explain(coprocess, host,
                         "did not say READY in time, as codec = record asks (framed-record(5))",
                         false, error, size);
}

/* Waits for READY. */
static int await_ready(struct record_handler *record, char *error, size_t size)
{
    struct coprocess *coprocess = &record->program.coprocess;
    uint64_t start_ms = record->base.host->service->deadlines.start_ms;
    uint64_t until = clock_ms() + start_ms - start_ms / 8; /* before our master's patience ends */
    enum coprocess_sight sight = COPROCESS_QUIET;
    enum handler_outcome outcome = HANDLER_OK;

    while (sight == COPROCESS_QUIET && outcome == HANDLER_OK) {
        sight = coprocess_look(coprocess);
        if (sight == COPROCESS_OUTPUT && (outcome = record_take(record)) == HANDLER_OK)
            sight = COPROCESS_QUIET;
        if (record->ready)
            return 0;
        if (sight == COPROCESS_QUIET)
            sight = coprocess_wait(coprocess, false, until, UINT64_MAX);
        if (sight != COPROCESS_ENDED && coprocess->leave_by_ms)
            return 0; /* whoever leaves need not be ready */
    }
    return explain(record, sight, outcome, error, size);
}

int record_start(struct handler *handler, char *error, size_t size)
{
    struct record_handler *record = (struct record_handler *)handler;
    const struct service_config *service = handler->host->service;
    size_t window = service->handler.window;
    int result;

    program_init(&record->program, handler->host, NULL);
    record->one_way = service->handler.reply == REPLY_NONE;
    record->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (record->timer_fd < 0)
        return -errno;
    result = window_init(&record->window, window, window * service->limits.max_reply);
    if (result == 0)
        result = program_start(&record->program, error, size);
    if (result < 0)
        return result;
    record_greet(record); /* one that does not take it has ended, which is told better */
    return await_ready(record, error, size);
}

/* STOP, and what waits before it, as far as the program takes it in time. */
static void say_stop(struct record_handler *record, uint64_t until)
{
    struct coprocess *coprocess = &record->program.coprocess;
    enum coprocess_sight sight = COPROCESS_QUIET;

    coprocess->host = NULL; /* the grace is what counts now */
    coprocess->leave_by_ms = 0;
    record_put(record, &(struct wire_record){.type = WIRE_STOP});
    while (record->ready && sight <= COPROCESS_OUTPUT && record_write(record) == 0 &&
           record_unwritten(record) > 0) {
        coprocess_forget(coprocess); /* replies that nobody waits for */
        sight = coprocess_wait(coprocess, true, until, UINT64_MAX);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_look(coprocess);
    }
}

void record_stop(struct handler *handler, unsigned grace_ms)
{
    struct record_handler *record = (struct record_handler *)handler;
    uint64_t until = clock_ms() + grace_ms;

    if (grace_ms > 0 && program_runs(&record->program)) {
        say_stop(record, until);
        grace_ms = (unsigned)clock_left_ms(until, clock_ms());
        grace_ms = grace_ms > END_MS ? grace_ms : END_MS;
    }
    program_stop(&record->program, grace_ms);
    window_deinit(&record->window);
    free(record->output.data);
    record->output = (struct record_output){0};
    if (record->timer_fd > 0)
        close(record->timer_fd);
}
