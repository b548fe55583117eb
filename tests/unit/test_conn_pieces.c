/* Messages that a connection puts in pieces: what is sent when, and what stays behind. */
#include "conn_rig.h"

#define LARGE ((size_t)64 * 1024)

static void expect_sunk(const char *text)
{
    ck_assert_uint_eq(rig.sunk, strlen(text));
    ck_assert_mem_eq(rig.sink, text, strlen(text));
}

static void put_pieces(const char *const *pieces, size_t announced)
{
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, announced), 0);
    for (; *pieces; pieces++)
        ck_assert_int_eq(framed_conn_put_piece(&rig.conn, *pieces, strlen(*pieces)), 0);
    ck_assert_int_eq(framed_conn_put_end(&rig.conn), 0);
}
#define PUT_PIECES(announced, ...) put_pieces((const char *const[]){__VA_ARGS__, NULL}, (announced))

START_TEST(small_pieces_leave_together)
{
    use_framing("netstring", 100);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "one", 3), 0);
    PUT_PIECES(6, "a", "bc", "", "def");
    PUT_PIECES(0, "");
    ck_assert_int_eq(framed_conn_put(&rig.conn, "two", 3), 0);
    ck_assert_int_eq(rig.sends, 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_int_eq(rig.sends, 1);
    expect_sunk("3:one,6:abcdef,0:,3:two,");
    ck_assert_uint_eq(rig.conn.bytes_out, 24);
}
END_TEST

START_TEST(large_pieces_are_not_kept)
{
    uint8_t *piece = pattern(LARGE, 1);
    size_t total = 16 * LARGE;

    use_framing("u32be", 1000); /* which does not bound it */
    ck_assert_int_eq(framed_conn_put(&rig.conn, "one", 3), 0);
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, total), 0);
    ck_assert(framed_conn_begun(&rig.conn));
    for (int i = 0; i < 16; i++) {
        ck_assert_int_eq(framed_conn_put_piece(&rig.conn, piece, LARGE), 0);
        ck_assert_int_eq(rig.sends, i + 1);
        ck_assert_uint_eq(framed_conn_queued(&rig.conn), 0);
    }
    ck_assert_int_eq(framed_conn_put_end(&rig.conn), 0);
    ck_assert(!framed_conn_begun(&rig.conn));
    ck_assert_uint_eq(rig.conn.output.size, FRAMED_CONN_OUTPUT_SIZE);
    ck_assert_uint_eq(rig.sunk, 7 + 4 + total);
    ck_assert_uint_eq(rig.conn.bytes_out, rig.sunk);
    ck_assert_mem_eq(rig.sink, "\0\0\0\3one\0\x10\0\0", 11);
    for (size_t i = 0; i < 16; i++)
        ck_assert_mem_eq(rig.sink + 11 + i * LARGE, piece, LARGE);
    free(piece);
}
END_TEST

START_TEST(each_piece_is_a_fragment_or_more)
{
    use_framing("chunked:(u8),last=\\0,fragment=8", 100);
    PUT_PIECES(FRAMED_LENGTH_UNKNOWN, "abcdefghij", "k");
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, 15);
    ck_assert_mem_eq(rig.sink, "\10abcdefgh\2ij\1k\0", 15);
}
END_TEST

START_TEST(last_fragment_is_marked)
{
    use_framing("chunked:(length:be2,mask=0x7fff),last_bit=0x80", 100);
    PUT_PIECES(4, "abc", "d");
    PUT_PIECES(FRAMED_LENGTH_UNKNOWN, "abc", "d");
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, 18);
    ck_assert_mem_eq(rig.sink, "\0\3abc\x80\1d\0\3abc\0\1d\x80\0", 18);
}
END_TEST

START_TEST(one_at_a_time)
{
    use_framing("u8", 100);
    ck_assert_int_eq(framed_conn_put_piece(&rig.conn, "a", 1), -EPROTO);
    ck_assert_int_eq(framed_conn_put_end(&rig.conn), -EPROTO);
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, FRAMED_LENGTH_UNKNOWN), -ENOTSUP);
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, 256), FRAMED_OVERSIZE);
    ck_assert(!framed_conn_begun(&rig.conn));
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, 2), 0);
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, 2), -EBUSY);
    ck_assert_int_eq(framed_conn_put_end(&rig.conn), FRAMED_UNDERSIZE);
    ck_assert_int_eq(framed_conn_put_piece(&rig.conn, "abc", 3), FRAMED_OVERSIZE);
    ck_assert(framed_conn_begun(&rig.conn));
    framed_conn_attach(&rig.conn, -1);
    ck_assert_msg(!framed_conn_begun(&rig.conn), "another connection");
}
END_TEST

START_TEST(faults_are_told)
{
    uint8_t *piece = pattern(LARGE, 1);

    use_framing("u32be", 100);
    ck_assert_int_eq(framed_conn_put_begin(&rig.conn, 2 * LARGE), 0);
    rig.cut = 1000;
    rig.interrupt = true;
    ck_assert_int_eq(framed_conn_put_piece(&rig.conn, piece, LARGE), 0);
    rig.interrupt = false;
    rig.send_error = EPIPE;
    ck_assert_int_eq(framed_conn_put_piece(&rig.conn, piece, LARGE), -EPIPE);
    ck_assert(framed_conn_begun(&rig.conn));
    ck_assert_uint_eq(rig.conn.bytes_out, 4 + LARGE);
    free(piece);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conn, pieces");
    TCase *tcase = tcase_create("pieces");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, small_pieces_leave_together);
    tcase_add_test(tcase, large_pieces_are_not_kept);
    tcase_add_test(tcase, each_piece_is_a_fragment_or_more);
    tcase_add_test(tcase, last_fragment_is_marked);
    tcase_add_test(tcase, one_at_a_time);
    tcase_add_test(tcase, faults_are_told);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
