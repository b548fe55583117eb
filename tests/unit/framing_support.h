/*
 * What the framing tests share. Whatever is decoded lies in a heap block of exactly its length, so
 * that AddressSanitizer sees a read behind the bytes that were given.
 */
#ifndef FRAMED_TESTS_FRAMING_SUPPORT_H
#define FRAMED_TESTS_FRAMING_SUPPORT_H

#include <framed/framing.h>

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The most that a preset writes around a payload: a netstring's ten digits, ':' and ','. */
#define AROUND_MAX 12

/* For loops: Check notes every ck_assert that it passes, which costs more than what is tested here.
 */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("not so: %s", #condition);                                                \
    } while (0)

/* The bytes of a string literal, NULs included, and their number. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static inline struct framed_framing framing_of(const char *name, size_t max)
{
    struct framed_framing framing;
    char error[256];

    EXPECT(framed_framing_parse(name, &framing, error, sizeof(error)) == 0);
    EXPECT(framed_framing_set_max(&framing, max) == 0);
    return framing;
}

static inline int decode_copy(const struct framed_framing *framing, struct framed_decoder *decoder,
                              const uint8_t *data, size_t length, struct framed_frame *frame)
{
    uint8_t *copy = malloc(length ? length : 1);
    int verdict;

    EXPECT(copy);
    memcpy(copy, data, length);
    verdict = framed_decode(framing, decoder, length ? copy : NULL, length, frame);
    free(copy);
    return verdict;
}

/* Decodes from a fresh start. */
static inline int decode_once(const struct framed_framing *framing, const uint8_t *data,
                              size_t length, struct framed_frame *frame)
{
    struct framed_decoder decoder = {0};

    return decode_copy(framing, &decoder, data, length, frame);
}

/* Writes PAYLOAD as one frame, which must be possible, to TO. Bytes written. */
static inline size_t write_frame(const struct framed_framing *framing, const uint8_t *payload,
                                 size_t length, uint8_t *to)
{
    struct framed_envelope envelope;

    EXPECT(framed_encode(framing, payload, length, &envelope) == FRAMED_OK);
    EXPECT(envelope.head_length + envelope.tail_length <= AROUND_MAX);
    memcpy(to, envelope.head, envelope.head_length);
    memcpy(to + envelope.head_length, payload, length);
    memcpy(to + envelope.head_length + length, envelope.tail, envelope.tail_length);
    return envelope.head_length + length + envelope.tail_length;
}

#endif
