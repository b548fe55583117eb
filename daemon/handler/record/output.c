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
    const struct record_pairs *pairs = &record->introduction;

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

static void add_text(struct record_pairs *pairs, const char *name, const char *value, size_t length)
{
    size_t room = sizeof(pairs->text) - pairs->length;
    int wanted = snprintf(pairs->text + pairs->length, room, "%s=%.*s", name, (int)length, value);

    if (wanted >= 0 && (size_t)wanted < room)
        pairs->length += (size_t)wanted + 1;
}

static void add_number(struct record_pairs *pairs, const char *name, uint64_t value)
{
    char text[24];
    int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

    add_text(pairs, name, text, (size_t)length);
}

int record_greet(struct record_handler *record)
{
    const struct handler_host *host = record->base.host;
    const struct service_config *service = host->service;
    struct record_pairs pairs = {.length = 0};
    uint8_t bytes[WIRE_HEAD + sizeof(pairs.text)];
    ssize_t written;

    add_text(&pairs, "VERSION", WIRE_VERSION, strlen(WIRE_VERSION));
    add_text(&pairs, "SERVICE", service->name, strlen(service->name));
    add_number(&pairs, "WORKER", host->slot);
    add_number(&pairs, "MAX_MESSAGE", service->limits.max_message);
    add_number(&pairs, "MAX_REPLY", service->limits.max_reply);
    add_number(&pairs, "WINDOW", service->handler.window);
    wire_put_head(&(struct wire_record){.type = WIRE_HELLO, .length = pairs.length}, bytes);
    memcpy(bytes + WIRE_HEAD, pairs.text, pairs.length);
    written = write(record->program.coprocess.process.input_fd, bytes, WIRE_HEAD + pairs.length);
    return written < 0 ? -errno : 0;
}

/* "tcp:127.0.0.1:80", "tcp:[::1]:80", as *IP and *PORT names. */
static void add_tcp(struct record_pairs *pairs, const char *address, const char *ip,
                    const char *port)
{
    const char *host = address + strlen("tcp:");
    const char *colon = strrchr(host, ':');
    size_t length;

    if (!colon)
        return;
    length = (size_t)(colon - host);
    if (length >= 2 && host[0] == '[') {
        host++;
        length -= 2;
    }
    add_text(pairs, ip, host, length);
    add_text(pairs, port, colon + 1, strlen(colon + 1));
}

void record_introduce(struct record_handler *record, const struct framed_peer *peer)
{
    struct record_pairs *pairs = &record->introduction;

    pairs->length = 0;
    if (strncmp(peer->local, "unix:", 5) == 0) {
        add_text(pairs, "PROTO", "UNIX", 4);
        add_text(pairs, "UNIXLOCALPATH", peer->local + 5, strlen(peer->local + 5));
    } else {
        add_text(pairs, "PROTO", "TCP", 3);
        add_tcp(pairs, peer->address, "TCPREMOTEIP", "TCPREMOTEPORT");
        add_tcp(pairs, peer->local, "TCPLOCALIP", "TCPLOCALPORT");
    }
    if (peer->has_credentials) {
        add_number(pairs, "UNIXREMOTEPID", (uint64_t)peer->pid);
        add_number(pairs, "UNIXREMOTEEUID", peer->uid);
        add_number(pairs, "UNIXREMOTEEGID", peer->gid);
    }
    add_number(pairs, "FRAMED_CONNECTION", peer->connection);
}
