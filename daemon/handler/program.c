#include "handler/program.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "handler/advice.h"
#include "handler/leftovers.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Between two starts of a program that never answers; doubles from the first to the second. */
#define RESTART_MIN_MS 100U
#define RESTART_MAX_MS 5000U
/* Bytes of unwanted output that are quoted. */
#define QUOTE_MAX 64
#define LOGS_PER_SECOND 10

static char *const *arguments(const struct program *program)
{
    return program->host->service->handler.command;
}

void program_announce(const struct program *program)
{
    const struct handler_host *host = program->host;

    host->group_changed(host->context, program->coprocess.process.pid);
}

void program_init(struct program *program, const struct handler_host *host,
                  const struct codec *codec)
{
    *program = (struct program){.host = host};
    coprocess_init(&program->coprocess, codec);
    program->coprocess.host = host;
}

bool program_runs(const struct program *program)
{
    return program->coprocess.process.pid > 0;
}

uint64_t program_down_until(const struct program *program)
{
    bool able = program_runs(program) || clock_ms() >= program->not_before_ms;

    return able ? 0 : program->not_before_ms;
}

/* A program that never gets to answer must not be started in a tight loop. */
static void set_back(struct program *program, enum handler_outcome outcome)
{
    bool silent = program->host->service->handler.reply == REPLY_NONE;
    uint64_t now = clock_ms();
    uint64_t delay_ms = 0;

    if (program->coprocess.answered || (silent && now - program->started_ms >= RESTART_MAX_MS))
        program->failures = 0;
    else if (outcome != HANDLER_TIMEOUT) /* the deadline was delay enough */
        program->failures++;
    if (program->failures > 1) {
        unsigned doublings = program->failures - 2;

        delay_ms = doublings < 6 ? RESTART_MIN_MS << doublings : RESTART_MAX_MS;
    }
    program->not_before_ms = now + (delay_ms < RESTART_MAX_MS ? delay_ms : RESTART_MAX_MS);
}

static size_t quotable(const struct coprocess *coprocess)
{
    return coprocess->length < QUOTE_MAX ? coprocess->length : QUOTE_MAX;
}

static void log_end(struct program *program, enum handler_outcome outcome, const char *reason,
                    pid_t pid, const char *status)
{
    const struct coprocess *coprocess = &program->coprocess;
    /* Not by us, and so there is one who asks. */
    const char *oom = strcmp(status, "SIGKILL") == 0 ? oom_word(&program->oom) : NULL;
    const struct fault fault = {outcome, reason, status, coprocess, program->host->service};
    char hint[ADVICE_SIZE];
    /* A process can be replaced for no fault of its own. */
    const char *event = outcome == HANDLER_OK ? "handler-replaced" : handler_outcome_word(outcome);

    if (!limiter_pass(&program->ends, LOGS_PER_SECOND, clock_coarse_ms()))
        return;
    log_warning(event, LOG_INT("handler_pid", pid), LOG_STR("reason", reason),
                LOG_STR("status", status[0] ? status : NULL), LOG_STR("oom", oom),
                LOG_BYTES("output", coprocess->output, quotable(coprocess)),
                LOG_INT("suppressed", limiter_take(&program->ends)),
                LOG_STR("hint", advice_give(&fault, hint) ? hint : NULL));
}

/* For whoever looks at the service, not only at its log. */
static void tell_fault(const struct program *program, const char *reason, const char *status)
{
    const struct handler_host *host = program->host;
    char said[STDERR_TAIL_SIZE + 1];
    char why[512];

    if (!host->faulted)
        return;
    stderr_log_last(&program->coprocess.errors, said, sizeof(said));
    snprintf(why, sizeof(why), "\"%s\" was replaced: %s%s%s%s%s%s", arguments(program)[0], reason,
             status[0] ? " (" : "", status, status[0] ? ")" : "", said[0] ? "; it said: " : "",
             said);
    host->faulted(host->context, why);
}

void program_discard(struct program *program, enum handler_outcome outcome, const char *reason)
{
    struct coprocess *coprocess = &program->coprocess;
    pid_t pid = coprocess->process.pid;
    char status[PROCESS_STATUS_SIZE];

    if (outcome == HANDLER_DIED) /* its pipes close before it is a zombie that tells why */
        process_ended(&coprocess->process, LAST_BREATH_MS);
    coprocess_finish(coprocess, status);
    program_announce(program);
    log_end(program, outcome, reason, pid, status);
    if (outcome != HANDLER_OK)
        tell_fault(program, reason, status);
    set_back(program, outcome);
    coprocess_forget(coprocess);
    coprocess_trim(coprocess); /* perhaps it is for want of memory that it was ended */
}

static int start(struct program *program, char *error, size_t size)
{
    int result = coprocess_start(&program->coprocess, program->host->service, error, size);

    program->started_ms = clock_ms();
    if (result < 0)
        return result;
    program_announce(program);
    oom_note(&program->oom);
    return 0;
}

int program_start(struct program *program, char *error, size_t size)
{
    oom_init(&program->oom);
    signal(SIGPIPE, SIG_IGN); /* a handler that has gone is an error of write(2) */
    return start(program, error, size);
}

bool program_revive(struct program *program)
{
    char error[256];

    if (program_runs(program))
        return true;
    if (clock_ms() < program->not_before_ms)
        return false;
    if (start(program, error, sizeof(error)) == 0)
        return true;
    set_back(program, HANDLER_FAILED);
    log_error("handler-failed", LOG_STR("error", error));
    if (program->host->faulted)
        program->host->faulted(program->host->context, error);
    return false;
}

enum handler_outcome program_refuse(struct program *program)
{
    if (limiter_pass(&program->refusals, 1, clock_coarse_ms()))
        log_warning("handler-failed",
                    LOG_STR("reason", "the command ends again and again without an answer; its "
                                      "next start is being delayed"),
                    LOG_INT("delay_ms", clock_left_ms(program->not_before_ms, clock_ms())),
                    LOG_INT("suppressed", limiter_take(&program->refusals)));
    return HANDLER_FAILED;
}

/* Waits for the end of the process until UNTIL_MS; its last output is of no interest, but must not
 * hold it up. */
static bool wait_for_end(struct coprocess *coprocess, uint64_t until_ms)
{
    bool silent = false;

    while (!process_ended(&coprocess->process, 0)) {
        coprocess_forget(coprocess);
        if (!silent && coprocess_look(coprocess) == COPROCESS_ENDED) {
            process_close(&coprocess->process.output_fd);
            silent = true;
        }
        if (coprocess_wait(coprocess, false, until_ms, UINT64_MAX) == COPROCESS_LATE)
            return false;
    }
    return true;
}

/* The rungs between the end of its input and SIGKILL: GRACE_MS for the program to end by itself,
 * and as long again once it, and whatever it leaves, has got SIGTERM. */
static void climb(struct coprocess *coprocess, unsigned grace_ms)
{
    bool ended = wait_for_end(coprocess, clock_ms() + grace_ms);
    uint64_t until_ms = clock_ms() + grace_ms;

    if (!ended) {
        process_signal(&coprocess->process, SIGTERM);
        ended = wait_for_end(coprocess, until_ms);
    }
    if (ended)
        leftovers_ask(until_ms);
}

void program_stop(struct program *program, unsigned grace_ms)
{
    struct coprocess *coprocess = &program->coprocess;
    char status[PROCESS_STATUS_SIZE];

    coprocess->host = NULL;
    coprocess->leave_by_ms = 0; /* the grace is what counts now */
    if (program_runs(program)) {
        process_close(&coprocess->process.input_fd);
        if (grace_ms > 0)
            climb(coprocess, grace_ms);
        coprocess_finish(coprocess, status);
        program_announce(program);
    }
    coprocess_deinit(coprocess);
}
