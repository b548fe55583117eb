/*
 * Framing: encoding then decoding is the identity for every cut of the stream, every limit holds to
 * the byte, and each kind of error is told as what it is.
 */
#include "framing_support.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Feeds the SIZE bytes of a frame one more at a time: not complete before the last, then right. */
static void check_every_cut(const struct framed_framing *framing, const uint8_t *wire, size_t size,
                            const uint8_t *payload, size_t length)
{
    struct framed_decoder decoder = {0};
    struct framed_frame frame = {0};

    for (size_t given = 0; given < size; given++) {
        struct framed_decoder fresh = {0};

        ck_assert_int_eq(decode_copy(framing, &decoder, wire, given, &frame), FRAMED_NEED_MORE);
        ck_assert_uint_gt(frame.need, given);
        ck_assert_uint_le(frame.need, size);

        /* From this cut straight to the end, too. */
        ck_assert_int_eq(decode_copy(framing, &fresh, wire, given, &frame), FRAMED_NEED_MORE);
        ck_assert_int_eq(decode_copy(framing, &fresh, wire, size, &frame), FRAMED_OK);
        ck_assert_uint_eq(frame.size, size);
    }
    ck_assert_int_eq(decode_copy(framing, &decoder, wire, size, &frame), FRAMED_OK);
    ck_assert_uint_eq(frame.size, size);
    ck_assert_uint_eq(frame.length, length);
    ck_assert_mem_eq(wire + frame.payload, payload, length);
    ck_assert_uint_eq(decoder.scanned, 0);
}

START_TEST(test_identity_at_every_cut)
{
    static const struct {
        const uint8_t *bytes;
        size_t length;
    } payloads[] = {
        {BYTES("")},
        {BYTES("x")},
        {BYTES("hello, world")},
        {BYTES("\rx")},
        {BYTES("a\rb\rc")},
        {BYTES("12:ab,")},
        {BYTES("\xff\xfe\x80")},
        {BYTES(",")},
        {BYTES("0123456789012345678901234567890")},
        {BYTES("\r\r\r-")},
        {BYTES(":")},
    };
    struct framed_framing framing = framing_of(framed_presets()[_i].name, 31);
    uint8_t wire[31 + AROUND_MAX];

    for (size_t i = 0; i < COUNT(payloads); i++) {
        size_t size = write_frame(&framing, payloads[i].bytes, payloads[i].length, wire);

        check_every_cut(&framing, wire, size, payloads[i].bytes, payloads[i].length);
    }
}
END_TEST

START_TEST(test_messages_back_to_back)
{
    struct framed_framing framing = framing_of(framed_presets()[_i].name, 20);
    const uint8_t *text = (const uint8_t *)"abcdefghijklmnopqrst";
    uint8_t wire[21 * (20 + AROUND_MAX)];
    struct framed_decoder decoder = {0};
    struct framed_frame frame;
    size_t end = 0;
    size_t at = 0;

    for (size_t length = 0; length <= 20; length++)
        end += write_frame(&framing, text, length, wire + end);
    for (size_t length = 0; length <= 20; length++) {
        ck_assert_int_eq(decode_copy(&framing, &decoder, wire + at, end - at, &frame), FRAMED_OK);
        ck_assert_uint_eq(frame.length, length);
        ck_assert_mem_eq(wire + at + frame.payload, text, length);
        at += frame.size;
    }
    ck_assert_uint_eq(at, end);
}
END_TEST

/* LENGTH bytes pass both ways through the preset with max_message MAX. */
static bool passes(const char *name, size_t max, size_t length)
{
    struct framed_framing framing = framing_of(name, max);
    uint8_t *payload = malloc(length + 1);
    uint8_t *wire = malloc(length + AROUND_MAX);
    struct framed_envelope envelope;
    struct framed_frame frame;
    int verdict;

    ck_assert(payload && wire);
    memset(payload, 'x', length);
    verdict = framed_encode(&framing, payload, length, &envelope);
    if (verdict == FRAMED_OK) {
        size_t size = write_frame(&framing, payload, length, wire);

        ck_assert_int_eq(decode_once(&framing, wire, size, &frame), FRAMED_OK);
        ck_assert_uint_eq(frame.length, length);
        ck_assert_mem_eq(wire + frame.payload, payload, length);
    } else {
        ck_assert_int_eq(verdict, FRAMED_OVERSIZE);
    }
    free(payload);
    free(wire);
    return verdict == FRAMED_OK;
}

START_TEST(test_max_message)
{
    const char *name = framed_presets()[_i].name;
    struct framed_framing wide = framing_of(name, 11);
    struct framed_framing narrow = framing_of(name, 10);
    uint8_t wire[11 + AROUND_MAX];
    struct framed_frame frame;
    size_t size = write_frame(&wide, (const uint8_t *)"abcdefghijk", 11, wire);

    ck_assert(passes(name, 10, 10));
    ck_assert(!passes(name, 10, 11));
    ck_assert(passes(name, 1, 0) && passes(name, 1, 1) && !passes(name, 1, 2));
    ck_assert_int_eq(decode_once(&narrow, wire, size, &frame), FRAMED_OVERSIZE);
}
END_TEST

START_TEST(test_field_limits)
{
    ck_assert(passes("u8", 1000, 255) && !passes("u8", 1000, 256));
    ck_assert(passes("u16be", 1 << 20, 65535) && !passes("u16be", 1 << 20, 65536));
    ck_assert(passes("u16le", 1 << 20, 65535) && !passes("u16le", 1 << 20, 65536));
    ck_assert(passes("u32be", 1 << 20, 1 << 20) && !passes("u32be", 1 << 20, (1 << 20) + 1));
}
END_TEST

/* What each stream of bytes comes to, with max_message 10. */
static const struct {
    const char *name;
    const uint8_t *bytes;
    size_t length;
    int verdict;
    size_t payload; /* with FRAMED_OK: its offset and length; with FRAMED_NEED_MORE: need, 0 */
    size_t size;
} cases[] = {
    {"u8", BYTES(""), FRAMED_NEED_MORE, 1, 0},
    {"u8", BYTES("\x0a"), FRAMED_NEED_MORE, 11, 0},
    {"u8", BYTES("\x0b"), FRAMED_OVERSIZE, 0, 0},
    {"u16be", BYTES("\x00"), FRAMED_NEED_MORE, 2, 0},
    {"u16be", BYTES("\x01\x00"), FRAMED_OVERSIZE, 0, 0},
    {"u16be", BYTES("\x00\x01z"), FRAMED_OK, 2, 1},
    {"u16le", BYTES("\x01\x00z"), FRAMED_OK, 2, 1},
    {"u16le", BYTES("\x00\x01"), FRAMED_OVERSIZE, 0, 0},
    {"u32be", BYTES("\xff\xff\xff\xff"), FRAMED_OVERSIZE, 0, 0},
    {"u32be", BYTES("\x00\x00\x00\x0b"), FRAMED_OVERSIZE, 0, 0},
    {"u32be", BYTES("\x00\x00\x00\x02yz!"), FRAMED_OK, 4, 2},
    {"u32be", BYTES("GET / HTTP/1.1\r\n"), FRAMED_OVERSIZE, 0, 0},
    {"u32le", BYTES("\x02\x00\x00\x00yz"), FRAMED_OK, 4, 2},
    {"u32le", BYTES("\x00\x00\x00\x01"), FRAMED_OVERSIZE, 0, 0},
    {"u64be", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), FRAMED_OVERSIZE, 0, 0},
    {"u64be", BYTES("\xff\xff\xff\xff\xff\xff\xff\xf8"), FRAMED_OVERSIZE, 0, 0},
    {"u64be", BYTES("\x80\x00\x00\x00\x00\x00\x00\x01"), FRAMED_OVERSIZE, 0, 0},
    {"u64be", BYTES("\x00\x00\x00\x01\x00\x00\x00\x00"), FRAMED_OVERSIZE, 0, 0},
    {"u64be", BYTES("\x00\x00\x00\x00\x00\x00\x00"), FRAMED_NEED_MORE, 8, 0},
    {"netstring", BYTES("1:a,rest"), FRAMED_OK, 2, 1},
    {"netstring", BYTES("10:0123456789,"), FRAMED_OK, 3, 10},
    {"netstring", BYTES("0:,"), FRAMED_OK, 2, 0},
    {"netstring", BYTES("1"), FRAMED_NEED_MORE, 4, 0},
    {"netstring", BYTES("10"), FRAMED_NEED_MORE, 14, 0},
    {"netstring", BYTES("10:0123"), FRAMED_NEED_MORE, 14, 0},
    {"netstring", BYTES("11"), FRAMED_OVERSIZE, 0, 0},
    {"netstring", BYTES("4294967296"), FRAMED_OVERSIZE, 0, 0},
    {"netstring", BYTES("18446744073709551617:"), FRAMED_OVERSIZE, 0, 0},
    {"netstring", BYTES("99999999999999999999999999999999999"), FRAMED_OVERSIZE, 0, 0},
    {"netstring", BYTES("00"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("01:a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES(":"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES(" 1:a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("+1:a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("-1:a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("1 :a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("1;a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("0x1:a,"), FRAMED_MALFORMED, 0, 0},
    {"netstring", BYTES("1:a;"), FRAMED_BAD_TRAILER, 0, 0},
    {"netstring", BYTES("0:\n"), FRAMED_BAD_TRAILER, 0, 0},
    {"line", BYTES("\n"), FRAMED_OK, 0, 0},
    {"line", BYTES("\r\n"), FRAMED_OK, 0, 0},
    {"line", BYTES("\r\r\n"), FRAMED_OK, 0, 1},
    {"line", BYTES("a\r"), FRAMED_NEED_MORE, 3, 0},
    {"line", BYTES("0123456789\r\n"), FRAMED_OK, 0, 10},
    {"line", BYTES("0123456789a\n"), FRAMED_OVERSIZE, 0, 0},
    {"line", BYTES("0123456789\r\r"), FRAMED_OVERSIZE, 0, 0},
    {"line", BYTES("0123456789\r"), FRAMED_NEED_MORE, 12, 0},
    {"crlf", BYTES("\r\n"), FRAMED_OK, 0, 0},
    {"crlf", BYTES("a\nb\r\n"), FRAMED_OK, 0, 3},
    {"crlf", BYTES("\n\r\n"), FRAMED_OK, 0, 1},
    {"crlf", BYTES("\r\r\n"), FRAMED_OK, 0, 1},
    {"crlf", BYTES("\n"), FRAMED_NEED_MORE, 2, 0},
    {"crlf", BYTES("0123456789\r"), FRAMED_NEED_MORE, 12, 0},
    {"crlf", BYTES("0123456789\n\n"), FRAMED_OVERSIZE, 0, 0},
    {"crlf", BYTES("0123456789a\r\n"), FRAMED_OVERSIZE, 0, 0},
    {"nul", BYTES("\0"), FRAMED_OK, 0, 0},
    {"nul", BYTES("a\r\n\0"), FRAMED_OK, 0, 3},
    {"nul", BYTES("0123456789"), FRAMED_NEED_MORE, 11, 0},
    {"nul", BYTES("0123456789a"), FRAMED_OVERSIZE, 0, 0},
};

START_TEST(test_decode_cases)
{
    struct framed_framing framing = framing_of(cases[_i].name, 10);
    struct framed_frame frame = {0};

    ck_assert_int_eq(decode_once(&framing, cases[_i].bytes, cases[_i].length, &frame),
                     cases[_i].verdict);
    if (cases[_i].verdict == FRAMED_OK) {
        ck_assert_uint_eq(frame.payload, cases[_i].payload);
        ck_assert_uint_eq(frame.length, cases[_i].size);
    } else {
        ck_assert_uint_eq(frame.need, cases[_i].payload);
    }
}
END_TEST

/* Above the largest max_message, too, nothing that a header claims is believed. */
START_TEST(test_claims_above_every_limit)
{
    struct framed_framing u32be = framing_of("u32be", FRAMED_MESSAGE_LIMIT);
    struct framed_framing u64be = framing_of("u64be", FRAMED_MESSAGE_LIMIT);
    struct framed_framing netstring = framing_of("netstring", FRAMED_MESSAGE_LIMIT);
    struct framed_frame frame = {0};

    ck_assert_int_eq(decode_once(&u32be, BYTES("\x40\0\0\1"), &frame), FRAMED_OVERSIZE);
    ck_assert_int_eq(decode_once(&u64be, BYTES("\0\0\0\0\x40\0\0\1"), &frame), FRAMED_OVERSIZE);
    ck_assert_int_eq(decode_once(&netstring, BYTES("1073741825"), &frame), FRAMED_OVERSIZE);
    ck_assert_uint_eq(frame.need, 0);
    ck_assert_int_eq(decode_once(&u32be, BYTES("\x40\0\0\0"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, FRAMED_MESSAGE_LIMIT + 4);
    ck_assert_int_eq(decode_once(&u64be, BYTES("\0\0\0\0\x40\0\0\0"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, FRAMED_MESSAGE_LIMIT + 8);
    ck_assert_int_eq(decode_once(&netstring, BYTES("1073741824"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, FRAMED_MESSAGE_LIMIT + AROUND_MAX);
}
END_TEST

/* Bytes that were searched are not searched again: a delimiter put there later is not seen. */
START_TEST(test_scan_is_linear)
{
    struct framed_decoder decoder = {0};
    struct framed_framing framing = framing_of("line", 100);
    struct framed_frame frame;

    ck_assert_int_eq(decode_copy(&framing, &decoder, BYTES("abcd"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(decoder.scanned, 4);
    ck_assert_int_eq(decode_copy(&framing, &decoder, BYTES("a\ncde\n"), &frame), FRAMED_OK);
    ck_assert_uint_eq(frame.length, 5);
}
END_TEST

START_TEST(test_unencodable)
{
    static const struct {
        const char *name;
        const uint8_t *bytes;
        size_t length;
    } refused[] = {
        {"line", BYTES("a\nb")}, {"line", BYTES("\n")},     {"line", BYTES("a\n")},
        {"line", BYTES("a\r")},  {"line", BYTES("\r")},     {"line", BYTES("a\r\n")},
        {"crlf", BYTES("\r\n")}, {"crlf", BYTES("a\r\nb")}, {"crlf", BYTES("\r\r\n")},
        {"nul", BYTES("\0")},    {"nul", BYTES("a\0")},     {"nul", BYTES("\0b")},
    };
    struct framed_envelope untouched;
    struct framed_envelope envelope;

    memset(&untouched, 0x5a, sizeof(untouched));
    envelope = untouched;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct framed_framing framing = framing_of(refused[i].name, 10);

        ck_assert_int_eq(framed_encode(&framing, refused[i].bytes, refused[i].length, &envelope),
                         FRAMED_UNENCODABLE);
        ck_assert_mem_eq(&envelope, &untouched, sizeof(envelope));
    }
}
END_TEST

/* The CR of CR LF may stand alone or come last: the delimiter is found where it was written. */
START_TEST(test_half_a_delimiter_is_payload)
{
    struct framed_framing framing = framing_of("crlf", 10);
    uint8_t wire[10 + AROUND_MAX];

    check_every_cut(&framing, wire, write_frame(&framing, BYTES("a\r"), wire), BYTES("a\r"));
    check_every_cut(&framing, wire, write_frame(&framing, BYTES("\n\r"), wire), BYTES("\n\r"));
    check_every_cut(&framing, wire, write_frame(&framing, BYTES("\r\r"), wire), BYTES("\r\r"));
}
END_TEST

static int preset_count(void)
{
    int count = 0;

    while (framed_presets()[count].name)
        count++;
    return count;
}

static Suite *framing_suite(void)
{
    Suite *suite = suite_create("framing");
    TCase *presets = tcase_create("every preset");
    TCase *edges = tcase_create("edges");

    tcase_add_loop_test(presets, test_identity_at_every_cut, 0, preset_count());
    tcase_add_loop_test(presets, test_messages_back_to_back, 0, preset_count());
    tcase_add_loop_test(presets, test_max_message, 0, preset_count());
    suite_add_tcase(suite, presets);

    tcase_add_loop_test(edges, test_decode_cases, 0, (int)COUNT(cases));
    tcase_add_test(edges, test_field_limits);
    tcase_add_test(edges, test_claims_above_every_limit);
    tcase_add_test(edges, test_scan_is_linear);
    tcase_add_test(edges, test_unencodable);
    tcase_add_test(edges, test_half_a_delimiter_is_payload);
    suite_add_tcase(suite, edges);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(framing_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
