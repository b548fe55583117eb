/* Byte order: the bytes that come out are those of the order, at every alignment. */
#include <framed/byteorder.h>

#include "unit.h"

#include <check.h>

/* Room for eight bytes at each of eight alignments, with a guard on both sides. */
#define ROOM 24
#define GUARD 0xa5

#define TEST_PAIR(bits, order, number, ...)                                                        \
    START_TEST(test_u##bits##order)                                                                \
    {                                                                                              \
        static const uint8_t expected[] = {__VA_ARGS__};                                           \
        uint8_t room[ROOM];                                                                        \
                                                                                                   \
        for (size_t at = 1; at <= 8; at++) {                                                       \
            memset(room, GUARD, sizeof(room));                                                     \
            framed_put_u##bits##order(room + at, number);                                          \
            ck_assert_mem_eq(room + at, expected, sizeof(expected));                               \
            ck_assert_uint_eq(room[at - 1], GUARD);                                                \
            ck_assert_uint_eq(room[at + sizeof(expected)], GUARD);                                 \
            ck_assert_uint_eq(framed_get_u##bits##order(room + at), number);                       \
        }                                                                                          \
    }                                                                                              \
    END_TEST

TEST_PAIR(16, be, 0x8102U, 0x81, 0x02)
TEST_PAIR(16, le, 0x8102U, 0x02, 0x81)
TEST_PAIR(32, be, 0x81020304U, 0x81, 0x02, 0x03, 0x04)
TEST_PAIR(32, le, 0x81020304U, 0x04, 0x03, 0x02, 0x81)
TEST_PAIR(64, be, 0x8102030405060708U, 0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08)
TEST_PAIR(64, le, 0x8102030405060708U, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x81)

static Suite *byteorder_suite(void)
{
    Suite *suite = suite_create("byteorder");
    TCase *tcase = tcase_create("pairs");

    tcase_add_test(tcase, test_u16be);
    tcase_add_test(tcase, test_u16le);
    tcase_add_test(tcase, test_u32be);
    tcase_add_test(tcase, test_u32le);
    tcase_add_test(tcase, test_u64be);
    tcase_add_test(tcase, test_u64le);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_run(byteorder_suite());
}
