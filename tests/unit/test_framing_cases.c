/* Framing by example: streams of bytes and what they come to, payloads and why they are refused. */
#include "framings.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

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
    {"netstring", BYTES("1"), FRAMED_NEED_MORE, 2, 0},
    {"netstring", BYTES("10"), FRAMED_NEED_MORE, 3, 0},
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
    {"u24be", BYTES("\0\0\2yz"), FRAMED_OK, 3, 2},
    {"u24le", BYTES("\2\0\0yz"), FRAMED_OK, 3, 2},
    {"i32be", BYTES("\xff\xff\xff\xff"), FRAMED_MALFORMED, 0, 0},
    {"i32be", BYTES("\0\0\0\1z"), FRAMED_OK, 4, 1},
    {"u32be,zero=reject", BYTES("\0\0\0\0"), FRAMED_UNDERSIZE, 0, 0},
    {"u32be,min=2", BYTES("\0\0\0\1z"), FRAMED_UNDERSIZE, 0, 0},
    {"u32be,zero=skip", BYTES("\0\0\0\0"), FRAMED_SKIP, 0, 0},
    {"length:be2,counts=frame", BYTES("\0\1"), FRAMED_UNDERSIZE, 0, 0},
    {"length:be2,counts=frame", BYTES("\0\3z"), FRAMED_OK, 2, 1},
    {"length:be2,offset=1,strip=none", BYTES("A\0\2yz"), FRAMED_OK, 0, 5},
    {"length:be2,offset=1,adjust=-2,strip=payload", BYTES("A\0\3z"), FRAMED_OK, 3, 1},
    {"length:be1,unit=4", BYTES("\2abcdefgh"), FRAMED_OK, 1, 8},
    {"length:be1,unit=4", BYTES("\3"), FRAMED_OVERSIZE, 0, 0},
    {"length:be1,mask=0x0f", BYTES("\xf1z"), FRAMED_OK, 1, 1},
    {"length:be1,adjust=250", BYTES("\xff"), FRAMED_OVERSIZE, 0, 0},
    {"octet-count", BYTES("2 ab"), FRAMED_OK, 2, 2},
    {"octet-count", BYTES("02 ab"), FRAMED_MALFORMED, 0, 0},
    {"octet-count", BYTES("<13>"), FRAMED_MALFORMED, 0, 0},
    {"ascii5", BYTES("00005hello"), FRAMED_OK, 5, 5},
    {"ascii5", BYTES("    5hello"), FRAMED_MALFORMED, 0, 0},
    {"ascii5", BYTES("+0005hello"), FRAMED_MALFORMED, 0, 0},
    {"ascii5", BYTES("5hell"), FRAMED_MALFORMED, 0, 0},
    {"ascii5", BYTES("00011"), FRAMED_OVERSIZE, 0, 0},
    {"hex4", BYTES("000Aabcdefghij"), FRAMED_OK, 4, 10},
    {"hex4", BYTES("000g"), FRAMED_MALFORMED, 0, 0},
    {"pkt-line", BYTES("0000"), FRAMED_OK, 0, 4},
    {"pkt-line", BYTES("0002"), FRAMED_OK, 0, 4},
    {"pkt-line", BYTES("0003"), FRAMED_UNDERSIZE, 0, 0},
    {"pkt-line", BYTES("0004"), FRAMED_OK, 0, 4},
    {"pkt-line", BYTES("0006a\n"), FRAMED_OK, 0, 6},
    {"varint", BYTES("\x01z"), FRAMED_OK, 1, 1},
    {"varint", BYTES("\x81"), FRAMED_NEED_MORE, 2, 0},
    {"varint", BYTES("\x81\x00z"), FRAMED_OK, 2, 1},
    {"varint", BYTES("\x8b\x00"), FRAMED_OVERSIZE, 0, 0},
    {"varint", BYTES("\xff\xff\xff\xff\xff\x01"), FRAMED_MALFORMED, 0, 0},
    {"mqtt", BYTES("\xe0\x00"), FRAMED_OK, 0, 2},
    {"mqtt", BYTES("\x30\xff\xff\xff\xff"), FRAMED_MALFORMED, 0, 0},
    {"tpkt", BYTES("\3\0\0\6ab"), FRAMED_OK, 4, 2},
    {"tpkt", BYTES("\4\0"), FRAMED_BAD_MAGIC, 0, 0},
    {"tpkt", BYTES("\3\0\0\3"), FRAMED_UNDERSIZE, 0, 0},
    {"ber", BYTES("\x30\x80"), FRAMED_MALFORMED, 0, 0},
    {"ber", BYTES("\x30\x02zz"), FRAMED_OK, 0, 4},
    {"ber", BYTES("\x30\x81\x02zz"), FRAMED_OK, 0, 5},
    {"ber", BYTES("\x1f\x81\x01\x01z"), FRAMED_OK, 0, 5},
    {"ber", BYTES("\x30\x81"), FRAMED_NEED_MORE, 3, 0},
    {"amqp,first=(u8)", BYTES("\x01z"), FRAMED_OK, 1, 1},
    {"length:be1,trailer=\xce", BYTES("\1z\xcd"), FRAMED_BAD_TRAILER, 0, 0},
    {"zabbix", BYTES("ZBXE"), FRAMED_BAD_MAGIC, 0, 0},
    {"fixed:3", BYTES("ab"), FRAMED_NEED_MORE, 3, 0},
    {"fixed:3", BYTES("abcd"), FRAMED_OK, 0, 3},
    {"blank-line", BYTES("a=b\n\nc"), FRAMED_OK, 0, 3},
    {"blank-line", BYTES("a=b\r\n\r\n"), FRAMED_OK, 0, 3},
    {"delimited:a,or=ba", BYTES("xba"), FRAMED_OK, 0, 1},
    {"line,zero=skip", BYTES("\r\n"), FRAMED_SKIP, 0, 0},
    {"typed:A=(fixed:5),B=(u8,offset=1,strip=none)", BYTES("Ahell"), FRAMED_OK, 0, 5},
    {"typed:A=(fixed:5),B=(u8,offset=1,strip=none)", BYTES("B\1z"), FRAMED_OK, 0, 3},
    {"typed:A=(fixed:5),B=(u8,offset=1,strip=none)", BYTES("C"), FRAMED_BAD_TYPE, 0, 0},
    {"typed:at=2,0x30-0x39=(fixed:4)", BYTES("ab"), FRAMED_NEED_MORE, 3, 0},
    {"syslog", BYTES("<13>x\n"), FRAMED_OK, 0, 5},
    {"syslog", BYTES("5 <13>x"), FRAMED_OK, 2, 5},
    {"syslog", BYTES("x"), FRAMED_BAD_TYPE, 0, 0},
    {"sunrpc", BYTES("\x80\0\0\2ab"), FRAMED_OK, 4, 2},
    {"sunrpc", BYTES("\0\0\0\2ab"), FRAMED_FRAGMENT, 4, 2},
    {"sunrpc", BYTES("\x80\0\0\x0b"), FRAMED_OVERSIZE, 0, 0},
    {"netconf-chunked", BYTES("\n#2\nab"), FRAMED_FRAGMENT, 4, 2},
    {"netconf-chunked", BYTES("\n#"), FRAMED_NEED_MORE, 3, 0},
    {"eof", BYTES("hello"), FRAMED_NEED_MORE, 6, 0},
    {"eof", BYTES("hello world"), FRAMED_OVERSIZE, 0, 0},
};

START_TEST(test_decode_cases)
{
    const struct framed_framing *framing = framing_of(cases[_i].name, 10);
    struct framed_frame frame = {0};
    int verdict = decode_once(framing, cases[_i].bytes, cases[_i].length, &frame);

    ck_assert_msg(verdict == cases[_i].verdict, "%s (case %d): %s, not %s", cases[_i].name, _i,
                  framed_verdict_word(verdict), framed_verdict_word(cases[_i].verdict));
    if (verdict == FRAMED_OK || verdict == FRAMED_FRAGMENT) {
        ck_assert_uint_eq(frame.payload, cases[_i].payload);
        ck_assert_uint_eq(frame.length, cases[_i].size);
    } else if (verdict == FRAMED_NEED_MORE) {
        ck_assert_uint_eq(frame.need, cases[_i].payload);
    }
}
END_TEST

/* A stream and what it ends with: messages (each with a bar behind it), then a verdict. */
static const struct {
    const char *name;
    const uint8_t *bytes;
    size_t length;
    const char *messages;
    int verdict;
    size_t oversize;
} streams[] = {
    {"line", BYTES("a\nb\n"), "a|b|", FRAMED_END, 0},
    {"line", BYTES("a\nb"), "a|", FRAMED_TRUNCATED, 0},
    {"line,eof=yes", BYTES("a\nb"), "a|b|", FRAMED_END, 0},
    {"line,eof=yes", BYTES("a\n"), "a|", FRAMED_END, 0},
    {"line,oversize=discard", BYTES("a\n0123456789abcdef\nb\n"), "a|b|", FRAMED_END, 1},
    {"line,oversize=discard", BYTES("0123456789abcdef\n0123456789abcdef\nb\n"), "b|", FRAMED_END,
     2},
    {"line,oversize=discard", BYTES("0123456789abcdef"), "", FRAMED_END, 1},
    {"line,zero=skip", BYTES("\n\na\n\n"), "a|", FRAMED_END, 0},
    {"u8", BYTES("\2ab\3c"), "ab|", FRAMED_TRUNCATED, 0},
    {"eof", BYTES("all"), "all|", FRAMED_END, 0},
    {"eof", BYTES(""), "", FRAMED_END, 0},
    {"sunrpc", BYTES("\0\0\0\2ab\0\0\0\1c\x80\0\0\1d\x80\0\0\1e"), "abcd|e|", FRAMED_END, 0},
    {"sunrpc", BYTES("\0\0\0\2ab"), "", FRAMED_TRUNCATED, 0},
    {"sunrpc",
     BYTES("\0\0\0\x06"
           "abcdef\x80\0\0\5"),
     "", FRAMED_OVERSIZE, 0},
    {"netconf-chunked", BYTES("\n#2\nab\n#1\nc\n##\n\n#1\nd\n##\n"), "abc|d|", FRAMED_END, 0},
    {"line,first=(fixed:3)", BYTES("\n\n\na\n"), "\n\n\n|a|", FRAMED_END, 0},
};

START_TEST(test_streams)
{
    const struct framed_framing *framing = framing_of(streams[_i].name, 10);
    static struct seen seen;
    char messages[256];
    size_t end = 0;
    size_t at = 0;

    read_stream(framing, streams[_i].bytes, streams[_i].length, cut_everywhere, NULL, &seen);
    for (size_t i = 0; i < seen.count; i++) {
        memcpy(messages + end, seen.bytes + at, seen.length[i]);
        at += seen.length[i];
        end += seen.length[i];
        messages[end++] = '|';
    }
    messages[end] = '\0';
    ck_assert_msg(seen.verdict == streams[_i].verdict, "%s (stream %d): %s", streams[_i].name, _i,
                  framed_verdict_word(seen.verdict));
    ck_assert_str_eq(messages, streams[_i].messages);
    ck_assert_uint_eq(seen.oversize, streams[_i].oversize);
}
END_TEST

START_TEST(test_unencodable)
{
    static const struct {
        const char *name;
        const uint8_t *bytes;
        size_t length;
        int verdict;
    } refused[] = {
        {"line", BYTES("a\nb"), FRAMED_UNENCODABLE},
        {"line", BYTES("\n"), FRAMED_UNENCODABLE},
        {"line", BYTES("a\r"), FRAMED_UNENCODABLE},
        {"line", BYTES("a\r\n"), FRAMED_UNENCODABLE},
        {"crlf", BYTES("\r\n"), FRAMED_UNENCODABLE},
        {"crlf", BYTES("a\r\nb"), FRAMED_UNENCODABLE},
        {"nul", BYTES("a\0"), FRAMED_UNENCODABLE},
        {"blank-line", BYTES("a\n"), FRAMED_UNENCODABLE},
        {"netconf", BYTES("a]]>"), FRAMED_UNENCODABLE},
        {"fixed:3", BYTES("ab"), FRAMED_UNDERSIZE},
        {"pkt-line", BYTES("0006a"), FRAMED_UNENCODABLE},
        {"pkt-line", BYTES("0005a0005b"), FRAMED_UNENCODABLE},
        {"mqtt", BYTES("\x30"), FRAMED_UNENCODABLE},
        {"u8,zero=reject", BYTES(""), FRAMED_UNDERSIZE},
        {"u8,min=2", BYTES("a"), FRAMED_UNDERSIZE},
        {"u8", BYTES("0123456789a"), FRAMED_OVERSIZE},
        {"syslog", BYTES("x"), FRAMED_UNENCODABLE},
    };

    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct framed_framing *framing = framing_of(refused[i].name, 10);
        struct framed_envelope envelope;
        int verdict = framed_encode(framing, refused[i].bytes, refused[i].length, false, &envelope);

        ck_assert_msg(verdict == refused[i].verdict, "%s (%zu): %s", refused[i].name, i,
                      framed_verdict_word(verdict));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("framing, cases");
    TCase *tcase = tcase_create("cases");

    tcase_add_checked_fixture(tcase, NULL, framings_free);
    tcase_add_loop_test(tcase, test_decode_cases, 0, (int)COUNT(cases));
    tcase_add_loop_test(tcase, test_streams, 0, (int)COUNT(streams));
    tcase_add_test(tcase, test_unencodable);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
