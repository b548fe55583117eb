/*
 * What the framing tests share. Whatever is decoded lies in a heap block of exactly its length, so
 * that AddressSanitizer sees a read behind the bytes that were given.
 */
#ifndef FRAMED_TESTS_FRAMING_SUPPORT_H
#define FRAMED_TESTS_FRAMING_SUPPORT_H

#include <framed/framing.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What a message is longer on the wire, at most: in fragments of at least 8 bytes. */
#define WIRE_SIZE(payload) ((payload)*8 + 128)

/* A fuzzer has its own. For loops: Check notes every ck_assert that it passes, which costs more
 * than what is tested here. */
#ifndef EXPECT
#include <check.h>
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ck_abort_msg("not so: %s", #condition);                                                \
    } while (0)
#endif

/* xorshift64: the same draws on every machine. */
static inline unsigned draw(uint64_t *state, unsigned below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)((*state >> 32) % below);
}

/* The bytes of a string literal, NULs included, and their number. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static inline int decode_copy(const struct framed_framing *framing, struct framed_decoder *decoder,
                              const uint8_t *data, size_t length, struct framed_frame *frame)
{
    uint8_t *copy = malloc(length ? length : 1);
    int verdict;

    EXPECT(copy);
    if (length)
        memcpy(copy, data, length);
    verdict = framed_decode(framing, decoder, copy, length, frame);
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

/* Writes PAYLOAD as one message to TO, which has WIRE_SIZE(length) bytes. FRAMED_OK and *WRITTEN,
 * or why it cannot be written. */
static inline int encode_message(const struct framed_framing *framing, const uint8_t *payload,
                                 size_t length, uint8_t *to, size_t *written)
{
    size_t room = WIRE_SIZE(length);
    bool continued = false;
    size_t end = 0;

    for (;;) {
        struct framed_envelope envelope;
        int verdict = framed_encode(framing, payload, length, continued, &envelope);

        if (verdict != FRAMED_OK) {
            EXPECT(!continued); /* refused at once, or not at all */
            return verdict;
        }
        EXPECT(envelope.head_length <= FRAMED_HEAD_MAX && envelope.tail_length <= FRAMED_TAIL_MAX);
        EXPECT(envelope.taken <= length && (envelope.taken > 0 || length == 0));
        EXPECT(end + envelope.head_length + envelope.taken + envelope.tail_length <= room);
        memcpy(to + end, envelope.head, envelope.head_length);
        end += envelope.head_length;
        if (envelope.taken)
            memcpy(to + end, payload, envelope.taken);
        end += envelope.taken;
        memcpy(to + end, envelope.tail, envelope.tail_length);
        end += envelope.tail_length;
        payload += envelope.taken;
        length -= envelope.taken;
        if (length == 0) {
            *written = end;
            return FRAMED_OK;
        }
        continued = true;
    }
}

#define SEEN_MAX 64
#define SEEN_BYTES 8192

/* The messages of a stream, and how it ended. */
struct seen {
    size_t count;
    size_t length[SEEN_MAX];
    size_t end; /* of BYTES */
    uint8_t bytes[SEEN_BYTES];
    size_t oversize; /* told, and dropped */
    size_t skipped;
    int verdict; /* FRAMED_END or an error */
};

static inline void seen_add(struct seen *seen, const uint8_t *data, size_t length, bool whole)
{
    EXPECT(seen->count < SEEN_MAX && seen->end + length <= SEEN_BYTES);
    if (length)
        memcpy(seen->bytes + seen->end, data, length);
    seen->end += length;
    seen->length[seen->count] += length;
    seen->count += whole;
}

/*
 * Reads all of DATA as a connection would that gets it in cuts: after CUT(context, given, length)
 * bytes there are more. Holds the decoder to its contract on the way.
 */
static inline void read_stream(const struct framed_framing *framing, const uint8_t *data,
                               size_t length,
                               size_t (*cut)(void *context, size_t given, size_t all),
                               void *context, struct seen *seen)
{
    size_t largest = framed_framing_max(framing) + 1024;
    struct framed_decoder decoder = {0};
    size_t given = 0;
    size_t at = 0;

    memset(seen, 0, sizeof(*seen));
    for (;;) {
        struct framed_frame frame;
        int verdict;

        memset(&frame, 0xa5, sizeof(frame)); /* what is not set is seen */
        verdict = decode_copy(framing, &decoder, data + at, given - at, &frame);

        if (verdict == FRAMED_NEED_MORE && given < length) {
            EXPECT(frame.need > given - at && frame.need <= largest);
            given = cut(context, given, length);
            continue;
        }
        if (verdict == FRAMED_NEED_MORE) {
            uint8_t *copy = malloc(length - at + 1);

            EXPECT(copy);
            memcpy(copy, data + at, length - at);
            verdict = framed_decode_end(framing, &decoder, copy, length - at, &frame);
            free(copy);
            if (verdict != FRAMED_OK) {
                seen->verdict = verdict;
                return;
            }
        }
        if (verdict >= FRAMED_ERROR_FIRST &&
            !(verdict == FRAMED_OVERSIZE && framed_framing_discards(framing))) {
            seen->verdict = verdict;
            return;
        }
        EXPECT(frame.size <= given - at);
        EXPECT((verdict != FRAMED_OK && verdict != FRAMED_FRAGMENT) ||
               (frame.payload <= frame.size && frame.length <= frame.size - frame.payload));
        if (verdict == FRAMED_OVERSIZE)
            seen->oversize++;
        else if (verdict == FRAMED_SKIP)
            seen->skipped++;
        else
            seen_add(seen, data + at + frame.payload, frame.length, verdict == FRAMED_OK);
        at += frame.size;
    }
}

static inline size_t cut_nowhere(void *context, size_t given, size_t all)
{
    (void)context;
    (void)given;
    return all;
}

static inline size_t cut_everywhere(void *context, size_t given, size_t all)
{
    (void)context;
    (void)all;
    return given + 1;
}

/* Once, at *context. */
static inline size_t cut_once(void *context, size_t given, size_t all)
{
    size_t place = *(const size_t *)context;

    return given < place ? place : all;
}

static inline void expect_same(const struct seen *a, const struct seen *b)
{
    EXPECT(a->verdict == b->verdict);
    EXPECT(a->count == b->count && a->end == b->end);
    EXPECT(a->oversize == b->oversize);
    EXPECT(memcmp(a->length, b->length, sizeof(a->length)) == 0);
    EXPECT(memcmp(a->bytes, b->bytes, a->end) == 0);
}

#endif
