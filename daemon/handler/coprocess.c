#include "handler/coprocess.h"

#include "base/clock.h"
#include "handler/unbuffer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* At first; it doubles as bytes arrive, and is given back when its client has gone. */
#define OUTPUT_SIZE ((size_t)16 * 1024)
/* Reads of a flooded stderr in a row, where nothing else waits. */
#define DRAIN_ROUNDS 16

void coprocess_init(struct coprocess *coprocess, const struct codec *codec)
{
    *coprocess = (struct coprocess){.codec = codec};
    process_init(&coprocess->process);
}

void coprocess_forget(struct coprocess *coprocess)
{
    coprocess->length = 0;
    coprocess->decoder = (struct framed_decoder){0};
}

void coprocess_deinit(struct coprocess *coprocess)
{
    coprocess_forget(coprocess);
    free(coprocess->output);
    coprocess->output = NULL;
    coprocess->size = 0;
}

void coprocess_trim(struct coprocess *coprocess)
{
    if (coprocess->size > OUTPUT_SIZE)
        coprocess_deinit(coprocess);
}

int coprocess_start(struct coprocess *coprocess, const struct service_config *service, char *error,
                    size_t size)
{
    char **words = unbuffer_words(&service->handler);
    const struct process_setup setup = {.argv = words,
                                        .terminal = service->handler.unbuffer == UNBUFFER_PTY,
                                        .as = &service->process};
    int result = -ENOMEM;

    coprocess_forget(coprocess);
    stderr_log_init(&coprocess->errors);
    coprocess->used = coprocess->answered = false;
    coprocess->received = 0;
    coprocess->reason = NULL;
    if (setup.terminal)
        setenv("NO_COLOR", "1", 0); /* there is a terminal, and nobody who looks */
    if (words)
        result = process_start(&coprocess->process, &setup, error, size);
    else
        snprintf(error, size, "no memory for the command");
    free(words);
    return result;
}

/* One read; closes our end when there is nothing more to come. Whether there was something. */
static bool read_stderr(struct coprocess *coprocess)
{
    struct process *process = &coprocess->process;
    ssize_t got;

    if (process->error_fd < 0)
        return false;
    got = stderr_log_read(&coprocess->errors, process->error_fd, process->pid);
    if (got == 0 || (got < 0 && got != -EAGAIN && got != -EINTR))
        process_close(&process->error_fd);
    return got > 0;
}

void coprocess_drain(struct coprocess *coprocess)
{
    for (int i = 0; i < DRAIN_ROUNDS && read_stderr(coprocess); i++)
        ;
}

void coprocess_finish(struct coprocess *coprocess, char status[PROCESS_STATUS_SIZE])
{
    pid_t pid = coprocess->process.pid;

    coprocess_drain(coprocess);
    if (pid)
        stderr_log_finish(&coprocess->errors, pid);
    process_finish(&coprocess->process, status);
}

static int make_room(struct coprocess *coprocess)
{
    size_t size = coprocess->size ? coprocess->size * 2 : OUTPUT_SIZE;
    uint8_t *grown;

    if (coprocess->length < coprocess->size)
        return 0;
    grown = realloc(coprocess->output, size);
    if (!grown)
        return -ENOMEM;
    coprocess->output = grown;
    coprocess->size = size;
    return 0;
}

enum coprocess_sight coprocess_look(struct coprocess *coprocess)
{
    ssize_t got;

    if (make_room(coprocess) < 0) {
        coprocess->reason = "no memory for its output";
        return COPROCESS_ENDED;
    }
    do {
        got = read(coprocess->process.output_fd, coprocess->output + coprocess->length,
                   coprocess->size - coprocess->length);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return COPROCESS_QUIET;
    if (got <= 0)
        return COPROCESS_ENDED;
    coprocess->length += (size_t)got;
    coprocess->received += (uint64_t)got;
    return COPROCESS_OUTPUT;
}

enum coprocess_sight coprocess_wait(struct coprocess *coprocess, bool writing, uint64_t deadline_ms,
                                    uint64_t at_most_ns)
{
    const struct process *process = &coprocess->process;
    struct pollfd fds[] = {
        {.fd = process->output_fd, .events = POLLIN},
        {.fd = process->error_fd, .events = POLLIN},
        {.fd = process->pid_fd, .events = POLLIN},
        {.fd = writing ? process->input_fd : -1, .events = POLLOUT},
    };
    struct timespec timeout;
    uint64_t now;
    int ready;

    deadline_ms = clock_earlier(deadline_ms, coprocess->leave_by_ms);
    now = deadline_ms ? clock_ms() : 0;
    if (deadline_ms && now >= deadline_ms)
        return COPROCESS_LATE;
    if (deadline_ms && deadline_ms - now < at_most_ns / 1000000)
        at_most_ns = (deadline_ms - now) * 1000000;
    timeout.tv_sec = (time_t)(at_most_ns / 1000000000);
    timeout.tv_nsec = (long)(at_most_ns % 1000000000);
    ready = ppoll(fds, 4, at_most_ns == UINT64_MAX ? NULL : &timeout, NULL);
    if (ready < 0 && errno == EINTR && coprocess->host && coprocess->host->interrupted)
        coprocess->leave_by_ms = coprocess->host->interrupted(coprocess->host->context);
    if (ready <= 0)
        return COPROCESS_QUIET;
    if (fds[1].revents)
        read_stderr(coprocess);
    return fds[2].revents && !fds[0].revents ? COPROCESS_ENDED : COPROCESS_QUIET;
}

static void add_part(struct request *request, const void *data, size_t length)
{
    struct iovec *part = &request->parts[request->count];

    if (length == 0)
        return;
    memcpy(&part->iov_base, &data, sizeof(data)); /* iovec has no const: writev only reads */
    part->iov_len = length;
    request->count++;
}

/* One part is written faster than three. */
static void join(struct request *request)
{
    size_t length = 0;

    for (int i = 0; i < request->count; i++) {
        memcpy(request->small + length, request->parts[i].iov_base, request->parts[i].iov_len);
        length += request->parts[i].iov_len;
    }
    request->count = 0;
    add_part(request, request->small, length);
}

int request_init(struct request *request, const struct codec *codec, const void *data,
                 size_t length, uint64_t deadline_ms)
{
    int verdict = framed_encode(codec->request, data, length, false, &request->envelope);

    request->next = request->count = 0;
    request->deadline_ms = deadline_ms;
    if (verdict != FRAMED_OK)
        return verdict;
    add_part(request, request->envelope.head, request->envelope.head_length);
    add_part(request, data, length);
    add_part(request, request->envelope.tail, request->envelope.tail_length);
    if (length <= REQUEST_SMALL - FRAMED_HEAD_MAX - FRAMED_TAIL_MAX)
        join(request);
    return FRAMED_OK;
}

static void advance(struct request *request, size_t written)
{
    while (request->next < request->count) {
        struct iovec *part = &request->parts[request->next];

        if (written < part->iov_len) {
            part->iov_base = (uint8_t *)part->iov_base + written;
            part->iov_len -= written;
            return;
        }
        written -= part->iov_len;
        request->next++;
    }
}

int request_send(struct request *request, int fd, size_t count)
{
    while (request->next < request->count && count > 0) {
        const struct iovec *part = &request->parts[request->next];
        int left = request->count - request->next;
        ssize_t written =
            left == 1 || part->iov_len > count
                ? write(fd, part->iov_base, part->iov_len < count ? part->iov_len : count)
                : writev(fd, part, left);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        advance(request, (size_t)written);
        count -= (size_t)written < count ? (size_t)written : count;
    }
    return 0;
}

enum handler_outcome coprocess_judge_end(struct coprocess *coprocess)
{
    if (coprocess->reason)
        return HANDLER_PROTOCOL;
    if (process_ended(&coprocess->process, LAST_BREATH_MS)) {
        coprocess->reason = "it ended before it answered";
        return HANDLER_DIED;
    }
    coprocess->reason = "it closed its standard input or output, and lives";
    return HANDLER_PROTOCOL;
}

enum handler_outcome coprocess_decode(struct coprocess *coprocess, size_t at,
                                      struct framed_frame *reply, bool *whole)
{
    int verdict = framed_decode(coprocess->codec->reply, &coprocess->decoder,
                                coprocess->output + at, coprocess->length - at, reply);

    *whole = verdict == FRAMED_OK;
    if (verdict == FRAMED_OVERSIZE)
        coprocess->reason = COPROCESS_TOO_LARGE;
    else if (verdict != FRAMED_OK && verdict != FRAMED_NEED_MORE)
        coprocess->reason = framed_verdict_word(verdict);
    return coprocess->reason ? HANDLER_PROTOCOL : HANDLER_OK;
}

/* Whether OUTPUT is one whole reply. HANDLER_PROTOCOL if it never will be. */
static enum handler_outcome judge(struct coprocess *coprocess, struct framed_frame *reply,
                                  bool *whole)
{
    if (coprocess_decode(coprocess, 0, reply, whole) != HANDLER_OK)
        return HANDLER_PROTOCOL;
    if (!*whole || reply->size == coprocess->length)
        return HANDLER_OK;
    coprocess->reason = COPROCESS_MORE;
    return HANDLER_PROTOCOL;
}

/* So that what has been answered need not wait for what takes its time. The client's time is not
 * the handler's. */
static void flush_host(const struct coprocess *coprocess, struct request *request)
{
    const struct handler_host *host = coprocess->host;
    uint64_t began_ms = clock_ms();

    if (host && host->waits)
        host->waits(host->context);
    if (host && host->flush && host->flush(host->context) == 0 && request->deadline_ms)
        request->deadline_ms += clock_ms() - began_ms;
}

/*
 * The usual case: write, a read that finds nothing, poll (which hears stderr too), read. The first
 * read looks idle and is not: with it the handler gets the CPU before we go to sleep, and has often
 * answered when we poll. Measured with both on one CPU, 64 bytes, against a relay that blocks in
 * write and read: 0.90 with it, 0.78 without, 0.82 with sched_yield in its place.
 */
enum handler_outcome coprocess_ask(struct coprocess *coprocess, struct request *request,
                                   struct framed_frame *reply)
{
    int sent = request_send(request, coprocess->process.input_fd, SIZE_MAX);
    enum coprocess_sight sight = COPROCESS_OUTPUT;
    uint64_t patience_ns = COPROCESS_PATIENCE_NS;
    bool whole = false;

    coprocess->used = true;
    while (sight <= COPROCESS_OUTPUT && (sent == 0 || sent == -EAGAIN)) {
        bool waits = sight == COPROCESS_QUIET;

        if (waits)
            sight = coprocess_wait(coprocess, sent != 0, request->deadline_ms, patience_ns);
        if (sight <= COPROCESS_OUTPUT)
            sight = coprocess_look(coprocess);
        if (waits && sight == COPROCESS_QUIET && patience_ns == COPROCESS_PATIENCE_NS) {
            flush_host(coprocess, request);
            patience_ns = UINT64_MAX;
        }
        if (sight == COPROCESS_OUTPUT && judge(coprocess, reply, &whole) != HANDLER_OK)
            return HANDLER_PROTOCOL;
        if (sent == -EAGAIN)
            sent = request_send(request, coprocess->process.input_fd, SIZE_MAX);
        if (whole && sent == 0) {
            coprocess->answered = true;
            return HANDLER_OK;
        }
    }
    if (sight != COPROCESS_LATE)
        return coprocess_judge_end(coprocess);
    coprocess->reason = COPROCESS_UNANSWERED;
    return HANDLER_TIMEOUT;
}

enum handler_outcome coprocess_tell(struct coprocess *coprocess, struct request *request)
{
    enum coprocess_sight sight = COPROCESS_QUIET;
    int sent;

    coprocess->used = true;
    while ((sent = request_send(request, coprocess->process.input_fd, SIZE_MAX)) == -EAGAIN) {
        sight = coprocess_wait(coprocess, true, request->deadline_ms, UINT64_MAX);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_look(coprocess);
        if (sight == COPROCESS_LATE) {
            coprocess->reason = "it did not read its request within the deadline";
            return HANDLER_TIMEOUT;
        }
        if (sight == COPROCESS_ENDED)
            return coprocess_judge_end(coprocess);
        coprocess_forget(coprocess);
    }
    return sent == 0 ? HANDLER_OK : coprocess_judge_end(coprocess);
}
