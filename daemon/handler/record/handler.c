/* The codec `record` as the worker sees it: its clients, their messages, what to watch. */
#include "base/clock.h"
#include "config/config.h"
#include "handler/kinds.h"
#include "handler/record/record.h"

/* A cancelled request is to be answered by its deadline, or this long after it was cancelled. */
#define CANCEL_GRACE_MS 1000
/* More is not taken on while so much waits to be written, nor is it written before so much does. */
#define UNWRITTEN_MAX ((size_t)256 * 1024)
#define WRITE_SIZE ((size_t)64 * 1024)

/* What the worker is to know. */
static void note(struct record_handler *record)
{
    const struct window *window = &record->window;
    struct handler *base = &record->base;
    size_t unwritten = record_unwritten(record);

    base->owed = window->owed;
    base->full = window_is_full(window) || unwritten >= UNWRITTEN_MAX;
    if (window->owed > 0)
        base->owed_since_ms = window->first->began_ns / 1000000 + base->away_ms;
}

static enum handler_outcome pump(struct handler *handler, const struct pollfd *ready, int count)
{
    struct record_handler *record = (struct record_handler *)handler;
    const struct process *process = &record->program.coprocess.process;
    enum handler_outcome outcome = HANDLER_OK;
    bool late = false;
    bool ended = false;
    bool spoke = false;
    bool takes = !record->output.blocked;

    for (int i = 0; i < count; i++) {
        if (!ready[i].revents)
            continue;
        if (ready[i].fd == record->timer_fd)
            late = true;
        else if (ready[i].fd == process->output_fd)
            spoke = true;
        else if (ready[i].fd == process->error_fd)
            coprocess_drain(&record->program.coprocess);
        else if (ready[i].fd == process->input_fd && ready[i].revents & POLLOUT)
            takes = true;
        else if (ready[i].fd == process->pid_fd || ready[i].revents & (POLLERR | POLLHUP))
            ended = true;
    }
    if (program_runs(&record->program)) {
        if (spoke || late || ended)
            outcome = record_hear(record, ended);
        if (outcome != HANDLER_OK)
            record_fail(record, outcome);
        else if (takes && record_unwritten(record) > 0)
            record_write_all(record);
    }
    if (late)
        record_check_time(record);
    note(record);
    return record->verdict;
}

static int watch(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX])
{
    const struct record_handler *record = (const struct record_handler *)handler;
    const struct process *process = &record->program.coprocess.process;
    bool writing = record->ready && record_unwritten(record) > 0;
    int count = 0;

    watch[count++] = (struct pollfd){.fd = record->timer_fd, .events = POLLIN};
    if (!program_runs(&record->program))
        return count;
    watch[count++] = (struct pollfd){.fd = process->output_fd, .events = POLLIN};
    watch[count++] = (struct pollfd){.fd = process->pid_fd, .events = POLLIN};
    watch[count++] = (struct pollfd){.fd = process->input_fd, .events = writing ? POLLOUT : 0};
    if (process->error_fd >= 0)
        watch[count++] = (struct pollfd){.fd = process->error_fd, .events = POLLIN};
    return count;
}

/* Between clients. */
static void attend(struct handler *handler)
{
    struct pollfd fds[HANDLER_WATCH_MAX];
    int count = watch(handler, fds);

    if (poll(fds, (nfds_t)count, 0) >= 0)
        pump(handler, fds, count);
}

static enum handler_outcome message(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms)
{
    struct record_handler *record = (struct record_handler *)handler;
    const struct handler_host *host = handler->host;
    struct wire_record wire = {
        .type = WIRE_MESSAGE, .connection = record->connection, .body = data, .length = length};

    if (!record_begin(record)) {
        if (host->excuse)
            host->excuse(host->context);
        return program_refuse(&record->program);
    }
    record->engaged = true;
    if (record->one_way) {
        wire.flags = WIRE_ONEWAY;
    } else {
        struct window_request *request = window_add(&record->window, record->connection);

        request->length = length;
        request->began_ns = clock_ns() - handler->away_ms * 1000000;
        request->deadline_ms = deadline_ms ? deadline_ms - handler->away_ms : 0;
        wire.request = request->id;
        record_arm(record, deadline_ms);
    }
    if (record_put(record, &wire) < 0)
        record_fail_because(record, HANDLER_FAILED, "no memory for a request");
    else if (record_unwritten(record) >= WRITE_SIZE && !record->output.blocked)
        record_write_all(record);
    note(record);
    return record->verdict == HANDLER_HANGUP ? HANDLER_OK : record->verdict;
}

static uint64_t down_until(const struct handler *handler)
{
    return program_down_until(&((const struct record_handler *)handler)->program);
}

static int open_client(struct handler *handler, const struct framed_peer *peer)
{
    struct record_handler *record = (struct record_handler *)handler;

    if (++record->newest == 0)
        record->newest = 1;
    record->connection = record->newest;
    record->engaged = false;
    record->verdict = HANDLER_OK;
    record_introduce(record, peer);
    if (program_runs(&record->program))
        record_put_open(record);
    else
        record_begin(record);
    note(record);
    return 0;
}

static void cancel_all(struct record_handler *record)
{
    uint64_t grace_ms = clock_ms() + CANCEL_GRACE_MS - record->base.away_ms;

    while (record->window.owed > 0) {
        struct window_request *request = window_cancel(&record->window);

        if (!request)
            continue;
        if (request->deadline_ms && request->deadline_ms < grace_ms)
            request->deadline_ms = grace_ms;
        record_put(record, &(struct wire_record){.type = WIRE_CANCEL,
                                                 .connection = record->connection,
                                                 .request = request->id});
    }
    record_arm(record, record_cancelled_due(record));
}

static void put_close(struct record_handler *record)
{
    bool moved = record->base.farewell == FAREWELL_MOVED;

    record_put(record, &(struct wire_record){
                           .type = WIRE_CLOSE,
                           .flags = moved ? WIRE_MOVED : 0,
                           .status = (uint16_t)(moved ? FAREWELL_ORDER : record->base.farewell),
                           .connection = record->connection,
                       });
}

static void close_client(struct handler *handler)
{
    struct record_handler *record = (struct record_handler *)handler;

    if (program_runs(&record->program)) {
        if (record->window.owed > 0)
            cancel_all(record);
        put_close(record);
        record->connection = 0;
        record->engaged = false;
        record_write_all(record);
    }
    record->connection = 0;
    record->engaged = false;
    record->verdict = HANDLER_OK;
    if (record->program.coprocess.length == 0)
        coprocess_trim(&record->program.coprocess);
    note(record);
}

const struct handler_ops handler_record = {
    .name = "record",
    .alone = true,
    .size = sizeof(struct record_handler),
    .start = record_start,
    .open = open_client,
    .close = close_client,
    .message = message,
    .pump = pump,
    .watch = watch,
    .attend = attend,
    .down_until = down_until,
    .stop = record_stop,
};
