/* The table that an old framed leaves to a new one: what one writes the other reads, and nothing
 * else is believed. */
#include "master/handover.h"

#include "unit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD "framed-handover=1\0"
#define LISTENER "entry=listener\0fd=7\0key=k\0text=t\0"
#define END "end\0"

/* A string literal with its NULs, but for the last one. */
#define BYTES(text) (text), sizeof(text) - 1

static void expect_refused(const char *data, size_t size, const char *told)
{
    struct handover table = {0};
    char error[512] = "";

    ck_assert_int_eq(handover_decode(data, size, &table, error, sizeof(error)), -EINVAL);
    ck_assert_msg(strstr(error, told) != NULL, "\"%s\" does not tell \"%s\"", error, told);
    ck_assert_ptr_null(table.entries);
    ck_assert_ptr_null(table.data);
}

static void make_table(struct handover *table)
{
    const struct handover_entry entries[] = {
        {.kind = HANDOVER_LISTENER,
         .fd = 7,
         .device = UINT64_MAX,
         .inode = 12,
         .key = "echo/0/tcp:127.0.0.1:0",
         .text = "unix:/tmp/a=b\n\xff"},
        {.kind = HANDOVER_CONTROL, .fd = 8, .text = "unix:/run/c"},
        {.kind = HANDOVER_PID_FILE, .fd = 9, .text = ""},
        {.kind = HANDOVER_POOL, .value = 16, .drained = 1, .key = "echo"},
    };

    *table = (struct handover){0};
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(handover_add(table, &entries[i]), 0);
}

static void check_table(const struct handover *read)
{
    struct handover made;

    make_table(&made);
    ck_assert_uint_eq(read->count, made.count);
    for (size_t i = 0; i < made.count; i++) {
        const struct handover_entry *a = &made.entries[i], *b = &read->entries[i];

        ck_assert_int_eq(a->kind, b->kind);
        ck_assert_uint_eq(a->fd, b->fd);
        ck_assert_uint_eq(a->device, b->device);
        ck_assert_uint_eq(a->inode, b->inode);
        ck_assert_uint_eq(a->value, b->value);
        ck_assert_uint_eq(a->drained, b->drained);
        ck_assert_pstr_eq(a->key, b->key);
        ck_assert_pstr_eq(a->text, b->text);
    }
    handover_free(&made);
}

START_TEST(what_was_written_is_read)
{
    struct handover table, read;
    char error[512];
    int fd;

    make_table(&table);
    fd = handover_write(&table);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(handover_read(fd, &read, error, sizeof(error)), 0);
    check_table(&read);
    handover_free(&read);
    handover_free(&table);
    close(fd);
}
END_TEST

/* Wherever it is cut, and whatever a byte of it becomes: refused, or read; never worse. */
START_TEST(damage_is_no_harm)
{
    struct handover table, read;
    char error[512];
    size_t size;
    char *data, *copy;

    make_table(&table);
    data = handover_encode(&table, &size);
    ck_assert_ptr_nonnull(data);
    for (size_t length = 0; length < size; length++) {
        copy = malloc(length);
        ck_assert(copy || length == 0);
        if (length)
            memcpy(copy, data, length);
        expect_refused(copy, length, "found");
        free(copy);
    }
    for (size_t i = 0; i < size; i++)
        for (int byte = 0; byte < 256; byte += 5) {
            char was = data[i];

            data[i] = (char)byte;
            if (handover_decode(data, size, &read, error, sizeof(error)) == 0)
                handover_free(&read);
            data[i] = was;
        }
    free(data);
    handover_free(&table);
}
END_TEST

START_TEST(what_is_wrong_is_told)
{
    expect_refused(BYTES("framed-handover=2\0" LISTENER END), "no table");
    expect_refused(BYTES(HEAD LISTENER "end"), "no table");
    expect_refused(BYTES(HEAD LISTENER), "cut");
    expect_refused(BYTES(HEAD LISTENER END "fd=8\0"), "cut");
    expect_refused(BYTES(HEAD "entry=lamp\0" END), "\"lamp\"");
    expect_refused(BYTES(HEAD "entry=listener\0fd=x\0" END), "fd=NUMBER");
    expect_refused(BYTES(HEAD "entry=listener\0fd=-1\0" END), "fd=NUMBER");
    expect_refused(BYTES(HEAD "entry=listener\0fd=99999999999999999999\0" END), "fd=NUMBER");
    expect_refused(BYTES(HEAD "entry=listener\0fd=2\0key=k\0text=t\0" END), "entry 1 (listener)");
    expect_refused(BYTES(HEAD "entry=listener\0fd=4294967299\0key=k\0text=t\0" END), "entry 1");
    expect_refused(BYTES(HEAD "entry=listener\0fd=7\0text=t\0" END), "entry 1");
    expect_refused(BYTES(HEAD LISTENER "entry=control\0fd=7\0" END), "entry 2 (control)");
    expect_refused(BYTES(HEAD "entry=pool\0value=1\0" END), "entry 1 (pool)");
}
END_TEST

/* From a version that says more than we know. */
START_TEST(unknown_fields_are_passed_over)
{
    struct handover read;
    char error[512];

    ck_assert_int_eq(handover_decode(BYTES(HEAD "since=noon\0" LISTENER "colour=red\0fd\0" END),
                                     &read, error, sizeof(error)),
                     0);
    ck_assert_uint_eq(read.count, 1);
    ck_assert_uint_eq(read.entries[0].fd, 7);
    ck_assert_str_eq(read.entries[0].key, "k");
    handover_free(&read);
}
END_TEST

START_TEST(too_large_or_no_file)
{
    struct handover read;
    char error[512];
    int ends[2];
    int fd = memfd_create("large", MFD_CLOEXEC);

    ck_assert_int_eq(ftruncate(fd, (off_t)HANDOVER_SIZE_MAX + 1), 0);
    ck_assert_int_eq(handover_read(fd, &read, error, sizeof(error)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "at most"));
    close(fd);
    ck_assert_int_eq(handover_read(fd, &read, error, sizeof(error)), -EINVAL);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(handover_read(ends[0], &read, error, sizeof(error)), -EINVAL);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(the_environment)
{
    static const char *const bad[] = {"",    "7",    "7,",  "7,8,", "a,8",  "7,8 ",         "1,8",
                                      "7,2", "-7,8", "7;8", "7 8",  "7,8x", "7,99999999999"};
    char error[512];
    int table, channel;

    unsetenv(HANDOVER_VARIABLE);
    ck_assert_int_eq(handover_find(&table, &channel, error, sizeof(error)), 0);
    setenv(HANDOVER_VARIABLE, "7,8", 1);
    ck_assert_int_eq(handover_find(&table, &channel, error, sizeof(error)), 1);
    ck_assert_int_eq(table, 7);
    ck_assert_int_eq(channel, 8);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setenv(HANDOVER_VARIABLE, bad[i], 1);
        ck_assert_msg(handover_find(&table, &channel, error, sizeof(error)) == -EINVAL, "\"%s\"",
                      bad[i]);
        ck_assert_ptr_nonnull(strstr(error, HANDOVER_VARIABLE));
    }
}
END_TEST

START_TEST(words_on_the_channel)
{
    char message[HANDOVER_MESSAGE_MAX];
    char *rest = malloc(2 * HANDOVER_MESSAGE_MAX);
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(handover_hear(ends[1], message), -EAGAIN);
    ck_assert_int_eq(handover_say(ends[0], HANDOVER_FAILED, "two words"), 0);
    ck_assert_int_eq(handover_say(ends[0], HANDOVER_GO, ""), 0);
    ck_assert_int_gt(handover_hear(ends[1], message), 0);
    ck_assert_str_eq(handover_rest(message, HANDOVER_FAILED), "two words");
    ck_assert_ptr_null(handover_rest(message, HANDOVER_GO));
    ck_assert_ptr_null(handover_rest(message, "fail"));
    ck_assert_int_gt(handover_hear(ends[1], message), 0);
    ck_assert_str_eq(handover_rest(message, HANDOVER_GO), "");
    /* What is longer is cut. */
    memset(rest, 'x', 2 * HANDOVER_MESSAGE_MAX);
    rest[2 * HANDOVER_MESSAGE_MAX - 1] = '\0';
    ck_assert_int_eq(handover_say(ends[0], HANDOVER_FAILED, rest), 0);
    ck_assert_int_eq(handover_hear(ends[1], message), HANDOVER_MESSAGE_MAX - 1);
    close(ends[0]);
    ck_assert_int_eq(handover_hear(ends[1], message), 0);
    ck_assert_int_lt(handover_say(ends[1], HANDOVER_GO, ""), 0);
    close(ends[1]);
    free(rest);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handover");
    TCase *tests = tcase_create("handover");

    tcase_add_test(tests, what_was_written_is_read);
    tcase_add_test(tests, damage_is_no_harm);
    tcase_add_test(tests, what_is_wrong_is_told);
    tcase_add_test(tests, unknown_fields_are_passed_over);
    tcase_add_test(tests, too_large_or_no_file);
    tcase_add_test(tests, the_environment);
    tcase_add_test(tests, words_on_the_channel);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
