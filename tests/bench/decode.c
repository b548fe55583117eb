/*
 * How fast the decoders are, beside a loop of memchr over as many lines of the same length, and a
 * memcpy of the same bytes, in the same run: a table of each kind of framing.
 *
 *     decode [ROUNDS]
 *
 * A buffer holds messages of one size; a round decodes all of it, frame by frame, as a connection
 * would. The rounds of all rows take turns, and the best of each row counts: what others do on the
 * machine only ever makes a round slower.
 */
#include <framed/framing.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BUFFER_SIZE ((size_t)256 * 1024)
#define AROUND (FRAMED_HEAD_MAX + FRAMED_TAIL_MAX)
#define PASSES 16

struct row {
    const char *framing; /* NULL: only a pass */
    size_t message;
    struct framed_framing *made;
    uint8_t *data;
    uint8_t *lines; /* as long as data, with a line feed where a message ends */
    size_t length;
    size_t messages;
    double best_s;
    double memchr_s;
    double memcpy_s;
};

static struct row rows[] = {
    {.framing = "u8", .message = 64},
    {.framing = "u16be", .message = 64},
    {.framing = "u32be", .message = 64},
    {.framing = "u32le", .message = 64},
    {.framing = "u64be", .message = 64},
    {.framing = "length:be4,counts=frame,offset=1", .message = 64},
    {.framing = "mqtt", .message = 64},
    {.framing = "varint", .message = 64},
    {.framing = "netstring", .message = 64},
    {.framing = "octet-count", .message = 64},
    {.framing = "ascii5", .message = 64},
    {.framing = "hex4", .message = 64},
    {.framing = "ber", .message = 64},
    {.framing = "fixed:64", .message = 64},
    {.framing = "sunrpc", .message = 64},
    {.framing = "syslog", .message = 64},
    {.framing = "line", .message = 64},
    {.framing = "u32be", .message = 256},
    {.framing = "netstring", .message = 256},
    {.framing = "line", .message = 256},
    {.framing = "crlf", .message = 256},
    {.framing = "delimited:\\n\\n,or=\\r\\n\\r\\n", .message = 256},
    {.framing = "u32be", .message = 4096},
    {.framing = "line", .message = 4096},
};

static volatile size_t sink;

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void must(bool is_so, const struct row *row, const char *what)
{
    if (!is_so)
        errx(EXIT_FAILURE, "%s, %zu bytes: %s", row->framing, row->message, what);
}

/* A payload that the framing takes: letters, or a whole frame of its own where it wants one. */
static size_t make_payload(const struct row *row, uint8_t *payload)
{
    char text[FRAMED_FRAMING_NAME_SIZE * 2];
    struct framed_framing *stripped;
    struct framed_envelope envelope;
    char error[256];
    size_t length = row->message;

    memset(payload, 'x', length);
    payload[0] = '<'; /* what syslog tells lines by */
    if (framed_encode(row->made, payload, length, false, &envelope) == FRAMED_OK)
        return length;
    snprintf(text, sizeof(text), "%s,strip=payload", row->framing);
    must(framed_framing_parse(text, NULL, &stripped, error, sizeof(error)) == 0, row, error);
    must(framed_encode(stripped, payload, length, false, &envelope) == FRAMED_OK, row, "payload");
    framed_framing_free(stripped);
    memmove(payload + envelope.head_length, payload, length);
    memcpy(payload, envelope.head, envelope.head_length);
    memcpy(payload + envelope.head_length + length, envelope.tail, envelope.tail_length);
    return envelope.head_length + length + envelope.tail_length;
}

static void fill(struct row *row)
{
    uint8_t payload[4096 + AROUND];
    struct framed_envelope envelope;
    char error[256] = "";
    size_t length;

    must(framed_framing_parse(row->framing, NULL, &row->made, error, sizeof(error)) == 0, row,
         error);
    row->data = malloc(BUFFER_SIZE + sizeof(payload) + AROUND);
    must(row->data != NULL, row, "no memory");
    length = make_payload(row, payload);
    must(framed_encode(row->made, payload, length, false, &envelope) == FRAMED_OK, row, "encode");
    while (row->length < BUFFER_SIZE) {
        memcpy(row->data + row->length, envelope.head, envelope.head_length);
        row->length += envelope.head_length;
        memcpy(row->data + row->length, payload, length);
        row->length += length;
        memcpy(row->data + row->length, envelope.tail, envelope.tail_length);
        row->length += envelope.tail_length;
        row->messages++;
    }
    row->lines = malloc(row->length);
    must(row->lines != NULL, row, "no memory");
    memset(row->lines, 'x', row->length);
    for (size_t at = row->length / row->messages; at <= row->length;
         at += row->length / row->messages)
        row->lines[at - 1] = '\n';
}

static double decode_all(const struct row *row)
{
    double began = now_s();

    for (int pass = 0; pass < PASSES; pass++) {
        struct framed_decoder decoder = {0};
        struct framed_frame frame;
        size_t found = 0;
        size_t at = 0;

        while (at < row->length && framed_decode(row->made, &decoder, row->data + at,
                                                 row->length - at, &frame) == FRAMED_OK) {
            at += frame.size;
            found++;
        }
        must(found == row->messages && at == row->length, row, "not all messages were found");
    }
    return now_s() - began;
}

/* Goes from line to line, as many and as long as the messages are: what a splitter by hand does. */
static double look_all(const struct row *row)
{
    double began = now_s();

    for (int pass = 0; pass < PASSES; pass++) {
        const uint8_t *end = row->lines + row->length;

        for (const uint8_t *at = row->lines, *hit; at < end; at = hit + 1) {
            hit = memchr(at, '\n', (size_t)(end - at));
            if (!hit)
                break;
            sink++;
        }
    }
    return now_s() - began;
}

static double copy_all(const struct row *row, uint8_t *to)
{
    double began = now_s();

    for (int pass = 0; pass < PASSES; pass++) {
        memcpy(to, row->data, row->length);
        sink += to[row->length / 2];
    }
    return now_s() - began;
}

static void keep_best(double *best, double taken)
{
    if (*best == 0 || taken < *best)
        *best = taken;
}

static void report(const struct row *row)
{
    double bytes = (double)row->length * PASSES;

    printf("| %-34s | %5zu | %8.1f | %6.2f | %6.2f | %6.2f |\n", row->framing, row->message,
           (double)row->messages * PASSES / row->best_s / 1e6, bytes / row->best_s / 1e9,
           row->memchr_s / row->best_s, row->memcpy_s / row->best_s);
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 50;
    uint8_t *to = malloc(BUFFER_SIZE + 4096 + 2 * AROUND + AROUND);

    if (!to || rounds < 1)
        errx(EXIT_FAILURE, "usage: decode [ROUNDS]");
    for (size_t i = 0; i < COUNT(rows); i++)
        fill(&rows[i]);
    for (long round = 0; round < rounds; round++)
        for (size_t i = 0; i < COUNT(rows); i++) {
            keep_best(&rows[i].best_s, decode_all(&rows[i]));
            keep_best(&rows[i].memchr_s, look_all(&rows[i]));
            keep_best(&rows[i].memcpy_s, copy_all(&rows[i], to));
        }
    puts("| framing                            | bytes | M msg/s  | GB/s   | memchr | memcpy |\n"
         "|------------------------------------|-------|----------|--------|--------|--------|");
    for (size_t i = 0; i < COUNT(rows); i++)
        report(&rows[i]);
    return 0;
}
