/* The message connection with framings whose messages are not one frame each: fragments, frames to
 * be dropped, and streams whose end means something. */
#include "conn_rig.h"

#include <stdio.h>

#define FRAGMENTS "chunked:(length:be1,mask=0x7f),last_bit=0x80"

static void use_text(const char *stream)
{
    use_source(stream, strlen(stream));
}

/* Reads to the end of the stream, and compares what there is: messages, and verdicts as "!word". */
static void expect_all(const char *const *expected)
{
    struct framed_message message;

    for (;;) {
        int verdict = framed_conn_next(&rig.conn, &message);
        char found[64] = "";

        if (verdict == FRAMED_NEED_MORE) {
            if (framed_conn_fill(&rig.conn, 0) > 0)
                continue;
            verdict = framed_conn_end(&rig.conn, &message);
        }
        if (verdict != FRAMED_OK)
            snprintf(found, sizeof(found), "!%s", framed_verdict_word(verdict));
        else
            memcpy(found, message.data, message.length);
        ck_assert_ptr_nonnull(*expected);
        ck_assert_str_eq(found, *expected++);
        if (verdict != FRAMED_OK && verdict != FRAMED_OVERSIZE)
            break;
    }
    ck_assert_ptr_null(*expected);
}

static const struct {
    const char *framing;
    const char *stream;
    const char *expected[8];
} streams[] = {
    {FRAGMENTS,
     "\x01"
     "a"
     "\x02"
     "bc"
     "\x81"
     "d"
     "\x82"
     "ef",
     {"abcd", "ef", "!end"}},
    {FRAGMENTS,
     "\x03"
     "abc"
     "\x80"
     "\x85"
     "01234",
     {"abc", "01234", "!end"}},
    {FRAGMENTS,
     "\x03"
     "abc",
     {"!truncated"}},
    {FRAGMENTS,
     "\x81"
     "a"
     "\x03"
     "ab",
     {"a", "!truncated"}},
    {"chunked:(length:be2,trailer=;;),last=zz", "zz", {"", "!end"}},
    {"line,oversize=discard", "ab\n0123456789ABCDEF\ncd\n", {"ab", "!oversize", "cd", "!end"}},
    {"line,oversize=discard", "0123456789\n0123456789A\n", {"0123456789", "!oversize", "!end"}},
    {"crlf,oversize=discard",
     "0123456789ABC\r\r\nab\r\n01234567890123456\r\n\r\n",
     {"!oversize", "ab", "!oversize", "", "!end"}},
    {"line,eof=yes", "ab\ncd", {"ab", "cd", "!end"}},
    {"line,eof=yes", "ab\n", {"ab", "!end"}},
    {"line", "ab\ncd", {"ab", "!truncated"}},
    {"ascii5,zero=skip", "0000000002ab000000000000001c0000x", {"ab", "c", "!malformed"}},
    {"hex4,zero=skip", "000000000002ab00000001c0000", {"ab", "c", "!end"}},
    {"eof", "0123456789", {"0123456789", "!end"}},
    {"eof", "", {"!end"}},
};

/* The same whatever arrives at a time. */
START_TEST(test_streams)
{
    for (size_t cut = 0; cut < 12; cut++) {
        use_framing(streams[_i].framing, 10);
        framed_conn_attach(&rig.conn, -1);
        rig.cut = cut;
        use_text(streams[_i].stream);
        expect_all(streams[_i].expected);
    }
}
END_TEST

START_TEST(test_sum)
{
    struct framed_message message;

    use_framing(FRAGMENTS, 10);
    use_text("\x06"
             "abcdef"
             "\x85");
    rig.cut = 7;
    while (framed_conn_next(&rig.conn, &message) == FRAMED_NEED_MORE)
        ck_assert_int_gt(framed_conn_fill(&rig.conn, 0), 0);
    /* As soon as it is known: the second fragment's bytes are not there yet. */
    ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_OVERSIZE);
}
END_TEST

/* The parts lie together at once, so that the buffer holds the message and no more. */
START_TEST(test_unread)
{
    struct framed_message message;

    use_framing(FRAGMENTS, 10);
    use_text("\x03"
             "abc"
             "\x02"
             "de"
             "\x81"
             "f");
    rig.cut = 8;
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 8);
    ck_assert(!framed_conn_ready(&rig.conn));
    ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 6);
    ck_assert_mem_eq(rig.conn.input.data + rig.conn.input.start, "abcde", 5);
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 1);
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 7);
    for (int i = 0; i < 3; i++)
        ck_assert(framed_conn_ready(&rig.conn));
    expect_message("abcdef", 6);
    ck_assert(!framed_conn_ready(&rig.conn));
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 0);
}
END_TEST

START_TEST(test_put)
{
    uint8_t *data = pattern(300, 1);

    use_framing(FRAGMENTS, 1000);
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, 300), 0);
    ck_assert_int_eq(rig.sends, 0); /* they wait together */
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, 303);
    ck_assert_uint_eq(rig.sink[0], 127);
    ck_assert_mem_eq(rig.sink + 1, data, 127);
    ck_assert_uint_eq(rig.sink[128], 127);
    ck_assert_mem_eq(rig.sink + 129, data + 127, 127);
    ck_assert_uint_eq(rig.sink[256], 0x80 | 46);
    ck_assert_mem_eq(rig.sink + 257, data + 254, 46);
    free(data);
}
END_TEST

/* Large fragments are not copied. */
START_TEST(test_put_uncopied)
{
    uint8_t *data = pattern(MIB, 2);

    use_framing("chunked:(u16be),last=\\0\\0", MIB);
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, MIB), 0);
    ck_assert_int_eq(rig.sends, 16);
    ck_assert_uint_eq(rig.conn.output.size, FRAMED_CONN_OUTPUT_SIZE);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, MIB + (size_t)17 * 2 + 2);
    use_source(rig.sink, rig.sunk);
    expect_message(data, MIB);
    free(data);
}
END_TEST

/* The last fragment cannot be written: then none is. */
START_TEST(test_put_refused)
{
    use_framing("chunked:(u8,min=4),last=\\0,fragment=10", 100);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "0123456789AB", 12), FRAMED_UNDERSIZE);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 0);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "0123456789ABCD", 14), 0);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 17);
}
END_TEST

static Suite *conn_fragments_suite(void)
{
    Suite *suite = suite_create("conn-fragments");
    TCase *tcase = tcase_create("conn-fragments");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_streams, 0, (int)COUNT(streams));
    tcase_add_test(tcase, test_sum);
    tcase_add_test(tcase, test_unread);
    tcase_add_test(tcase, test_put);
    tcase_add_test(tcase, test_put_uncopied);
    tcase_add_test(tcase, test_put_refused);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(conn_fragments_suite());
}
