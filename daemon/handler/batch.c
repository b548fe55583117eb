/*
 * A program that is given several messages of one client before it answers: `batch`. What it reads
 * at once it need not wait for, and it is not woken for each; so a fast one serves a client that
 * does not wait for each reply several times faster.
 *
 * Its answers have no ids, so a program that gives a message two answers and another none shifts
 * those between; that is why whoever configures it has to ask for it. It can shift them for the
 * client that sent both and for nobody else: a batch is of one client, all of it is answered before
 * anything else happens, and the first message of each client goes alone, behind guard.c's check.
 */
#include "base/clock.h"
#include "config/config.h"
#include "handler/command.h"
#include "handler/kinds.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* More than this is not collected, and this much is kept when its client has gone. */
#define COLLECT_MAX ((size_t)64 * 1024)

struct batch {
    struct command command;
    uint8_t *requests; /* as they go out */
    size_t length;
    size_t size;
    size_t *lengths; /* of the messages in it */
    size_t count;
    size_t answered;
    uint64_t since_ns;            /* the last answer, or when they went out */
    enum handler_outcome verdict; /* on the client */
};

static void note(struct batch *batch)
{
    struct handler *base = &batch->command.base;

    base->owed = batch->count;
    base->full = batch->count >= base->host->service->handler.batch || batch->length >= COLLECT_MAX;
}

static int make_room(struct batch *batch, size_t needed)
{
    size_t size = batch->size ? batch->size : COLLECT_MAX;
    uint8_t *grown;

    while (size - batch->length < needed)
        size *= 2;
    if (size == batch->size)
        return 0;
    grown = realloc(batch->requests, size);
    if (!grown)
        return -ENOMEM;
    batch->requests = grown;
    batch->size = size;
    return 0;
}

static void add(struct batch *batch, const void *data, size_t length)
{
    memcpy(batch->requests + batch->length, data, length);
    batch->length += length;
}

static void account(const struct batch *batch, uint64_t began_ns, size_t length)
{
    const struct handler_host *host = batch->command.base.host;

    if (host->answered)
        host->answered(host->context, began_ns, length);
}

/* There is no reply to the message whose turn it is: the client is told so, and where the program
 * is well that will do. */
static enum handler_outcome settle(struct batch *batch, enum handler_outcome outcome)
{
    const struct handler_host *host = batch->command.base.host;
    bool told = outcome != HANDLER_OK && outcome != HANDLER_IO && host->excuse &&
                host->excuse(host->context);

    return told && outcome == HANDLER_REFUSED ? HANDLER_OK : outcome;
}

static enum handler_outcome ask_alone(struct batch *batch, const void *data, size_t length,
                                      uint64_t deadline_ms)
{
    uint64_t began_ns = clock_ns();
    enum handler_outcome outcome = command_message(&batch->command.base, data, length, deadline_ms);

    account(batch, began_ns, length);
    return settle(batch, outcome);
}

/* Once the client cannot be replied to, the rest of its answers is read all the same. */
static void deliver(struct batch *batch, const struct framed_frame *reply)
{
    const struct handler_host *host = batch->command.base.host;
    int result;

    if (batch->verdict != HANDLER_OK)
        return;
    result = host->reply(host->context, batch->command.program.coprocess.output + reply->payload,
                         reply->length);
    if (result != 0)
        batch->verdict = settle(batch, result < 0 ? HANDLER_IO : HANDLER_FAILED);
}

/* Delivers the whole answers that have been read. */
static enum handler_outcome take(struct batch *batch)
{
    struct coprocess *coprocess = &batch->command.program.coprocess;
    enum handler_outcome outcome = HANDLER_OK;
    struct framed_frame reply;
    size_t at = 0;
    bool whole = true;

    while (batch->answered < batch->count) {
        outcome = coprocess_decode(coprocess, at, &reply, &whole);
        if (outcome != HANDLER_OK || !whole)
            break;
        reply.payload += at;
        at += reply.size;
        coprocess->answered = true;
        account(batch, batch->since_ns, batch->lengths[batch->answered++]);
        deliver(batch, &reply);
    }
    coprocess->length -= at;
    if (coprocess->length > 0)
        memmove(coprocess->output, coprocess->output + at, coprocess->length);
    if (batch->answered < batch->count || coprocess->length == 0)
        return outcome;
    coprocess->reason = COPROCESS_MORE;
    return HANDLER_PROTOCOL;
}

/* What it takes for one message, it may take for each: the deadline begins anew with each answer,
 * as it would if they were sent one by one. */
static void begin_next(struct batch *batch, struct request *request)
{
    uint64_t request_ms = batch->command.base.host->service->deadlines.request_ms;

    batch->since_ns = clock_ns();
    request->deadline_ms = request_ms ? batch->since_ns / 1000000 + request_ms : 0;
}

static enum coprocess_sight wait_and_look(struct coprocess *coprocess,
                                          const struct request *request, bool writing,
                                          uint64_t at_most_ns)
{
    enum coprocess_sight sight =
        coprocess_wait(coprocess, writing, request->deadline_ms, at_most_ns);

    return sight == COPROCESS_QUIET ? coprocess_look(coprocess) : sight;
}

/* A program that shares our CPU answers all that it was sent while we yield it; one that takes its
 * time must not keep the client from what it has answered so far. */
static enum coprocess_sight await(struct batch *batch, const struct request *request, bool writing)
{
    struct coprocess *coprocess = &batch->command.program.coprocess;
    const struct handler_host *host = batch->command.base.host;
    enum coprocess_sight sight;

    if (batch->count - batch->answered > 1 && !writing)
        sched_yield();
    sight = coprocess_look(coprocess);
    if (sight != COPROCESS_QUIET)
        return sight;
    if (batch->verdict == HANDLER_OK && host->flush && host->flush(host->context) < 0)
        batch->verdict = HANDLER_IO;
    sight = wait_and_look(coprocess, request, writing, COPROCESS_PATIENCE_NS);
    if (sight != COPROCESS_QUIET)
        return sight;
    if (host->waits)
        host->waits(host->context);
    return wait_and_look(coprocess, request, writing, UINT64_MAX);
}

static enum handler_outcome exchange(struct batch *batch, struct request *request)
{
    struct coprocess *coprocess = &batch->command.program.coprocess;
    int fd = coprocess->process.input_fd;
    int sent = request_send(request, fd, SIZE_MAX);
    enum coprocess_sight sight = COPROCESS_QUIET;

    coprocess->used = true;
    while (sight <= COPROCESS_OUTPUT && (sent == 0 || sent == -EAGAIN)) {
        sight = await(batch, request, sent != 0);
        if (sight == COPROCESS_OUTPUT) {
            if (take(batch) != HANDLER_OK)
                return HANDLER_PROTOCOL;
            begin_next(batch, request);
        }
        if (sent == -EAGAIN)
            sent = request_send(request, fd, SIZE_MAX);
        if (batch->answered == batch->count && sent == 0)
            return HANDLER_OK;
    }
    if (sight != COPROCESS_LATE)
        return coprocess_judge_end(coprocess);
    coprocess->reason = COPROCESS_UNANSWERED;
    return HANDLER_TIMEOUT;
}

static void forget(struct batch *batch)
{
    batch->count = batch->answered = batch->length = 0;
    note(batch);
}

/* Sends all that was collected, and waits for all the answers. */
static enum handler_outcome answer(struct batch *batch)
{
    struct command *command = &batch->command;
    struct coprocess *coprocess = &command->program.coprocess;
    struct request request = {
        .parts = {{.iov_base = batch->requests, .iov_len = batch->length}},
        .count = 1,
    };
    enum handler_outcome outcome = command_prepare(command, &request);

    batch->verdict = HANDLER_OK;
    if (outcome == HANDLER_OK) {
        begin_next(batch, &request);
        outcome =
            command->one_way ? coprocess_tell(coprocess, &request) : exchange(batch, &request);
        if (outcome != HANDLER_OK)
            command_fail(command, outcome);
        coprocess_forget(coprocess);
    }
    if (batch->verdict == HANDLER_OK && !command->one_way)
        settle(batch, outcome);
    forget(batch);
    return outcome == HANDLER_OK ? batch->verdict : outcome;
}

/* In its turn, which is behind those that were collected. */
static enum handler_outcome refuse(struct batch *batch, size_t length)
{
    enum handler_outcome outcome = batch->count > 0 ? answer(batch) : HANDLER_OK;

    return outcome == HANDLER_OK ? settle(batch, command_refuse(&batch->command, length)) : outcome;
}

static enum handler_outcome message(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms)
{
    struct batch *batch = (struct batch *)handler;
    struct framed_envelope envelope;

    if (handler->other_client)
        return ask_alone(batch, data, length, deadline_ms);
    if (framed_encode(batch->command.codec.request, data, length, false, &envelope) != FRAMED_OK)
        return refuse(batch, length);
    if (make_room(batch, envelope.head_length + length + envelope.tail_length) < 0)
        return HANDLER_FAILED;
    add(batch, envelope.head, envelope.head_length);
    add(batch, data, length);
    add(batch, envelope.tail, envelope.tail_length);
    if (batch->count == 0)
        handler->owed_since_ms = clock_coarse_ms();
    batch->lengths[batch->count++] = length;
    note(batch);
    return HANDLER_OK;
}

static enum handler_outcome pump(struct handler *handler, const struct pollfd *ready, int count)
{
    struct batch *batch = (struct batch *)handler;

    (void)ready;
    if (batch->count > 0)
        return answer(batch);
    if (count > 0)
        command_attend(handler);
    return HANDLER_OK;
}

/* A batch that waits for the client's end is pumped at once: its pipe has room. */
static int watch(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX])
{
    const struct process *process = &((struct command *)handler)->program.coprocess.process;
    int count = command_watch(handler, watch);

    if (handler->owed > 0)
        watch[count++] = (struct pollfd){.fd = process->input_fd, .events = POLLOUT};
    return count;
}

static void close_client(struct handler *handler)
{
    struct batch *batch = (struct batch *)handler;

    forget(batch);
    if (batch->size > COLLECT_MAX) {
        free(batch->requests);
        batch->requests = NULL;
        batch->size = 0;
    }
    command_close(handler);
}

static int start(struct handler *handler, char *error, size_t size)
{
    struct batch *batch = (struct batch *)handler;

    batch->lengths = calloc(handler->host->service->handler.batch, sizeof(*batch->lengths));
    return batch->lengths ? command_start(handler, error, size) : -ENOMEM;
}

static void stop(struct handler *handler, unsigned grace_ms)
{
    struct batch *batch = (struct batch *)handler;

    command_stop(handler, grace_ms);
    free(batch->requests);
    free(batch->lengths);
}

const struct handler_ops handler_batch = {
    .name = "batch",
    .probes = true,
    .size = sizeof(struct batch),
    .start = start,
    .close = close_client,
    .message = message,
    .pump = pump,
    .watch = watch,
    .attend = command_attend,
    .down_until = command_down_until,
    .stop = stop,
};
