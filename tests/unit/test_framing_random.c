/*
 * Framings drawn at random, against the slow, obvious decoder of framing_reference.h on random
 * bytes; and what is written is read again, whatever the framing and the cuts. Each seed is one
 * test of a loop, named in what fails.
 */
#include "framing_reference.h"
#include "unit.h"

#define SEEDS 60
#define FRAMINGS_A_SEED 40
#define STREAM_MAX 1000
#define PAYLOAD_MAX 40

/* Framings that the reference does not know: only read again what they wrote. */
static const char *const composed[] = {
    "typed:a-m=(line),0-9=(octet-count)",
    "typed:a=(fixed:5),b=(u8,strip=none,offset=1),default=(line)",
    "typed:at=1,x=(fixed:3),y=(length:be1,offset=2),default=(fixed:2)",
    "chunked:(length:be4,mask=0x7fffffff),last_bit=0x80,fragment=8",
    "chunked:(length:be2,mask=0x7fff),more_bit=0x80,fragment=9",
    "chunked:(u8),last=\\0,fragment=8",
    "chunked:(length:decimal,end=\\n,offset=2,magic=\\n#),last=\\n##\\n,fragment=10",
    "line,oversize=discard",
    "delimited:ab,or=b,oversize=discard",
    "delimited:]]>]]>",
    "delimited:\\n\\n,or=\\r\\n\\r\\n",
    "ber",
    "length:ber,strip=payload,zero=skip",
    "eof",
};
#define COMPOSED (sizeof(composed) / sizeof(composed[0]))

static uint8_t draw_byte(uint64_t *state)
{
    static const uint8_t usual[] =
        "\0\0\0\0\0\1\2\3\7\r\r\n\n01239::,,!abc;ab;MNOTMNOT\x80\xff]]>#";

    return draw(state, 10) ? usual[draw(state, sizeof(usual) - 1)] : (uint8_t)draw(state, 256);
}

static void draw_payload(uint64_t *state, uint8_t *payload, size_t length)
{
    for (size_t i = 0; i < length; i++)
        payload[i] = draw_byte(state);
}

/*
 * Writes a message that the framing takes: any bytes, or, where the handler's side has whole
 * frames, one that the same framing without `strip` has made. FALSE when it takes none of what was
 * drawn.
 */
static bool draw_message(uint64_t *state, const struct framed_framing *framing,
                         const struct framed_framing *maker, uint8_t *payload, size_t *length,
                         uint8_t *wire, size_t *written)
{
    uint8_t frame[WIRE_SIZE(PAYLOAD_MAX)];

    *length = draw(state, 1 + (unsigned)framed_framing_max(framing));
    if (*length > PAYLOAD_MAX)
        *length = PAYLOAD_MAX;
    draw_payload(state, payload, *length);
    if (maker && encode_message(maker, payload, *length, frame, length) == FRAMED_OK &&
        *length <= PAYLOAD_MAX)
        memcpy(payload, frame, *length);
    return encode_message(framing, payload, *length, wire, written) == FRAMED_OK;
}

/* The framing that makes whole frames for one that wants them; NULL. */
static const struct framed_framing *maker_of(const struct drawn *drawn)
{
    char text[sizeof(drawn->text)];
    char *strip;

    snprintf(text, sizeof(text), "%s", drawn->text);
    strip = drawn->strip >= 0 ? strstr(text, "strip=none") : NULL;
    if (!strip)
        return NULL;
    memcpy(strip, "min=0     ", 10);
    strip[5] = '\0';
    return framing_of(text, drawn->max);
}

/* Fills STREAM with random bytes, in half of all cases with frames that are whole but for a byte.
 */
static size_t draw_stream(uint64_t *state, const struct drawn *drawn,
                          const struct framed_framing *framing, uint8_t *stream)
{
    const struct framed_framing *maker = maker_of(drawn);
    bool noise = draw(state, 2);
    size_t end = 0;

    while (end + WIRE_SIZE(PAYLOAD_MAX) <= STREAM_MAX) {
        uint8_t payload[WIRE_SIZE(PAYLOAD_MAX)];
        size_t length;
        size_t written;

        if (!noise &&
            draw_message(state, framing, maker, payload, &length, stream + end, &written)) {
            end += written;
        } else {
            length = 1 + draw(state, PAYLOAD_MAX);
            draw_payload(state, stream + end, length);
            end += length;
        }
    }
    if (draw(state, 2))
        stream[draw(state, (unsigned)end)] = draw_byte(state);
    return end;
}

/* Decodes STREAM frame by frame, given in random cuts: each verdict must be the reference's for the
 * same bytes. */
static void check_stream(uint64_t *state, const struct drawn *drawn,
                         const struct framed_framing *framing, const uint8_t *stream, size_t end)
{
    struct framed_decoder decoder = {0};
    size_t given = 0;
    size_t at = 0;

    for (;;) {
        struct framed_frame expected = {0};
        struct framed_frame frame = {0};
        int verdict = decode_copy(framing, &decoder, stream + at, given - at, &frame);
        int wanted = reference_decode(drawn, stream + at, given - at, &expected);

        if (verdict == FRAMED_OVERSIZE && may_be_oversize(drawn, wanted, &expected))
            return;
        if (verdict != wanted)
            ck_abort_msg("%s (max %zu), %zu bytes: %s, not %s", drawn->text, drawn->max, given - at,
                         framed_verdict_word(verdict), framed_verdict_word(wanted));
        if (verdict == FRAMED_OK || verdict == FRAMED_SKIP) {
            EXPECT(frame.size == expected.size);
            if (verdict == FRAMED_OK)
                EXPECT(frame.payload == expected.payload && frame.length == expected.length);
            at += frame.size;
        } else if (verdict == FRAMED_NEED_MORE && given < end) {
            EXPECT(frame.need > given - at);
            given += 1 + draw(state, (unsigned)(end - given));
        } else {
            return;
        }
    }
}

/* A framing that was drawn, unless it is one of those that cannot be. */
static const struct framed_framing *make_drawn(struct drawn *drawn)
{
    struct framed_framing *framing = NULL;
    char error[512] = "";

    if (framed_framing_parse(drawn->text, NULL, &framing, error, sizeof(error)) != 0) {
        EXPECT(error[0]);
        return NULL;
    }
    EXPECT(framings_count < FRAMINGS_MAX);
    framings_made[framings_count++] = framing;
    return framed_framing_set_max(framing, drawn->max) == 0 ? framing : NULL;
}

START_TEST(test_reference_agrees)
{
    uint64_t state = 0x9e3779b97f4a7c15U * (uint64_t)(_i + 1);
    uint8_t stream[STREAM_MAX];
    unsigned made = 0;

    for (int i = 0; i < FRAMINGS_A_SEED; i++) {
        const struct framed_framing *framing;
        struct drawn drawn;

        draw_framing(&state, &drawn);
        framing = make_drawn(&drawn);
        made += framing != NULL;
        for (int round = 0; framing && round < 20; round++) {
            size_t end = draw_stream(&state, &drawn, framing, stream);

            check_stream(&state, &drawn, framing, stream, end);
        }
        framings_free();
    }
    EXPECT(made > FRAMINGS_A_SEED / 2);
}
END_TEST

static size_t cut_at_random(void *context, size_t given, size_t all)
{
    return given + 1 + draw(context, (unsigned)(all - given));
}

/* Some messages, written and read in every way. Messages written. */
static unsigned check_round_trip(uint64_t *state, const struct framed_framing *framing,
                                 const struct framed_framing *maker, unsigned most)
{
    static struct seen whole, cut;
    uint8_t wire[4 * WIRE_SIZE(PAYLOAD_MAX)];
    uint8_t bytes[4 * PAYLOAD_MAX];
    size_t end = 0;
    size_t total = 0;
    size_t lengths[4];
    unsigned count = 0;

    for (unsigned i = 0; i < most; i++) {
        uint8_t payload[WIRE_SIZE(PAYLOAD_MAX)];
        size_t written;

        if (!draw_message(state, framing, maker, payload, &lengths[count], wire + end, &written))
            continue;
        if (written == 0)
            continue; /* a stream without a byte has no message */
        memcpy(bytes + total, payload, lengths[count]);
        total += lengths[count++];
        end += written;
    }
    read_stream(framing, wire, end, cut_nowhere, NULL, &whole);
    EXPECT(whole.verdict == FRAMED_END);
    EXPECT(whole.count == count && whole.end == total);
    EXPECT(memcmp(whole.length, lengths, count * sizeof(lengths[0])) == 0);
    EXPECT(memcmp(whole.bytes, bytes, total) == 0);
    read_stream(framing, wire, end, cut_everywhere, NULL, &cut);
    expect_same(&whole, &cut);
    for (size_t place = 1; place < end; place++) {
        read_stream(framing, wire, end, cut_once, &place, &cut);
        expect_same(&whole, &cut);
    }
    read_stream(framing, wire, end, cut_at_random, state, &cut);
    expect_same(&whole, &cut);
    return count;
}

START_TEST(test_drawn_framings_read_what_they_wrote)
{
    uint64_t state = 0xd1342543de82ef95U * (uint64_t)(_i + 1);
    unsigned messages = 0;

    for (int i = 0; i < FRAMINGS_A_SEED; i++) {
        const struct framed_framing *framing;
        struct drawn drawn;

        draw_framing(&state, &drawn);
        framing = make_drawn(&drawn);
        if (framing)
            messages += check_round_trip(&state, framing, maker_of(&drawn), 4);
        framings_free();
    }
    EXPECT(messages > FRAMINGS_A_SEED / 2);
}
END_TEST

START_TEST(test_composed_framings_read_what_they_wrote)
{
    const struct framed_framing *framing = framing_of(composed[_i], PAYLOAD_MAX);
    bool one = framed_framing_ends_stream(framing);
    bool whole_frames = strcmp(composed[_i], "ber") == 0;
    const struct framed_framing *maker =
        whole_frames ? framing_of("ber,strip=payload", PAYLOAD_MAX) : NULL;
    uint64_t state = 0xaf251af3b0f025b5U * (uint64_t)(_i + 1);
    unsigned messages = 0;

    for (int round = 0; round < 400; round++)
        messages += check_round_trip(&state, framing, maker, one ? 1 : 4);
    EXPECT(messages > 10);
}
END_TEST

/* Whatever the bytes, the cuts change nothing. */
START_TEST(test_cuts_change_nothing)
{
    const struct framed_framing *framing = framing_of(composed[_i], 20);
    uint64_t state = 0x2545f4914f6cdd1dU * (uint64_t)(_i + 1);
    static struct seen whole, cut;
    uint8_t stream[50];

    for (int round = 0; round < 300; round++) {
        draw_payload(&state, stream, sizeof(stream));
        read_stream(framing, stream, sizeof(stream), cut_nowhere, NULL, &whole);
        read_stream(framing, stream, sizeof(stream), cut_everywhere, NULL, &cut);
        expect_same(&whole, &cut);
        read_stream(framing, stream, sizeof(stream), cut_at_random, &state, &cut);
        expect_same(&whole, &cut);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framing, random");
    TCase *tcase = tcase_create("seeds");

    tcase_add_checked_fixture(tcase, NULL, framings_free);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_reference_agrees, 0, SEEDS);
    tcase_add_loop_test(tcase, test_drawn_framings_read_what_they_wrote, 0, SEEDS);
    tcase_add_loop_test(tcase, test_composed_framings_read_what_they_wrote, 0, COMPOSED);
    tcase_add_loop_test(tcase, test_cuts_change_nothing, 0, COMPOSED);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
