/*
 * Handlers that are a program: started once for each worker, asked through its pipes, and replaced
 * whenever it cannot be trusted any more. After a timeout, a stray byte, a short or an oversize
 * reply nobody knows what its next output answers, so its pipes are never used again: the whole
 * process group is killed, and a fresh one takes the next request.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/oom.h"
#include "config/config.h"
#include "handler/coprocess.h"
#include "handler/kinds.h"
#include "handler/probe.h"

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
/* From SIGTERM to SIGKILL. */
#define TERM_MS 200U
#define LOGS_PER_SECOND 10

#define BUFFERING_HINT                                                                             \
    "it has printed nothing since its start: it probably buffers its output; try jq "              \
    "--unbuffered, "                                                                               \
    "sed -u, grep --line-buffered, python3 -u, or stdbuf -oL before the command"

struct command {
    struct handler base;
    struct codec codec;
    struct coprocess coprocess;
    bool other_client;      /* than the one whose request was the last */
    unsigned failures;      /* processes in a row that ended without an answer */
    uint64_t not_before_ms; /* no start before */
    struct oom oom;
    struct limiter ends;
    struct limiter refusals;
};

static char *const *arguments(const struct command *command)
{
    return command->base.host->service->handler.command;
}

static void announce(const struct command *command)
{
    const struct handler_host *host = command->base.host;

    host->group_changed(host->context, command->coprocess.process.pid);
}

static bool runs(const struct command *command)
{
    return command->coprocess.process.pid > 0;
}

/* A program that never gets to answer must not be started in a tight loop. */
static void set_back(struct command *command, enum handler_outcome outcome)
{
    uint64_t delay_ms = 0;

    if (command->coprocess.answered)
        command->failures = 0;
    else if (outcome != HANDLER_TIMEOUT) /* the deadline was delay enough */
        command->failures++;
    if (command->failures > 1) {
        unsigned doublings = command->failures - 2;

        delay_ms = doublings < 6 ? RESTART_MIN_MS << doublings : RESTART_MAX_MS;
    }
    command->not_before_ms = clock_ms() + (delay_ms < RESTART_MAX_MS ? delay_ms : RESTART_MAX_MS);
}

static size_t quotable(const struct coprocess *coprocess)
{
    return coprocess->length < QUOTE_MAX ? coprocess->length : QUOTE_MAX;
}

static void log_end(struct command *command, enum handler_outcome outcome, const char *reason,
                    pid_t pid, const char *status)
{
    const struct coprocess *coprocess = &command->coprocess;
    /* Not by us, and so there is one who asks. */
    const char *oom = strcmp(status, "SIGKILL") == 0 ? oom_word(&command->oom) : NULL;
    bool mute = outcome == HANDLER_TIMEOUT && coprocess->received == 0;
    /* A process can be replaced for no fault of its own. */
    const char *event = outcome == HANDLER_OK ? "handler-replaced" : handler_outcome_word(outcome);

    if (!limiter_pass(&command->ends, LOGS_PER_SECOND, clock_coarse_ms()))
        return;
    log_warning(event, LOG_INT("handler_pid", pid), LOG_STR("reason", reason),
                LOG_STR("status", status[0] ? status : NULL), LOG_STR("oom", oom),
                LOG_BYTES("output", coprocess->output, quotable(coprocess)),
                LOG_INT("suppressed", limiter_take(&command->ends)),
                LOG_STR("hint", mute ? BUFFERING_HINT : NULL));
}

/* Ends the process, of which it was OUTCOME that was seen last. */
static void discard(struct command *command, enum handler_outcome outcome, const char *reason)
{
    struct coprocess *coprocess = &command->coprocess;
    pid_t pid = coprocess->process.pid;
    char status[PROCESS_STATUS_SIZE];

    if (outcome == HANDLER_DIED) /* its pipes close before it is a zombie that tells why */
        process_ended(&coprocess->process, LAST_BREATH_MS);
    coprocess_finish(coprocess, status);
    announce(command);
    log_end(command, outcome, reason, pid, status);
    set_back(command, outcome);
    coprocess_forget(coprocess);
    coprocess_trim(coprocess); /* perhaps it is for want of memory that it was ended */
}

/* Makes sure that a process runs, if it is time for one. */
static bool revive(struct command *command)
{
    char error[256];

    if (runs(command))
        return true;
    if (clock_ms() < command->not_before_ms)
        return false;
    if (coprocess_start(&command->coprocess, arguments(command), error, sizeof(error)) < 0) {
        set_back(command, HANDLER_FAILED);
        log_error("handler-failed", LOG_STR("error", error));
        return false;
    }
    announce(command);
    oom_note(&command->oom);
    return true;
}

static enum handler_outcome refuse(struct command *command)
{
    if (limiter_pass(&command->refusals, 1, clock_coarse_ms()))
        log_warning("handler-failed",
                    LOG_STR("reason", "the command ends again and again without an answer; its "
                                      "next start is being delayed"),
                    LOG_INT("delay_ms", clock_left_ms(command->not_before_ms, clock_ms())),
                    LOG_INT("suppressed", limiter_take(&command->refusals)));
    return HANDLER_FAILED;
}

/* What a sight between requests means. */
static const struct verdict {
    enum handler_outcome outcome;
    const char *reason;
} verdicts[] = {
    [COPROCESS_QUIET] = {HANDLER_OK, NULL},
    [COPROCESS_OUTPUT] = {HANDLER_PROTOCOL, "output that no request asked for"},
    [COPROCESS_ENDED] = {HANDLER_DIED, "it ended between requests"},
    [COPROCESS_LATE] = {HANDLER_TIMEOUT, "it did not read its request within the deadline"},
    [COPROCESS_UNSURE] = {HANDLER_OK,
                          "a client's first message is empty, and nothing tells whether output "
                          "for the client before is still to come"},
};

/* Makes ready for REQUEST a process that owes nothing to anybody. */
static enum handler_outcome prepare(struct command *command, struct request *request)
{
    struct coprocess *coprocess = &command->coprocess;
    bool other_client = command->other_client;

    command->other_client = false;
    if (runs(command)) {
        enum coprocess_sight sight = coprocess_look(coprocess);

        if (sight == COPROCESS_QUIET && other_client && coprocess->used)
            sight = coprocess_guard(coprocess, request);
        if (sight == COPROCESS_QUIET)
            return HANDLER_OK;
        discard(command, verdicts[sight].outcome, verdicts[sight].reason);
        if (sight == COPROCESS_LATE) {
            revive(command);
            return HANDLER_TIMEOUT;
        }
    }
    return revive(command) ? HANDLER_OK : refuse(command);
}

static enum handler_outcome deliver(struct command *command, const struct framed_frame *reply)
{
    const struct handler_host *host = command->base.host;
    int result =
        host->reply(host->context, command->coprocess.output + reply->payload, reply->length);

    coprocess_forget(&command->coprocess);
    if (result == 0)
        return HANDLER_OK;
    return result < 0 ? HANDLER_IO : HANDLER_FAILED;
}

static enum handler_outcome message(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms)
{
    struct command *command = (struct command *)handler;
    struct coprocess *coprocess = &command->coprocess;
    struct framed_frame reply;
    struct request request;
    enum handler_outcome outcome;

    if (request_init(&request, &command->codec, data, length, deadline_ms) != FRAMED_OK)
        return HANDLER_REFUSED;
    outcome = prepare(command, &request);
    if (outcome != HANDLER_OK)
        return outcome;
    outcome = coprocess_ask(coprocess, &request, &reply);
    if (outcome != HANDLER_OK) {
        discard(command, outcome, coprocess->reason);
        revive(command);
        return outcome;
    }
    return deliver(command, &reply);
}

static int open_client(struct handler *handler, const struct framed_peer *peer)
{
    (void)peer;
    ((struct command *)handler)->other_client = true;
    return 0;
}

static void close_client(struct handler *handler)
{
    coprocess_trim(&((struct command *)handler)->coprocess);
}

static int watch(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX])
{
    const struct process *process = &((struct command *)handler)->coprocess.process;
    int count = 0;

    if (process->pid == 0)
        return 0;
    watch[count++] = (struct pollfd){.fd = process->output_fd, .events = POLLIN};
    watch[count++] = (struct pollfd){.fd = process->pid_fd, .events = POLLIN};
    if (process->error_fd >= 0)
        watch[count++] = (struct pollfd){.fd = process->error_fd, .events = POLLIN};
    return count;
}

static void attend(struct handler *handler)
{
    struct command *command = (struct command *)handler;
    enum coprocess_sight sight = COPROCESS_QUIET;

    if (runs(command)) {
        coprocess_drain(&command->coprocess);
        sight = coprocess_look(&command->coprocess);
        if (sight == COPROCESS_QUIET && process_ended(&command->coprocess.process, 0))
            sight = COPROCESS_ENDED;
    }
    if (sight != COPROCESS_QUIET)
        discard(command, verdicts[sight].outcome, verdicts[sight].reason);
    revive(command);
}

static int start(struct handler *handler, char *error, size_t size)
{
    struct command *command = (struct command *)handler;
    int result = codec_init(&command->codec, handler->host->service, error, size);

    oom_init(&command->oom);
    coprocess_init(&command->coprocess, &command->codec);
    command->coprocess.host = handler->host;
    if (result < 0)
        return result;
    signal(SIGPIPE, SIG_IGN); /* a handler that has gone is an error of write(2) */
    setenv("PYTHONUNBUFFERED", "1", 0);
    result = coprocess_start(&command->coprocess, arguments(command), error, size);
    if (result < 0)
        return result;
    announce(command);
    result = probe_coprocess(&command->coprocess, handler->host, error, size);
    if (result < 0)
        announce(command);
    return result;
}

/* Waits for the end of the process; its last output is of no interest, but must not hold it up. */
static bool wait_for_end(struct coprocess *coprocess, unsigned timeout_ms)
{
    uint64_t until = clock_ms() + timeout_ms;
    bool silent = false;

    while (!process_ended(&coprocess->process, 0)) {
        coprocess_forget(coprocess);
        if (!silent && coprocess_look(coprocess) == COPROCESS_ENDED) {
            process_close(&coprocess->process.output_fd);
            silent = true;
        }
        if (coprocess_wait(coprocess, false, until, UINT64_MAX) == COPROCESS_LATE)
            return false;
    }
    return true;
}

static void stop(struct handler *handler, unsigned grace_ms)
{
    struct command *command = (struct command *)handler;
    struct coprocess *coprocess = &command->coprocess;
    char status[PROCESS_STATUS_SIZE];

    coprocess->host = NULL;
    coprocess->leave_by_ms = 0; /* the grace is what counts now */
    if (runs(command)) {
        process_close(&coprocess->process.input_fd);
        if (grace_ms > 0 && !wait_for_end(coprocess, grace_ms)) {
            process_signal(&coprocess->process, SIGTERM);
            wait_for_end(coprocess, grace_ms < TERM_MS ? grace_ms : TERM_MS);
        }
        coprocess_finish(coprocess, status);
        announce(command);
    }
    coprocess_deinit(coprocess);
    codec_deinit(&command->codec);
}

const struct handler_ops handler_command = {
    .name = "command",
    .probes = true,
    .size = sizeof(struct command),
    .start = start,
    .open = open_client,
    .close = close_client,
    .message = message,
    .watch = watch,
    .attend = attend,
    .stop = stop,
};
