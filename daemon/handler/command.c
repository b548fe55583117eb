/*
 * Handlers that are a program: started once for each worker, asked through its pipes, and replaced
 * whenever it cannot be trusted any more. After a timeout, a stray byte, a short or an oversize
 * reply nobody knows what its next output answers, so its pipes are never used again: the whole
 * process group is killed, and a fresh one takes the next request.
 */
#include "handler/command.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "handler/kinds.h"
#include "handler/probe.h"

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

/* Where nobody waits for an answer, output is nothing. */
static enum coprocess_sight look(struct command *command)
{
    struct coprocess *coprocess = &command->program.coprocess;
    enum coprocess_sight sight = coprocess_look(coprocess);

    if (sight != COPROCESS_OUTPUT || !command->one_way)
        return sight;
    coprocess_forget(coprocess);
    return COPROCESS_QUIET;
}

enum handler_outcome command_prepare(struct command *command, struct request *request)
{
    struct coprocess *coprocess = &command->program.coprocess;
    bool other_client = command->base.other_client;

    command->base.other_client = false;
    if (program_runs(&command->program)) {
        enum coprocess_sight sight = look(command);

        if (sight == COPROCESS_QUIET && other_client && coprocess->used && !command->one_way)
            sight = coprocess_guard(coprocess, request);
        if (sight == COPROCESS_QUIET)
            return HANDLER_OK;
        program_discard(&command->program, verdicts[sight].outcome, verdicts[sight].reason);
        if (sight == COPROCESS_LATE) {
            program_revive(&command->program);
            return HANDLER_TIMEOUT;
        }
    }
    return program_revive(&command->program) ? HANDLER_OK : program_refuse(&command->program);
}

enum handler_outcome command_fail(struct command *command, enum handler_outcome outcome)
{
    program_discard(&command->program, outcome, command->program.coprocess.reason);
    program_revive(&command->program);
    return outcome;
}

static enum handler_outcome deliver(struct command *command, const struct framed_frame *reply)
{
    const struct handler_host *host = command->base.host;
    int result = host->reply(host->context, command->program.coprocess.output + reply->payload,
                             reply->length);

    coprocess_forget(&command->program.coprocess);
    if (result == 0)
        return HANDLER_OK;
    return result < 0 ? HANDLER_IO : HANDLER_FAILED;
}

enum handler_outcome command_refuse(struct command *command, size_t length)
{
    struct program *program = &command->program;

    if (limiter_pass(&program->refusals, 1, clock_coarse_ms()))
        log_warning("handler-refused", LOG_INT("bytes", length),
                    LOG_STR("reason", "a message with a line feed in it cannot be a line"),
                    LOG_INT("suppressed", limiter_take(&program->refusals)),
                    LOG_STR("hint", "codec = frame, and codec = record, take any bytes"));
    return HANDLER_REFUSED;
}

enum handler_outcome command_message(struct handler *handler, const void *data, size_t length,
                                     uint64_t deadline_ms)
{
    struct command *command = (struct command *)handler;
    struct coprocess *coprocess = &command->program.coprocess;
    const bool one_way = command->one_way;
    struct framed_frame reply;
    struct request request;
    enum handler_outcome outcome;

    if (request_init(&request, &command->codec, data, length, deadline_ms) != FRAMED_OK)
        return command_refuse(command, length);
    outcome = command_prepare(command, &request);
    if (outcome != HANDLER_OK)
        return outcome;
    outcome =
        one_way ? coprocess_tell(coprocess, &request) : coprocess_ask(coprocess, &request, &reply);
    if (outcome != HANDLER_OK)
        return command_fail(command, outcome);
    return one_way ? HANDLER_OK : deliver(command, &reply);
}

void command_close(struct handler *handler)
{
    coprocess_trim(&((struct command *)handler)->program.coprocess);
}

int command_watch(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX])
{
    const struct process *process = &((struct command *)handler)->program.coprocess.process;
    int count = 0;

    if (process->pid == 0)
        return 0;
    watch[count++] = (struct pollfd){.fd = process->output_fd, .events = POLLIN};
    watch[count++] = (struct pollfd){.fd = process->pid_fd, .events = POLLIN};
    if (process->error_fd >= 0)
        watch[count++] = (struct pollfd){.fd = process->error_fd, .events = POLLIN};
    return count;
}

void command_attend(struct handler *handler)
{
    struct command *command = (struct command *)handler;
    enum coprocess_sight sight = COPROCESS_QUIET;

    if (program_runs(&command->program)) {
        coprocess_drain(&command->program.coprocess);
        sight = look(command);
        if (sight == COPROCESS_QUIET && process_ended(&command->program.coprocess.process, 0))
            sight = COPROCESS_ENDED;
    }
    if (sight != COPROCESS_QUIET)
        program_discard(&command->program, verdicts[sight].outcome, verdicts[sight].reason);
    program_revive(&command->program);
}

uint64_t command_down_until(const struct handler *handler)
{
    return program_down_until(&((const struct command *)handler)->program);
}

int command_start(struct handler *handler, char *error, size_t size)
{
    struct command *command = (struct command *)handler;
    int result = codec_init(&command->codec, handler->host->service, error, size);

    program_init(&command->program, handler->host, &command->codec);
    command->one_way = handler->host->service->handler.reply == REPLY_NONE;
    if (result == 0)
        result = program_start(&command->program, error, size);
    if (result < 0)
        return result;
    return probe_coprocess(&command->program.coprocess, handler->host, error, size);
}

void command_stop(struct handler *handler, unsigned grace_ms)
{
    struct command *command = (struct command *)handler;

    program_stop(&command->program, grace_ms);
    codec_deinit(&command->codec);
}

const struct handler_ops handler_command = {
    .name = "command",
    .probes = true,
    .size = sizeof(struct command),
    .start = command_start,
    .close = command_close,
    .message = command_message,
    .watch = command_watch,
    .attend = command_attend,
    .down_until = command_down_until,
    .stop = command_stop,
};
