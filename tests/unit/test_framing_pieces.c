/*
 * Messages that are written in pieces: what a decoder reads is what was written, with every preset
 * and at every cut, and what framed_encode() refuses is refused here, by the end at the latest.
 */
#include "framings.h"
#include "unit.h"

#include <errno.h>

#include <stdio.h>

#define MESSAGE_MAX 200
#define ROUNDS 200

/* Beyond the presets: fragments of few bytes, more than one delimiter, what has a trailer. */
static const char *const composed[] = {
    "chunked:(length:be4,mask=0x7fffffff),last_bit=0x80,fragment=8",
    "chunked:(length:be2,mask=0x7fff),more_bit=0x80,fragment=9",
    "chunked:(length:be2,mask=0x7fff,zero=reject),last_bit=0x80",
    "chunked:(u8),last=\\0,fragment=8",
    "chunked:(length:decimal,end=\\n,offset=2,magic=\\n#),last=\\n##\\n,fragment=10",
    "delimited:abcd,or=da",
    "delimited:aab",
    "line,eof=yes",
    "length:be2,offset=2,counts=frame,magic=\\x03\\0,trailer=;;",
    "length:le2,unit=4,min=8",
    "length:ber,strip=payload",
    "fixed:20",
    "raw",
    "typed:a-m=(line),0-9=(octet-count)",
};
#define COMPOSED (sizeof(composed) / sizeof(composed[0]))

/* What was written, and why it came to an end. */
struct written {
    uint8_t wire[WIRE_SIZE(MESSAGE_MAX)];
    size_t end;
    int result;
};

static void add(struct written *written, const struct framed_envelope *envelope,
                const uint8_t *piece)
{
    EXPECT(written->end + envelope->head_length + envelope->taken + envelope->tail_length <=
           sizeof(written->wire));
    memcpy(written->wire + written->end, envelope->head, envelope->head_length);
    written->end += envelope->head_length;
    if (envelope->taken)
        memcpy(written->wire + written->end, piece, envelope->taken);
    written->end += envelope->taken;
    memcpy(written->wire + written->end, envelope->tail, envelope->tail_length);
    written->end += envelope->tail_length;
}

/* The piece lies in a block of its own: what is read behind it is seen. */
static int write_piece(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                       struct written *written)
{
    uint8_t *copy = malloc(length ? length : 1);
    size_t at = 0;
    int result = FRAMED_OK;

    EXPECT(copy);
    if (length)
        memcpy(copy, piece, length);
    do {
        struct framed_envelope envelope;

        result = framed_encode_piece(encoder, copy + at, length - at, &envelope);
        if (result == FRAMED_OK) {
            EXPECT(envelope.taken > 0 || length == 0);
            add(written, &envelope, copy + at);
            at += envelope.taken;
        }
    } while (result == FRAMED_OK && at < length);
    free(copy);
    return result;
}

/* Writes PAYLOAD in pieces of at most MOST bytes, announced as ANNOUNCED. */
static void write_in_pieces(uint64_t *state, const struct framed_framing *framing,
                            const uint8_t *payload, size_t length, size_t announced, unsigned most,
                            struct written *written)
{
    struct framed_encoder encoder;
    struct framed_envelope envelope;

    written->end = 0;
    written->result = framed_encode_begin(framing, announced, &encoder, &envelope);
    if (written->result != FRAMED_OK)
        return;
    add(written, &envelope, NULL);
    while (written->result == FRAMED_OK && length > 0) {
        size_t part = draw(state, most + 1);

        part = part < length ? part : length;
        written->result = write_piece(&encoder, payload, part, written);
        payload += part;
        length -= part;
    }
    if (written->result == FRAMED_OK)
        written->result = framed_encode_end(&encoder, &envelope);
    if (written->result == FRAMED_OK) {
        EXPECT(!encoder.framing);
        add(written, &envelope, NULL);
    }
}

static void draw_payload(uint64_t *state, uint8_t *payload, size_t length)
{
    static const uint8_t usual[] = "aabcdab\n\r\n\r]]>]]>;;\0#";
    bool text = draw(state, 2);

    for (size_t i = 0; i < length; i++)
        payload[i] = text ? (uint8_t)('A' + draw(state, 26)) : usual[draw(state, sizeof(usual))];
}

static void expect_one(const struct framed_framing *framing, const struct written *written,
                       const uint8_t *payload, size_t length)
{
    static struct seen seen;

    if (!framed_framing_decodes(framing)) {
        EXPECT(written->end == length && memcmp(written->wire, payload, length) == 0);
        return;
    }
    if (written->end == 0)
        return; /* a stream without a byte has no message */
    read_stream(framing, written->wire, written->end, cut_nowhere, NULL, &seen);
    EXPECT(seen.verdict == FRAMED_END);
    EXPECT(seen.count == 1 && seen.end == length);
    EXPECT(memcmp(seen.bytes, payload, length) == 0);
}

/* One payload: whole, in pieces, in pieces without a length. How many ways it could be written. */
static unsigned check_ways(uint64_t *state, const struct framed_framing *framing, size_t length)
{
    uint8_t payload[MESSAGE_MAX];
    uint8_t wire[WIRE_SIZE(MESSAGE_MAX)];
    struct written written;
    unsigned ways = 0;
    size_t end;
    int whole;

    draw_payload(state, payload, length);
    whole = encode_message(framing, payload, length, wire, &end);
    for (int unknown = 0; unknown < 2; unknown++) {
        unsigned most = 1 + draw(state, 40);

        write_in_pieces(state, framing, payload, length, unknown ? FRAMED_LENGTH_UNKNOWN : length,
                        most, &written);
        if (written.result == -ENOTSUP)
            continue;
        /* A fragment that cannot be, of a size that is only the pieces'. */
        if (whole == FRAMED_OK && written.result == FRAMED_UNENCODABLE)
            EXPECT(strstr(framed_framing_name(framing), "chunked"));
        else
            EXPECT((written.result == FRAMED_OK) == (whole == FRAMED_OK));
        if (written.result != FRAMED_OK)
            continue;
        expect_one(framing, &written, payload, length);
        ways++;
    }
    return ways;
}

static unsigned check_framing(const char *text, uint64_t seed)
{
    struct framed_framing *parsed = NULL;
    const struct framed_framing *framing;
    uint64_t state = seed;
    unsigned ways = 0;
    char error[256];

    if (framed_framing_parse(text, NULL, &parsed, error, sizeof(error)) != 0)
        ck_abort_msg("%s: %s", text, error);
    EXPECT(framed_framing_set_max(parsed, MESSAGE_MAX) == 0);
    framing = framed_framing_reply(parsed) ? framed_framing_reply(parsed) : parsed;
    for (int i = 0; i < ROUNDS; i++)
        ways += check_ways(&state, framing, i % 4 ? draw(&state, MESSAGE_MAX) : (size_t)(i % 24));
    framed_framing_free(parsed);
    return ways;
}

/* Those with the length in front, whole frames and types do less than all. */
static bool wants_whole(const char *name)
{
    static const char *const names[] = {"pkt-line", "ber",     "mysql",    "mqtt",
                                        "amqp",     "fastcgi", "postgres", "memcached",
                                        "zabbix",   "x11",     "syslog"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

START_TEST(test_presets_read_what_was_written)
{
    for (const struct framed_preset *preset = framed_presets(); preset->name; preset++) {
        unsigned ways = check_framing(preset->name, 0x9e3779b97f4a7c15U);

        ck_assert_msg((ways == 0) == wants_whole(preset->name), "%s: %u", preset->name, ways);
    }
}
END_TEST

START_TEST(test_composed_framings_read_what_was_written)
{
    unsigned ways = check_framing(composed[_i], 0xd1342543de82ef95U * (uint64_t)(_i + 1));

    ck_assert_msg((ways == 0) == (strncmp(composed[_i], "typed", 5) == 0), "%s: %u", composed[_i],
                  ways);
}
END_TEST

static int begin(const char *text, size_t length, struct framed_encoder *encoder)
{
    struct framed_envelope envelope;

    return framed_encode_begin(framing_of(text, 100), length, encoder, &envelope);
}

START_TEST(test_beginnings_are_judged)
{
    struct framed_encoder encoder;

    EXPECT(begin("u8", 255, &encoder) == FRAMED_OK);
    EXPECT(begin("u8", 256, &encoder) == FRAMED_OVERSIZE);
    EXPECT(begin("u8", FRAMED_LENGTH_UNKNOWN, &encoder) == -ENOTSUP);
    EXPECT(begin("u32be", (size_t)3 << 30, &encoder) == FRAMED_OK);
    EXPECT(begin("u32be", (size_t)5 << 30, &encoder) == FRAMED_OVERSIZE);
    EXPECT(begin("u64be", (size_t)2 << 40, &encoder) == FRAMED_OVERSIZE);
    EXPECT(begin("netstring", (size_t)5 << 30, &encoder) == FRAMED_OK);
    EXPECT(begin("u32be,min=4", 3, &encoder) == FRAMED_UNDERSIZE);
    EXPECT(begin("kafka", 0, &encoder) == FRAMED_UNDERSIZE);
    EXPECT(begin("fixed:20", 20, &encoder) == FRAMED_OK);
    EXPECT(begin("fixed:20", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(begin("fixed:20", 21, &encoder) == FRAMED_OVERSIZE);
    EXPECT(begin("fixed:20", 19, &encoder) == FRAMED_UNDERSIZE);
    EXPECT(begin("line", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(begin("mqtt", 10, &encoder) == -ENOTSUP);
    EXPECT(begin("syslog", 10, &encoder) == -ENOTSUP);
    EXPECT(begin("sunrpc", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(begin("chunked:(u16be,zero=reject),last=\\0\\0", FRAMED_LENGTH_UNKNOWN, &encoder) ==
           FRAMED_OK);
    EXPECT(begin("chunked:(length:be2,mask=0x7fff,zero=reject),last_bit=0x80",
                 FRAMED_LENGTH_UNKNOWN, &encoder) == -ENOTSUP);
}
END_TEST

static int write_text(struct framed_encoder *encoder, const char *text)
{
    struct written written = {.end = 0};

    return write_piece(encoder, (const uint8_t *)text, strlen(text), &written);
}

static int finish(struct framed_encoder *encoder)
{
    struct framed_envelope envelope;

    return framed_encode_end(encoder, &envelope);
}

START_TEST(test_more_and_less_than_announced)
{
    struct framed_encoder encoder;

    EXPECT(begin("netstring", 5, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "abc") == FRAMED_OK);
    EXPECT(write_text(&encoder, "def") == FRAMED_OVERSIZE);
    EXPECT(finish(&encoder) == FRAMED_UNDERSIZE);
    EXPECT(encoder.framing); /* still unfinished */
    EXPECT(write_text(&encoder, "de") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_OK);
    EXPECT(begin("fixed:4", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "abcde") == FRAMED_OVERSIZE);
    EXPECT(write_text(&encoder, "abc") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_UNDERSIZE);
    EXPECT(begin("line,min=4", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "abc") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_UNDERSIZE);
}
END_TEST

/* At every place: before the delimiter is whole, nothing is amiss. */
START_TEST(test_delimiter_across_pieces_is_refused)
{
    static const char delimiter[] = "]]>]]>";
    struct framed_encoder encoder;

    for (size_t cut = 1; cut < strlen(delimiter); cut++) {
        char start[32];

        snprintf(start, sizeof(start), "a long beginning%.*s", (int)cut, delimiter);
        EXPECT(begin("netconf", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
        EXPECT(write_text(&encoder, start) == FRAMED_OK);
        EXPECT(write_text(&encoder, "") == FRAMED_OK);
        EXPECT(write_text(&encoder, delimiter + cut) == FRAMED_UNENCODABLE);
    }
    EXPECT(begin("netconf", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    for (size_t i = 0; i + 1 < strlen(delimiter); i++)
        EXPECT(write_text(&encoder, (const char[]){delimiter[i], '\0'}) == FRAMED_OK);
    EXPECT(write_text(&encoder, ">") == FRAMED_UNENCODABLE);
}
END_TEST

START_TEST(test_end_that_reads_otherwise_is_refused)
{
    struct framed_encoder encoder;

    EXPECT(begin("line", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "abc") == FRAMED_OK);
    EXPECT(write_text(&encoder, "\r") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_UNENCODABLE);
    EXPECT(begin("delimited:aab", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "xa") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_OK); /* x a aab: the first aab is the one written */
    EXPECT(begin("delimited:abab", FRAMED_LENGTH_UNKNOWN, &encoder) == FRAMED_OK);
    EXPECT(write_text(&encoder, "xab") == FRAMED_OK);
    EXPECT(finish(&encoder) == FRAMED_UNENCODABLE);
}
END_TEST

START_TEST(test_cuts_that_hide)
{
    EXPECT(framed_framing_hides_cuts(framing_of("eof", 100)));
    EXPECT(framed_framing_hides_cuts(framing_of("raw", 100)));
    EXPECT(framed_framing_hides_cuts(framing_of("line,eof=yes", 100)));
    EXPECT(!framed_framing_hides_cuts(framing_of("line", 100)));
    EXPECT(!framed_framing_hides_cuts(framing_of("u32be", 100)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framing, pieces");
    TCase *tcase = tcase_create("pieces");

    tcase_add_checked_fixture(tcase, NULL, framings_free);
    tcase_add_test(tcase, test_presets_read_what_was_written);
    tcase_add_loop_test(tcase, test_composed_framings_read_what_was_written, 0, COMPOSED);
    tcase_add_test(tcase, test_beginnings_are_judged);
    tcase_add_test(tcase, test_more_and_less_than_announced);
    tcase_add_test(tcase, test_delimiter_across_pieces_is_refused);
    tcase_add_test(tcase, test_end_that_reads_otherwise_is_refused);
    tcase_add_test(tcase, test_cuts_that_hide);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
