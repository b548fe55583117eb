/* The message connection: batches, cuts at any byte, large messages, what memory they take. */
#include "conn_rig.h"

#include <framed/byteorder.h>

START_TEST(test_batch)
{
    struct framed_message message;
    uint8_t frames[100 * 8];
    uint8_t replies[sizeof(frames) + 1];
    int count = 0;

    use_framing("u32be", 1000);
    use_sockets();
    for (uint32_t i = 0; i < 100; i++) {
        framed_put_u32be(frames + (size_t)i * 8, 4);
        framed_put_u32be(frames + (size_t)i * 8 + 4, i);
    }
    ck_assert_int_eq(write(rig.peer, frames, sizeof(frames)), sizeof(frames));
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), sizeof(frames));
    while (framed_conn_next(&rig.conn, &message) == FRAMED_OK) {
        ck_assert_int_eq(framed_get_u32be(message.data), count);
        ck_assert_int_eq(framed_conn_put(&rig.conn, message.data, message.length), 0);
        count++;
    }
    ck_assert_int_eq(count, 100);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), sizeof(frames));
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0); /* nothing waits: no call */
    ck_assert_int_eq(rig.receives, 1);
    ck_assert_int_eq(rig.sends, 1);
    ck_assert_int_eq(rig.parts, 1);
    ck_assert_int_eq(read(rig.peer, replies, sizeof(replies)), sizeof(frames));
    ck_assert_mem_eq(replies, frames, sizeof(frames));
    ck_assert_uint_eq(rig.conn.bytes_in, sizeof(frames));
    ck_assert_uint_eq(rig.conn.bytes_out, sizeof(frames));
}
END_TEST

START_TEST(test_byte_at_a_time)
{
    static const char stream[] = "2:ab,0:,10:0123456789,";
    static const struct {
        size_t end;
        const char *payload;
    } expected[] = {{5, "ab"}, {8, ""}, {22, "0123456789"}};
    struct framed_message message;
    size_t next = 0;

    use_framing("netstring", 100);
    use_source(stream, sizeof(stream) - 1);
    rig.cut = 1;
    for (size_t i = 1; i < sizeof(stream); i++) {
        size_t start = next ? expected[next - 1].end : 0;

        ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
        ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 1);
        ck_assert_uint_eq(framed_conn_unread(&rig.conn), i - start);
        if (i < expected[next].end)
            continue;
        expect_message(expected[next].payload, strlen(expected[next].payload));
        ck_assert_uint_eq(framed_conn_unread(&rig.conn), 0);
        next++;
    }
    ck_assert_uint_eq(next, COUNT(expected));
    ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 0);
}
END_TEST

/* At the end of the stream, what is unread tells a client that is done from one that broke off. */
START_TEST(test_end)
{
    static const uint8_t stream[] = {0, 0, 0, 3, 'a', 'b', 'c', 0, 0, 0, 0};
    struct framed_message message;
    size_t whole = _i >= 11 ? 11 : _i >= 7 ? 7 : 0;

    use_framing("u32be", 1000);
    use_source(stream, (size_t)_i);
    while (framed_conn_fill(&rig.conn, 0) > 0)
        while (framed_conn_next(&rig.conn, &message) == FRAMED_OK)
            ;
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), (size_t)_i - whole);
    ck_assert_int_eq(framed_conn_end(&rig.conn, &message),
                     (size_t)_i == whole ? FRAMED_END : FRAMED_TRUNCATED);
}
END_TEST

static const char *const framings[] = {
    "u16be", "u32le", "u64be", "netstring", "line", "crlf", "nul",
    /* in fragments */
    "chunked:(u32be),last=\\0\\0\\0\\0", "chunked:(u16be),last=\\0\\0,fragment=20000",
    "chunked:(length:be1,mask=0x7f),last_bit=0x80"};

/* Whatever was put comes out again, with the cuts and the interruptions of both ways. */
START_TEST(test_any_cut)
{
    static const size_t lengths[] = {0,    1,  2,     100, 5000, 16383, 16384, 3,
                                     9000, 17, 65535, 0,   4096, 12,    30000, 64000};
    static const size_t cuts[] = {1, 3, 1000, 16384, 40000, 0};
    uint8_t *data = pattern(65535, 1);

    use_framing(framings[_i], 65535);
    for (size_t c = 0; c < COUNT(cuts); c++) {
        rig.cut = cuts[c];
        rig.interrupt = c % 2 == 0;
        rig.sunk = 0;
        framed_conn_attach(&rig.conn, -1);
        for (size_t i = 0; i < COUNT(lengths); i++)
            ck_assert_int_eq(framed_conn_put(&rig.conn, data + 65535 - lengths[i], lengths[i]), 0);
        ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
        ck_assert_uint_eq(rig.conn.bytes_out, rig.sunk);
        use_source(rig.sink, rig.sunk);
        for (size_t i = 0; i < COUNT(lengths); i++)
            expect_message(data + 65535 - lengths[i], lengths[i]);
        ck_assert_uint_eq(framed_conn_unread(&rig.conn) + rig.source_length, 0);
        ck_assert_uint_le(rig.conn.input.size, (size_t)65535 + FRAMED_HEAD_MAX + FRAMED_TAIL_MAX);
    }
    free(data);
}
END_TEST

START_TEST(test_larger_than_buffer)
{
    uint8_t *data = pattern(MIB, 2);
    const uint8_t *buffer;

    use_framing("u32be", MIB);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "small", 5), 0);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(framed_conn_put(&rig.conn, data, MIB), 0);
    use_source(rig.sink, rig.sunk);
    rig.cut = 50000;
    expect_message("small", 5);
    expect_message(data, MIB);
    /* It has grown to what one message takes, no more, and stays for the next one. */
    ck_assert_uint_eq(rig.conn.input.size, MIB + 4);
    buffer = rig.conn.input.data;
    expect_message(data, MIB);
    expect_message(data, MIB);
    ck_assert_ptr_eq(rig.conn.input.data, buffer);
    ck_assert_uint_eq(rig.conn.input.size, MIB + 4);
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, 100), 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    use_source(rig.sink + rig.sunk - 104, 104);
    rig.cut = 50;
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 50);
    framed_conn_trim(&rig.conn); /* not amid a message */
    ck_assert_uint_eq(rig.conn.input.size, MIB + 4);
    expect_message(data, 100);
    framed_conn_trim(&rig.conn);
    ck_assert_uint_eq(rig.conn.input.size, FRAMED_CONN_INPUT_SIZE);
    framed_conn_trim(&rig.conn);
    framed_conn_attach(&rig.conn, -1);
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 0);
    free(data);
}
END_TEST

START_TEST(test_claimed_length)
{
    uint8_t *stream = calloc(1, MIB);
    struct framed_message message;

    use_framing("u32be", FRAMED_MESSAGE_LIMIT);
    framed_put_u32be(stream, FRAMED_MESSAGE_LIMIT);
    use_source(stream, MIB);
    for (rig.cut = 4; rig.conn.bytes_in < 10000; rig.cut = 1000) {
        ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), rig.cut);
        ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
        ck_assert_uint_eq(rig.conn.input.size, FRAMED_CONN_INPUT_SIZE);
    }
    while (framed_conn_fill(&rig.conn, 0) > 0) {
        ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
        ck_assert_uint_le(rig.conn.input.size, 8 * rig.conn.bytes_in + FRAMED_CONN_INPUT_SIZE);
    }
    free(stream);
}
END_TEST

START_TEST(test_claimed_too_much)
{
    static const uint8_t stream[] = {0xff, 0xff, 0xff, 0xff, 'x'};
    struct framed_message message;

    use_framing("u32be", FRAMED_MESSAGE_LIMIT);
    use_source(stream, sizeof(stream));
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), sizeof(stream));
    ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_OVERSIZE);
    ck_assert_uint_eq(rig.conn.input.size, FRAMED_CONN_INPUT_SIZE);
    /* For the log: what was it? */
    ck_assert_mem_eq(rig.conn.input.data + rig.conn.input.start, stream, sizeof(stream));
}
END_TEST

/* Messages that nobody takes while more is read are kept, all of them, in order. */
START_TEST(test_untaken)
{
    uint8_t *data = pattern(1000, 3);

    use_framing("u16be", 1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_int_eq(framed_conn_put(&rig.conn, data, i), 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    use_source(rig.sink, rig.sunk);
    rig.cut = 700;
    for (size_t i = 0; i < 1000; i++) {
        expect_message(data, i);
        ck_assert_int_ge(framed_conn_fill(&rig.conn, 0), 0);
    }
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 0);
    free(data);
}
END_TEST

START_TEST(test_output_full)
{
    uint8_t *data = pattern(1000, 4);

    use_framing("u16be", 1000);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(framed_conn_put(&rig.conn, data, 1000), 0);
        ck_assert_uint_le(framed_conn_queued(&rig.conn), FRAMED_CONN_OUTPUT_SIZE);
    }
    ck_assert_int_eq(rig.sends, 1);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_int_eq(rig.sends, 2);
    ck_assert_uint_eq(rig.sunk, (size_t)100 * 1002);
    free(data);
}
END_TEST

START_TEST(test_uncopied)
{
    uint8_t *data = pattern(MIB, 5);

    use_framing("netstring", MIB);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "first", 5), 0);
    ck_assert_int_eq(rig.sends, 0);
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, MIB), 0);
    ck_assert_int_eq(rig.sends, 1); /* together with what waited */
    ck_assert_int_eq(rig.parts, 4);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 0);
    ck_assert_mem_eq(rig.sink, "5:first,1048576:", 16);
    ck_assert_mem_eq(rig.sink + 16, data, MIB);
    ck_assert_mem_eq(rig.sink + 16 + MIB, ",", 1);
    ck_assert_uint_eq(rig.sunk, 17 + MIB);
    free(data);
}
END_TEST

START_TEST(test_raw)
{
    uint8_t *data = pattern(70000, 8);

    use_framing("u8", 100);
    ck_assert_int_eq(framed_conn_put_raw(&rig.conn, "hi\n", 3), 0);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "ab", 2), 0);
    ck_assert_int_eq(framed_conn_put_raw(&rig.conn, NULL, 0), 0);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 6);
    ck_assert_int_eq(framed_conn_put_raw(&rig.conn, data, 70000), 0);
    ck_assert_uint_eq(rig.sunk, 70006);
    ck_assert_mem_eq(rig.sink, "hi\n\2ab", 6);
    ck_assert_mem_eq(rig.sink + 6, data, 70000);
    free(data);
}
END_TEST

START_TEST(test_refused)
{
    uint8_t *data = pattern(300, 6);

    use_framing("u8", 1000);
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, 300), FRAMED_OVERSIZE);
    use_framing("line", 1000);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "a\nb", 3), FRAMED_UNENCODABLE);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 0);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "ab", 2), 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, 3);
    ck_assert_mem_eq(rig.sink, "ab\n", 3);
    free(data);
}
END_TEST

START_TEST(test_detach)
{
    struct framed_conn zeroed = {0};
    struct framed_message message;
    int fd;

    use_framing("line", 1000);
    use_sockets();
    fd = rig.conn.fd;
    ck_assert_int_eq(write(rig.peer, "part", 4), 4);
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 4);
    ck_assert_int_eq(framed_conn_next(&rig.conn, &message), FRAMED_NEED_MORE);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "x", 1), 0);
    ck_assert_int_eq(framed_conn_detach(&rig.conn), fd);
    ck_assert_int_eq(rig.conn.fd, -1);
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 0);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 0);
    /* The next client gets nothing of the last one. */
    framed_conn_attach(&rig.conn, fd);
    ck_assert_int_eq(write(rig.peer, "a\n", 2), 2);
    expect_message("a", 1);
    framed_conn_deinit(&zeroed);
}
END_TEST

static Suite *conn_suite(void)
{
    Suite *suite = suite_create("conn");
    TCase *tcase = tcase_create("conn");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_batch);
    tcase_add_test(tcase, test_byte_at_a_time);
    tcase_add_loop_test(tcase, test_end, 0, 12);
    tcase_add_loop_test(tcase, test_any_cut, 0, (int)COUNT(framings));
    tcase_add_test(tcase, test_larger_than_buffer);
    tcase_add_test(tcase, test_claimed_length);
    tcase_add_test(tcase, test_claimed_too_much);
    tcase_add_test(tcase, test_untaken);
    tcase_add_test(tcase, test_output_full);
    tcase_add_test(tcase, test_uncopied);
    tcase_add_test(tcase, test_raw);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_detach);
    tcase_set_timeout(tcase, 60); /* slow under a memory checker */
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(conn_suite());
}
