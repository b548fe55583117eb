/*
 * A handler of the codec record that breaks one rule of framed-record(5), and keeps all others:
 *
 *     unruly FAULT
 *
 * Without a fault (`none`) it answers each message with itself.
 */
#include "unruly.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_MAX ((size_t)4 << 20)
/* As long as its input is quiet, everything that is to come has come. */
#define QUIET_MS 30

uint8_t body[BODY_MAX + 1];
uint32_t max_reply;
uint32_t newest;
struct record held[HELD_MAX];
size_t held_count;

static uint32_t get(const uint8_t *at, int bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | *at++;
    return value;
}

void put_number(uint8_t *at, int bytes, uint32_t value)
{
    while (bytes-- > 0) {
        at[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

void write_all(const void *data, size_t length)
{
    const uint8_t *bytes = data;

    for (size_t at = 0; at < length;) {
        ssize_t written = write(STDOUT_FILENO, bytes + at, length - at);

        if (written < 0)
            err(1, "write");
        at += (size_t)written;
    }
}

void put_head(uint8_t head[HEAD], const struct record *record)
{
    put_number(head, 4, record->length + HEAD - 4);
    head[4] = record->type;
    head[5] = record->flags;
    put_number(head + 6, 2, record->status);
    put_number(head + 8, 4, record->connection);
    put_number(head + 12, 4, record->request);
}

void send_record(struct record record, size_t length)
{
    uint8_t head[HEAD];

    record.length = (uint32_t)length;
    put_head(head, &record);
    write_all(head, HEAD);
    write_all(body, length);
}

void say_ready(void)
{
    send_record((struct record){.type = READY}, 0);
}

struct record reply_to(const struct record *message)
{
    return (struct record){
        .type = REPLY, .connection = message->connection, .request = message->request};
}

void answer(const struct record *message)
{
    if (!(message->flags & ONEWAY))
        send_record(reply_to(message), message->length);
}

void hold(const struct record *message)
{
    if (held_count == HELD_MAX)
        errx(1, "too much to hold");
    held[held_count++] = *message;
}

static bool is_quiet(void)
{
    return poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, QUIET_MS) == 0;
}

/* False at the end of the input. */
static bool read_all(void *data, size_t length, bool at_once)
{
    uint8_t *bytes = data;

    for (size_t at = 0; at < length;) {
        ssize_t got = read(STDIN_FILENO, bytes + at, length - at);

        if (got <= 0)
            return false;
        at += (size_t)got;
        if (at_once && at < length)
            errx(3, "half a record");
    }
    return true;
}

/* MAX_REPLY=NUMBER, among other pairs. */
static void learn_limits(size_t length)
{
    static const char name[] = "MAX_REPLY=";
    const char *pair = (const char *)body;

    for (; pair < (const char *)body + length; pair += strlen(pair) + 1)
        if (strncmp(pair, name, sizeof(name) - 1) == 0)
            max_reply = (uint32_t)strtoul(pair + sizeof(name) - 1, NULL, 10);
}

static void take(const struct fault *fault, const struct record *record)
{
    if (record->type == HELLO)
        learn_limits(record->length);
    if (record->type == HELLO)
        fault->start ? fault->start() : say_ready();
    if (record->type == OPEN)
        newest = record->connection;
    if (record->type == MESSAGE)
        fault->message ? fault->message(record) : answer(record);
    else if (fault->other)
        fault->other(record);
}

static const struct fault *find(const char *name)
{
    const struct fault *const tables[] = {message_faults, other_faults};

    for (size_t i = 0; i < 2; i++)
        for (const struct fault *fault = tables[i]; fault->name; fault++)
            if (strcmp(fault->name, name) == 0)
                return fault;
    errx(2, "what is the fault \"%s\"?", name);
}

int main(int argc, char **argv)
{
    const struct fault *fault = find(argc > 1 ? argv[1] : "none");
    uint8_t head[HEAD];

    if (fault->blind)
        say_ready();
    while (fault->blind)
        pause();
    for (;;) {
        struct record record;

        if (fault->quiet && held_count > 0 && is_quiet())
            fault->quiet();
        if (!read_all(head, HEAD, fault->one_read))
            break;
        record = (struct record){.length = get(head, 4) - (HEAD - 4),
                                 .type = head[4],
                                 .flags = head[5],
                                 .status = (uint16_t)get(head + 6, 2),
                                 .connection = get(head + 8, 4),
                                 .request = get(head + 12, 4)};
        if (record.length > BODY_MAX || !read_all(body, record.length, false))
            errx(1, "a broken record");
        take(fault, &record);
    }
    while (fault->deaf)
        pause();
    return 0;
}
