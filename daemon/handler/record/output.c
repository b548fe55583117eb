/* What goes to the program: records are put together, and leave with as few writes as it takes. */
#include "config/config.h"
#include "handler/record/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is kept when it is empty. */
#define USUAL_SIZE ((size_t)64 * 1024)

size_t record_unwritten(const struct record_handler *record)
{
    return record->output.end - record->output.start;
}

static int make_room(struct record_output *output, size_t needed)
{
    size_t used = output->end - output->start;
    size_t size = output->size ? output->size : USUAL_SIZE;
    uint8_t *grown;

    if (output->size - output->end >= needed)
        return 0;
    if (output->start > 0) {
        memmove(output->data, output->data + output->start, used);
        output->start = 0;
        output->end = used;
    }
    while (size - used < needed)
        size *= 2;
    if (size == output->size)
        return 0;
    grown = realloc(output->data, size);
    if (!grown)
        return -ENOMEM;
    output->data = grown;
    output->size = size;
    return 0;
}

int record_put(struct record_handler *record, const struct wire_record *wire)
{
    struct record_output *output = &record->output;
    int result = make_room(output, WIRE_HEAD + wire->length);

    if (result < 0)
        return result;
    wire_put_head(wire, output->data + output->end);
    if (wire->length > 0)
        memcpy(output->data + output->end + WIRE_HEAD, wire->body, wire->length);
    output->end += WIRE_HEAD + wire->length;
    return 0;
}

void record_put_open(struct record_handler *record)
{
    const struct pairs *pairs = &record->introduction;

    record_put(record, &(struct wire_record){.type = WIRE_OPEN,
                                             .connection = record->connection,
                                             .body = (const uint8_t *)pairs->text,
                                             .length = pairs->length});
}

static void give_back(struct record_output *output)
{
    output->start = output->end = 0;
    if (output->size > USUAL_SIZE) {
        free(output->data);
        output->data = NULL;
        output->size = 0;
    }
}

int record_write(struct record_handler *record)
{
    struct record_output *output = &record->output;
    int fd = record->program.coprocess.process.input_fd;

    while (record->ready && output->start < output->end) {
        size_t left = output->end - output->start;
        ssize_t written = write(fd, output->data + output->start, left);

        if (written < 0 && errno == EINTR)
            continue;
        output->blocked = written < (ssize_t)left;
        if (written < 0)
            return errno == EAGAIN ? 0 : -errno;
        output->start += (size_t)written;
        record->write_by_ms = 0;
        if (output->blocked)
            return 0;
    }
    if (output->start == output->end)
        give_back(output);
    return 0;
}

int record_greet(struct record_handler *record)
{
    const struct handler_host *host = record->base.host;
    const struct service_config *service = host->service;
    struct pairs pairs = {.length = 0};
    uint8_t bytes[WIRE_HEAD + sizeof(pairs.text)];
    ssize_t written;

    pairs_add(&pairs, "VERSION", WIRE_VERSION);
    pairs_add(&pairs, "SERVICE", service->name);
    pairs_add_number(&pairs, "WORKER", host->slot);
    pairs_add_number(&pairs, "MAX_MESSAGE", service->limits.max_message);
    pairs_add_number(&pairs, "MAX_REPLY", service->limits.max_reply);
    pairs_add_number(&pairs, "WINDOW", service->handler.window);
    wire_put_head(&(struct wire_record){.type = WIRE_HELLO, .length = pairs.length}, bytes);
    memcpy(bytes + WIRE_HEAD, pairs.text, pairs.length);
    written = write(record->program.coprocess.process.input_fd, bytes, WIRE_HEAD + pairs.length);
    return written < 0 ? -errno : 0;
}

void record_introduce(struct record_handler *record, const struct framed_peer *peer)
{
    record->introduction.length = 0;
    pairs_add_peer(&record->introduction, peer);
}
