/*
 * Framing against a slow, obvious decoder on random bytes. The reference reads one byte after the
 * other, keeps nothing between two calls, and shares no code and no parameters with the library: it
 * knows each preset by its name. Each seed is one test of a loop, named in what fails.
 */
#include "framing_support.h"

#define SEEDS 100
#define STREAM_MAX 200
#define PAYLOAD_MAX 24

struct reference_preset {
    const char *name;
    int width;             /* bytes of a binary length, or 0 */
    bool big;              /* its most significant byte comes first */
    const char *delimiter; /* or NULL */
    size_t delimiter_length;
};

static const struct reference_preset reference_presets[] = {
    {"u8", 1, true, NULL, 0},         {"u16be", 2, true, NULL, 0},   {"u16le", 2, false, NULL, 0},
    {"u32be", 4, true, NULL, 0},      {"u32le", 4, false, NULL, 0},  {"u64be", 8, true, NULL, 0},
    {"line", 0, false, "\n", 1},      {"crlf", 0, false, "\r\n", 2}, {"nul", 0, false, "", 1},
    {"netstring", 0, false, NULL, 0},
};

#define REFERENCE_PRESETS (sizeof(reference_presets) / sizeof(reference_presets[0]))

static int reference_found(struct framed_frame *frame, size_t payload, size_t length, size_t size)
{
    *frame = (struct framed_frame){.payload = payload, .length = length, .size = size};
    return FRAMED_OK;
}

static int reference_length(const struct reference_preset *preset, size_t max, const uint8_t *data,
                            size_t length, struct framed_frame *frame)
{
    size_t width = (size_t)preset->width;
    uint64_t claimed = 0;

    if (length < width)
        return FRAMED_NEED_MORE;
    for (size_t i = 0; i < width; i++)
        claimed = claimed * 256 + data[preset->big ? i : width - 1 - i];
    if (claimed > max)
        return FRAMED_OVERSIZE;
    if (length - width < claimed)
        return FRAMED_NEED_MORE;
    return reference_found(frame, width, claimed, width + claimed);
}

static int reference_netstring(size_t max, const uint8_t *data, size_t length,
                               struct framed_frame *frame)
{
    uint64_t claimed = 0;
    size_t colon;

    for (colon = 0; colon < length && data[colon] != ':'; colon++) {
        if (data[colon] < 48 || data[colon] > 57 || (colon == 1 && data[0] == '0'))
            return FRAMED_MALFORMED;
        claimed = claimed * 10 + (uint64_t)data[colon] - 48;
        if (claimed > max)
            return FRAMED_OVERSIZE;
    }
    if (colon == length)
        return FRAMED_NEED_MORE;
    if (colon == 0)
        return FRAMED_MALFORMED;
    if (length < colon + 1 + claimed + 1)
        return FRAMED_NEED_MORE;
    if (data[colon + 1 + claimed] != ',')
        return FRAMED_BAD_TRAILER;
    return reference_found(frame, colon + 1, claimed, colon + claimed + 2);
}

static int reference_delimited(const struct reference_preset *preset, size_t max,
                               const uint8_t *data, size_t length, struct framed_frame *frame)
{
    bool line = strcmp(preset->name, "line") == 0;
    size_t wide = preset->delimiter_length;

    for (size_t at = 0; at + wide <= length; at++) {
        if (memcmp(data + at, preset->delimiter, wide) == 0) {
            size_t payload = line && at > 0 && data[at - 1] == 13 ? at - 1 : at;

            return payload > max ? FRAMED_OVERSIZE : reference_found(frame, 0, payload, at + wide);
        }
    }
    return length >= max + wide + line ? FRAMED_OVERSIZE : FRAMED_NEED_MORE;
}

/* As framed_decode() with max_message MAX, from a fresh start; does not set FRAME->need. */
static int reference_decode(const struct reference_preset *preset, size_t max, const uint8_t *data,
                            size_t length, struct framed_frame *frame)
{
    if (preset->width)
        return reference_length(preset, max, data, length, frame);
    if (preset->delimiter)
        return reference_delimited(preset, max, data, length, frame);
    return reference_netstring(max, data, length, frame);
}

/* xorshift64: the same stream on every machine. */
static unsigned draw(uint64_t *state, unsigned below)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (unsigned)((*state >> 32) % below);
}

/* Bytes that mean something to one preset or another. */
static uint8_t draw_byte(uint64_t *state)
{
    static const uint8_t often[] = "\0\0\0\0\0\1\2\3\7\r\r\n\n01239::,,abc\xff";

    return draw(state, 10) ? often[draw(state, sizeof(often) - 1)] : (uint8_t)draw(state, 256);
}

/* Fills STREAM with random bytes, in half of all cases with frames that are whole but for a byte.
 */
static size_t draw_stream(uint64_t *state, const struct framed_framing *framing, uint8_t *stream)
{
    size_t end = 0;
    bool noise = draw(state, 2);

    while (end + PAYLOAD_MAX + AROUND_MAX <= STREAM_MAX) {
        uint8_t payload[PAYLOAD_MAX];
        size_t length = draw(state, PAYLOAD_MAX + 1);
        struct framed_envelope envelope;

        for (size_t i = 0; i < length; i++)
            payload[i] = draw_byte(state);
        if (!noise && framed_encode(framing, payload, length, &envelope) == FRAMED_OK) {
            end += write_frame(framing, payload, length, stream + end);
        } else {
            memcpy(stream + end, payload, length);
            end += length;
        }
    }
    if (draw(state, 2))
        stream[draw(state, (unsigned)end)] = draw_byte(state);
    return end;
}

/*
 * Decodes STREAM frame by frame, given in random cuts, until an error or its end; each verdict must
 * be the reference's for the same bytes.
 */
static void check_stream(uint64_t *state, const struct reference_preset *preset,
                         const struct framed_framing *framing, const uint8_t *stream, size_t end)
{
    size_t largest = framing->max_message + AROUND_MAX;
    struct framed_decoder decoder = {0};
    size_t given = 0;
    size_t at = 0;

    for (;;) {
        struct framed_frame expected = {0};
        struct framed_frame frame = {0};
        int verdict = decode_copy(framing, &decoder, stream + at, given - at, &frame);

        EXPECT(verdict ==
               reference_decode(preset, framing->max_message, stream + at, given - at, &expected));
        if (verdict == FRAMED_OK) {
            EXPECT(frame.payload == expected.payload);
            EXPECT(frame.length == expected.length);
            EXPECT(frame.size == expected.size);
            at += frame.size;
        } else if (verdict == FRAMED_NEED_MORE && given < end) {
            EXPECT(frame.need > given - at);
            EXPECT(frame.need <= largest);
            given += 1 + draw(state, (unsigned)(end - given));
        } else {
            return;
        }
    }
}

START_TEST(test_reference_agrees)
{
    uint64_t state = 0x9e3779b97f4a7c15U * (uint64_t)(_i + 1);
    uint8_t stream[STREAM_MAX];

    for (size_t i = 0; i < REFERENCE_PRESETS; i++) {
        const struct reference_preset *preset = &reference_presets[i];

        for (int round = 0; round < 50; round++) {
            struct framed_framing framing = framing_of(preset->name, 1 + draw(&state, 30));
            size_t end = draw_stream(&state, &framing, stream);

            check_stream(&state, preset, &framing, stream, end);
        }
    }
}
END_TEST

/* Whatever is encoded is decoded to the same bytes. */
START_TEST(test_random_payloads_come_back)
{
    uint64_t state = 0xd1342543de82ef95U * (uint64_t)(_i + 1);
    uint8_t wire[PAYLOAD_MAX + AROUND_MAX];
    uint8_t payload[PAYLOAD_MAX];

    for (int round = 0; round < 500; round++) {
        const char *name = reference_presets[draw(&state, REFERENCE_PRESETS)].name;
        struct framed_framing framing = framing_of(name, 1 + draw(&state, PAYLOAD_MAX));
        size_t length = draw(&state, PAYLOAD_MAX + 1);
        struct framed_envelope envelope;
        struct framed_frame frame;
        size_t size;

        for (size_t i = 0; i < length; i++)
            payload[i] = draw_byte(&state);
        if (framed_encode(&framing, payload, length, &envelope) != FRAMED_OK)
            continue;
        size = write_frame(&framing, payload, length, wire);
        EXPECT(decode_once(&framing, wire, size, &frame) == FRAMED_OK);
        EXPECT(frame.size == size);
        EXPECT(frame.length == length);
        EXPECT(memcmp(wire + frame.payload, payload, length) == 0);
    }
}
END_TEST

static Suite *random_suite(void)
{
    Suite *suite = suite_create("framing, random");
    TCase *tcase = tcase_create("seeds");

    tcase_add_loop_test(tcase, test_reference_agrees, 0, SEEDS);
    tcase_add_loop_test(tcase, test_random_payloads_come_back, 0, SEEDS);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(random_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
