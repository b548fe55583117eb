/* The records of the codec `record`: heads, and what a handler may write, cut anywhere. */
#include "handler/record/wire.h"
#include "unit.h"

#include <framed/byteorder.h>

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define MAX 5000

static struct wire_record record;
static const char *reason;

/* RECORD as bytes, with its body of LENGTH bytes. */
static size_t write_record(uint8_t *bytes, struct wire_record wire, size_t length)
{
    wire.length = length;
    wire_put_head(&wire, bytes);
    for (size_t i = 0; i < length; i++)
        bytes[WIRE_HEAD + i] = (uint8_t)i;
    return WIRE_HEAD + length;
}

START_TEST(head_is_as_the_manual_says)
{
    static const uint8_t wanted[WIRE_HEAD] = {0, 0, 0, 14, 19, 1, 0, 7, 0, 0, 1, 2, 0, 3, 4, 5};
    uint8_t head[WIRE_HEAD];

    wire_put_head(&(struct wire_record){.type = WIRE_REPLY,
                                        .flags = WIRE_MORE,
                                        .status = 7,
                                        .connection = 258,
                                        .request = 0x30405,
                                        .length = 2},
                  head);
    ck_assert_mem_eq(head, wanted, WIRE_HEAD);
    ck_assert_int_eq(WIRE_STOP, 6);
    ck_assert_int_eq(WIRE_LOG, 22);
}
END_TEST

/* Nothing but the whole record will do, and what follows it does not matter. */
START_TEST(every_cut_needs_more)
{
    uint8_t bytes[2 * (WIRE_HEAD + 300)];
    size_t size = write_record(
        bytes, (struct wire_record){.type = WIRE_REPLY, .connection = 5, .request = 6}, 300);

    write_record(bytes + size, (struct wire_record){.type = WIRE_READY}, 0);
    for (size_t cut = 0; cut < size; cut++)
        ck_assert_int_eq(wire_parse(bytes, cut, MAX, &record, &reason), 0);
    for (size_t cut = size; cut <= size + WIRE_HEAD; cut++) {
        ck_assert_int_eq(wire_parse(bytes, cut, MAX, &record, &reason), (ssize_t)size);
        ck_assert_uint_eq(record.type, WIRE_REPLY);
        ck_assert_uint_eq(record.connection, 5);
        ck_assert_uint_eq(record.request, 6);
        ck_assert_uint_eq(record.length, 300);
        ck_assert_ptr_eq(record.body, bytes + WIRE_HEAD);
    }
}
END_TEST

static const struct {
    struct wire_record wire;
    size_t length;
    bool good;
} shapes[] = {
    {{.type = WIRE_READY}, 0, true},
    {{.type = WIRE_READY}, 1, false},
    {{.type = WIRE_READY, .connection = 1}, 0, false},
    {{.type = WIRE_FAILED}, 4096, true},
    {{.type = WIRE_FAILED}, 4097, false},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1}, 0, true},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1, .flags = WIRE_MORE}, MAX, true},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1}, MAX + 1, false},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1, .status = 9}, 3, true},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1, .status = 9, .flags = WIRE_MORE},
     3,
     false},
    {{.type = WIRE_REPLY, .connection = 1, .request = 1, .flags = 2}, 0, false},
    {{.type = WIRE_REPLY, .connection = 1}, 0, false},
    {{.type = WIRE_REPLY, .request = 1}, 0, false},
    {{.type = WIRE_PUSH, .connection = 1}, MAX, true},
    {{.type = WIRE_PUSH, .connection = 1}, MAX + 1, false},
    {{.type = WIRE_PUSH, .connection = 1, .request = 1}, 0, false},
    {{.type = WIRE_PUSH, .connection = 1, .status = 1}, 0, false},
    {{.type = WIRE_HANGUP, .connection = 1}, 0, true},
    {{.type = WIRE_HANGUP, .connection = 1}, 1, false},
    {{.type = WIRE_HANGUP}, 0, false},
    {{.type = WIRE_LOG, .status = 3}, 100, true},
    {{.type = WIRE_LOG, .flags = 1}, 100, false},
    {{.type = WIRE_MESSAGE, .connection = 1, .request = 1}, 0, false},
    {{.type = 0}, 0, false},
    {{.type = WIRE_TYPE_COUNT}, 0, false},
    {{.type = 255}, 0, false},
};

/* What is wrong is wrong as soon as the head is there. */
START_TEST(shape_is_checked)
{
    static uint8_t bytes[WIRE_HEAD + MAX + 1];
    size_t size = write_record(bytes, shapes[_i].wire, shapes[_i].length);
    ssize_t wanted = shapes[_i].good ? (ssize_t)size : -EPROTO;

    ck_assert_int_eq(wire_parse(bytes, size, MAX, &record, &reason), wanted);
    ck_assert_int_eq(wire_parse(bytes, WIRE_HEAD, MAX, &record, &reason),
                     shapes[_i].good && shapes[_i].length > 0 ? 0 : wanted);
}
END_TEST

/* A claim of much, or of less than a head, waits for nothing and allocates nothing. */
START_TEST(length_is_checked_at_once)
{
    static const uint8_t short_one[] = {0, 0, 0, 11};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff};

    ck_assert_int_eq(wire_parse(short_one, 4, MAX, &record, &reason), -EPROTO);
    ck_assert_int_eq(wire_parse(huge, 4, MAX, &record, &reason), -EPROTO);
    ck_assert_int_eq(wire_parse((const uint8_t *)"Hello", 5, MAX, &record, &reason), -EPROTO);
    /* A text may be larger than a reply. */
    ck_assert_int_eq(wire_parse((const uint8_t[]){0, 0, 0x10, 0x0c}, 4, 10, &record, &reason), 0);
}
END_TEST

/* Any bytes: no more than there are is looked at, and what is found fits. */
START_TEST(random_bytes_are_survived)
{
    unsigned seed = 1;

    for (int round = 0; round < 50000; round++) {
        size_t length = (size_t)rand_r(&seed) % 64;
        uint8_t *bytes = malloc(length + 1);
        ssize_t size;

        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(i < 3 ? 0 : rand_r(&seed) % (i == 4 ? 24 : i < 16 ? 20 : 256));
        size = wire_parse(bytes, length, MAX, &record, &reason);
        ck_assert_int_ge(size, -EPROTO);
        ck_assert_int_le(size, (ssize_t)length);
        if (size > 0)
            ck_assert_uint_eq(record.length + WIRE_HEAD, (size_t)size);
        free(bytes);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record_wire");
    TCase *tcase = tcase_create("record_wire");

    tcase_add_test(tcase, head_is_as_the_manual_says);
    tcase_add_test(tcase, every_cut_needs_more);
    tcase_add_loop_test(tcase, shape_is_checked, 0, (int)(sizeof(shapes) / sizeof(shapes[0])));
    tcase_add_test(tcase, length_is_checked_at_once);
    tcase_add_test(tcase, random_bytes_are_survived);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
