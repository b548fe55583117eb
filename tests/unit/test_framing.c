/*
 * Framing: what is written is read again for every cut of the stream, every limit holds to the
 * byte, and each kind of error is told as what it is.
 */
#include "framings.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MESSAGE_MAX 60

/* What a preset's handler sees, where that is not just any bytes: two messages of each. */
static const struct {
    const char *name;
    const uint8_t *bytes;
    size_t length;
} whole_frames[] = {
    {"pkt-line", BYTES("000ahello\n")},
    {"pkt-line", BYTES("0000")},
    {"mqtt", BYTES("\x30\x05"
                   "hello")},
    {"mqtt", BYTES("\xe0\x00")},
    {"postgres", BYTES("Q\0\0\0\x0dselect 1\0")},
    {"postgres", BYTES("S\0\0\0\x04")},
    {"ber", BYTES("\x30\x03\x02\x01\x05")},
    {"ber", BYTES("\x04\x00")},
    {"memcached", BYTES("\x80\x0a\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")},
    {"memcached", BYTES("\x80\x00\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0k")},
    {"fastcgi", BYTES("\1\1\0\1\0\2\1\0ab!")},
    {"fastcgi", BYTES("\1\4\0\1\0\0\0\0")},
    {"amqp", BYTES("\1\0\0\0\0\0\2ab\xce")},
    {"amqp", BYTES("\x08\0\0\0\0\0\0\xce")},
    {"zabbix", BYTES("ZBXD\1\2\0\0\0\0\0\0\0ab")},
    {"zabbix", BYTES("ZBXD\1\0\0\0\0\0\0\0\0")},
    {"uwsgi", BYTES("\5\2\0\1ab")},
    {"uwsgi", BYTES("\5\0\0\1")},
    {"mysql", BYTES("\2\0\0\0ab")},
    {"mysql", BYTES("\0\0\0\1")},
    {"x11", BYTES("\1\0\2\0abcd")},
    {"x11", BYTES("\1\0\1\0")},
    {"syslog", BYTES("<13>l1")},
    {"syslog", BYTES("1 l2")},
    {"socks", BYTES("\5\1\0\1\x7f\0\0\1\0\x50")},
    {"socks", BYTES("\5\1\0\3\4host\0\x50")},
};

static const struct {
    const uint8_t *bytes;
    size_t length;
} any_payloads[] = {
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
    {BYTES("]]>]]")},
    {BYTES("\n#")},
    {BYTES("\x80\x80\x80")},
    {BYTES("")},
};

/* Reads WIRE, cut once at each place and at every one: always the messages of BYTES. */
static void check_every_cut(const struct framed_framing *framing, const uint8_t *wire, size_t size,
                            const uint8_t *bytes, const size_t *lengths, size_t count)
{
    static struct seen seen;
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        total += lengths[i];
    for (size_t place = 0; place <= size + 1; place++) {
        if (place <= size)
            read_stream(framing, wire, size, cut_once, &place, &seen);
        else
            read_stream(framing, wire, size, cut_everywhere, NULL, &seen);
        ck_assert_int_eq(seen.verdict, FRAMED_END);
        ck_assert_uint_eq(seen.count, count);
        ck_assert_mem_eq(seen.length, lengths, count * sizeof(*lengths));
        ck_assert_mem_eq(seen.bytes, bytes, total);
    }
}

/* The payloads that the framing takes, one after the other; how many. */
static size_t write_all(const struct framed_framing *framing, const char *name, uint8_t *wire,
                        size_t *size, uint8_t *bytes, size_t *lengths)
{
    bool one = framed_framing_ends_stream(framing);
    bool any = true;
    size_t count = 0;
    size_t end = 0;
    size_t written;

    *size = 0;
    for (size_t i = 0; i < COUNT(whole_frames); i++)
        any = any && strcmp(whole_frames[i].name, name) != 0;
    for (size_t i = 0; i < (any ? COUNT(any_payloads) : COUNT(whole_frames)); i++) {
        const uint8_t *payload = any ? any_payloads[i].bytes : whole_frames[i].bytes;
        size_t length = any ? any_payloads[i].length : whole_frames[i].length;

        if ((!any && strcmp(whole_frames[i].name, name) != 0) || (one && count > 0))
            continue;
        if (encode_message(framing, payload, length, wire + *size, &written) != FRAMED_OK) {
            ck_assert_msg(any, "%s refuses a frame of its own (%zu)", name, i);
            continue;
        }
        memcpy(bytes + end, payload, length);
        lengths[count++] = length;
        end += length;
        *size += written;
    }
    return count;
}

START_TEST(test_every_preset_reads_what_it_wrote)
{
    const char *name = framed_presets()[_i].name;
    const struct framed_framing *framing = framing_of(name, MESSAGE_MAX);
    static uint8_t wire[COUNT(any_payloads) * WIRE_SIZE(MESSAGE_MAX)];
    uint8_t bytes[COUNT(any_payloads) * MESSAGE_MAX];
    size_t lengths[COUNT(any_payloads)];
    size_t size;
    size_t count = write_all(framing, name, wire, &size, bytes, lengths);

    ck_assert_msg(count > 1 || framed_framing_ends_stream(framing), "%s takes %zu messages", name,
                  count);
    if (!framed_framing_first(framing))
        check_every_cut(framing, wire, size, bytes, lengths, count);
}
END_TEST

/* LENGTH bytes pass both ways through the framing with max_message MAX. */
static bool passes(const char *name, size_t max, size_t length)
{
    const struct framed_framing *framing = framing_of(name, max);
    uint8_t *payload = malloc(length + 1);
    uint8_t *wire = malloc(WIRE_SIZE(length));
    struct framed_frame frame;
    size_t size;
    int verdict;

    ck_assert(payload && wire);
    memset(payload, 'x', length);
    verdict = encode_message(framing, payload, length, wire, &size);
    if (verdict == FRAMED_OK) {
        ck_assert_int_eq(decode_once(framing, wire, size, &frame), FRAMED_OK);
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
    static const char *const names[] = {"u8",          "u32be",  "u64le", "netstring",
                                        "octet-count", "ascii5", "hex4",  "varint",
                                        "line",        "crlf",   "nul",   "blank-line"};
    const char *name = names[_i];
    const struct framed_framing *wide = framing_of(name, 11);
    const struct framed_framing *narrow = framing_of(name, 10);
    uint8_t wire[WIRE_SIZE(11)];
    struct framed_frame frame;
    size_t size;

    ck_assert_int_eq(encode_message(wide, (const uint8_t *)"abcdefghijk", 11, wire, &size),
                     FRAMED_OK);
    ck_assert(passes(name, 10, 10));
    ck_assert(!passes(name, 10, 11));
    ck_assert(passes(name, 1, 1) && !passes(name, 1, 2));
    ck_assert_int_eq(decode_once(narrow, wire, size, &frame), FRAMED_OVERSIZE);
}
END_TEST

START_TEST(test_field_limits)
{
    ck_assert(passes("u8", 1000, 255) && !passes("u8", 1000, 256));
    ck_assert(passes("u16be", 1 << 20, 65535) && !passes("u16be", 1 << 20, 65536));
    ck_assert(passes("u16le", 1 << 20, 65535) && !passes("u16le", 1 << 20, 65536));
    ck_assert(passes("u24be", 1 << 25, (1 << 24) - 1) && !passes("u24be", 1 << 25, 1 << 24));
    ck_assert(passes("u32be", 1 << 20, 1 << 20) && !passes("u32be", 1 << 20, (1 << 20) + 1));
    ck_assert(passes("ascii4", 1 << 20, 9999) && !passes("ascii4", 1 << 20, 10000));
    ck_assert(passes("hex4", 1 << 20, 65535) && !passes("hex4", 1 << 20, 65536));
    ck_assert(passes("length:varint2", 1 << 20, 16383) &&
              !passes("length:varint2", 1 << 20, 16384));
    ck_assert(passes("length:be1,signed=yes", 1000, 127));
    ck_assert(!passes("length:be1,signed=yes", 1000, 128));
    ck_assert(passes("tpkt", 1 << 20, 65531) && !passes("tpkt", 1 << 20, 65532));
}
END_TEST

/* Above the largest max_message, too, nothing that a header claims is believed. */
START_TEST(test_claims_above_every_limit)
{
    const struct framed_framing *u32be = framing_of("u32be", FRAMED_MESSAGE_LIMIT);
    const struct framed_framing *u64be = framing_of("u64be", FRAMED_MESSAGE_LIMIT);
    const struct framed_framing *netstring = framing_of("netstring", FRAMED_MESSAGE_LIMIT);
    struct framed_frame frame = {0};

    ck_assert_int_eq(decode_once(u32be, BYTES("\x40\0\0\1"), &frame), FRAMED_OVERSIZE);
    ck_assert_int_eq(decode_once(u64be, BYTES("\0\0\0\0\x40\0\0\1"), &frame), FRAMED_OVERSIZE);
    ck_assert_int_eq(decode_once(netstring, BYTES("1073741825"), &frame), FRAMED_OVERSIZE);
    ck_assert_int_eq(decode_once(u32be, BYTES("\x40\0\0\0"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, FRAMED_MESSAGE_LIMIT + 4);
    ck_assert_int_eq(decode_once(u64be, BYTES("\0\0\0\0\x40\0\0\0"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, FRAMED_MESSAGE_LIMIT + 8);
    ck_assert_int_eq(decode_once(netstring, BYTES("1073741824"), &frame), FRAMED_NEED_MORE);
    ck_assert_uint_eq(frame.need, 11);
}
END_TEST

/* Bytes that were searched are not searched again: a delimiter put there later is not seen. */
START_TEST(test_scan_is_linear)
{
    struct framed_decoder decoder = {0};
    const struct framed_framing *framing = framing_of("line", 100);
    struct framed_frame frame;

    ck_assert_int_eq(decode_copy(framing, &decoder, BYTES("abcd"), &frame), FRAMED_NEED_MORE);
    ck_assert_int_eq(decode_copy(framing, &decoder, BYTES("a\ncde\n"), &frame), FRAMED_OK);
    ck_assert_uint_eq(frame.length, 5);
}
END_TEST

START_TEST(test_guesses)
{
    static const struct {
        const uint8_t *bytes;
        size_t length;
        const char *like;
    } guesses[] = {
        {BYTES("GET / HTTP/1.1\r\n"), "HTTP"},
        {BYTES("POST /x HTTP/1.1\r\n"), "HTTP"},
        {BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "TLS"},
        {BYTES("SSH-2.0-OpenSSH_9.2\r\n"), "SSH"},
        {BYTES("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n"), "PROXY"},
        {BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11"), "PROXY"},
    };

    for (size_t i = 0; i < COUNT(guesses); i++) {
        const char *like = framed_guess(guesses[i].bytes, guesses[i].length);

        ck_assert_msg(like && strstr(like, guesses[i].like), "%s: %s", guesses[i].like,
                      like ? like : "nothing");
    }
    ck_assert_ptr_null(framed_guess(BYTES("\0\0\0\5hello")));
    ck_assert_ptr_null(framed_guess(BYTES("")));
}
END_TEST

static int preset_count(void)
{
    int count = 0;

    while (framed_presets()[count].name)
        count++;
    return count;
}

int main(void)
{
    Suite *suite = suite_create("framing");
    TCase *presets = tcase_create("every preset");
    TCase *edges = tcase_create("edges");

    tcase_add_checked_fixture(presets, NULL, framings_free);
    tcase_add_loop_test(presets, test_every_preset_reads_what_it_wrote, 0, preset_count());
    suite_add_tcase(suite, presets);

    tcase_add_checked_fixture(edges, NULL, framings_free);
    tcase_add_loop_test(edges, test_max_message, 0, 12);
    tcase_add_test(edges, test_field_limits);
    tcase_add_test(edges, test_claims_above_every_limit);
    tcase_add_test(edges, test_scan_is_linear);
    tcase_add_test(edges, test_guesses);
    suite_add_tcase(suite, edges);
    return unit_run(suite);
}
