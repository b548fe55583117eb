/*
 * Fuzz target (libFuzzer): the decoders on any bytes, in any cuts.
 *
 * The input is a preset (1 byte), max_message less one (2 bytes, little-endian), a cut pattern
 * (1 byte), then the stream. What must hold, whatever the bytes: a frame lies inside what was
 * given; a need is more than what was given and never more than the largest message takes; cuts
 * change nothing; a decoded payload that can be encoded is decoded to the same bytes again. Each
 * decoder call gets a heap block of exactly its length, so that AddressSanitizer sees a read behind
 * it.
 */
#include <framed/byteorder.h>
#include <framed/framing.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS 4
/* Every cut copies what it has: longer streams only cost time. */
#define STREAM_MAX 2048
#define AROUND_MAX (FRAMED_HEAD_MAX + FRAMED_TAIL_MAX)

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *copy_of(const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);

    REQUIRE(copy);
    if (length)
        memcpy(copy, data, length);
    return copy;
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    uint8_t *copy = copy_of(data, length);
    int verdict = framed_decode(framing, decoder, copy, length, frame);

    free(copy);
    REQUIRE(verdict >= FRAMED_OK && verdict < FRAMED_VERDICT_COUNT);
    if (verdict == FRAMED_OK) {
        REQUIRE(frame->size > 0 && frame->size <= length);
        REQUIRE(frame->payload <= frame->size && frame->length <= frame->size - frame->payload);
        REQUIRE(frame->length <= framing->max_message);
        REQUIRE(decoder->scanned == 0);
    } else if (verdict == FRAMED_NEED_MORE) {
        REQUIRE(frame->need > length);
        REQUIRE(frame->need <= framing->max_message + AROUND_MAX);
    }
    return verdict;
}

static void encode_again(const struct framed_framing *framing, const uint8_t *payload,
                         size_t length)
{
    uint8_t *copy = copy_of(payload, length);
    uint8_t wire[STREAM_MAX + AROUND_MAX];
    struct framed_decoder decoder = {0};
    struct framed_envelope envelope;
    struct framed_frame frame;
    size_t size;

    if (framed_encode(framing, copy, length, &envelope) == FRAMED_OK) {
        size = envelope.head_length + length + envelope.tail_length;
        memcpy(wire, envelope.head, envelope.head_length);
        memcpy(wire + envelope.head_length, copy, length);
        memcpy(wire + envelope.head_length + length, envelope.tail, envelope.tail_length);
        REQUIRE(decode(framing, &decoder, wire, size, &frame) == FRAMED_OK);
        REQUIRE(frame.size == size && frame.length == length);
        REQUIRE(memcmp(wire + frame.payload, copy, length) == 0);
    } else {
        /* Only a line's payload that ends with CR can be read and not be written. */
        REQUIRE(framing->strip_cr && length > 0 && copy[length - 1] == '\r');
    }
    free(copy);
}

/* One frame from DATA, in cuts drawn from *PATTERN, must come to what all of DATA at once came to:
 * VERDICT and, with FRAMED_OK, WHOLE. */
static void decode_in_cuts(const struct framed_framing *framing, const uint8_t *data, size_t length,
                           uint32_t *pattern, int verdict, const struct framed_frame *whole)
{
    struct framed_decoder decoder = {0};
    struct framed_frame frame = {0};
    size_t given = 0;
    int result = decode(framing, &decoder, data, given, &frame);

    while (result == FRAMED_NEED_MORE && given < length) {
        size_t step = 1 + *pattern % 13;

        *pattern = *pattern * 1664525U + 1013904223U;
        REQUIRE(verdict != FRAMED_OK || frame.need <= whole->size);
        given = length - given < step ? length : given + step;
        result = decode(framing, &decoder, data, given, &frame);
    }
    REQUIRE(result == verdict);
    if (verdict == FRAMED_OK)
        REQUIRE(frame.payload == whole->payload && frame.length == whole->length &&
                frame.size == whole->size);
}

/* The framing that the first bytes of an input choose. */
static struct framed_framing framing_of(const uint8_t settings[SETTINGS])
{
    const struct framed_preset *preset = framed_presets();
    struct framed_framing framing;
    char error[64];

    for (unsigned skip = settings[0]; skip > 0; skip--) {
        preset++;
        if (!preset->name)
            preset = framed_presets();
    }
    REQUIRE(framed_framing_parse(preset->name, &framing, error, sizeof(error)) == 0);
    REQUIRE(framed_framing_set_max(&framing, framed_get_u16le(settings + 1) + (size_t)1) == 0);
    return framing;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framed_framing framing;
    struct framed_frame frame;
    uint32_t pattern;
    int verdict;

    if (size < SETTINGS || size > SETTINGS + STREAM_MAX)
        return 0;
    framing = framing_of(data);
    pattern = data[3];
    data += SETTINGS;
    size -= SETTINGS;
    do {
        struct framed_decoder decoder = {0};

        verdict = decode(&framing, &decoder, data, size, &frame);
        decode_in_cuts(&framing, data, size, &pattern, verdict, &frame);
        if (verdict == FRAMED_OK) {
            encode_again(&framing, data + frame.payload, frame.length);
            data += frame.size;
            size -= frame.size;
        }
    } while (verdict == FRAMED_OK);
    return 0;
}
