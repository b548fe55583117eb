/* Connections that take turns with one set of buffers: each goes on where it was, whatever came
 * between. */
#include "unit.h"

#include <framed/conn.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SPEAKERS 3
#define LARGE ((size_t)1024 * 1024)

/* One of them: what is sent to it, and what has come of that, as "message," or "!verdict,". */
struct speaker {
    int ours;
    int theirs;
    const char *stream;
    size_t said;
    char heard[256];
    struct framed_parked parked;
};

static struct framed_framing *framing;
static struct framed_conn conn;
static struct speaker speakers[SPEAKERS];

static void begin(const char *text)
{
    char error[256];

    ck_assert_msg(framed_framing_parse(text, NULL, &framing, error, sizeof(error)) == 0, "%s: %s",
                  text, error);
    framed_framing_set_max(framing, 4 * LARGE);
    ck_assert_int_eq(framed_conn_init(&conn, framing, framing), 0);
    for (size_t i = 0; i < SPEAKERS; i++) {
        int ends[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        speakers[i] = (struct speaker){.ours = ends[0], .theirs = ends[1]};
    }
}

static void end(void)
{
    for (size_t i = 0; i < SPEAKERS; i++) {
        framed_parked_free(&speakers[i].parked);
        close(speakers[i].ours);
        close(speakers[i].theirs);
    }
    framed_conn_deinit(&conn);
    framed_framing_free(framing);
}

/* Takes its turn: all that has arrived. */
static void listen_to(struct speaker *speaker)
{
    struct framed_message message;
    int verdict;

    framed_conn_unpark(&conn, speaker->ours, &speaker->parked);
    ck_assert_ptr_null(speaker->parked.unread.data);
    while (framed_conn_fill(&conn, MSG_DONTWAIT) > 0)
        while ((verdict = framed_conn_next(&conn, &message)) != FRAMED_NEED_MORE) {
            size_t length = strlen(speaker->heard);

            if (verdict != FRAMED_OK)
                snprintf(speaker->heard + length, sizeof(speaker->heard) - length, "!%s,",
                         framed_verdict_word(verdict));
            else
                snprintf(speaker->heard + length, sizeof(speaker->heard) - length, "%.*s,",
                         (int)message.length, (const char *)message.data);
            ck_assert(verdict == FRAMED_OK || verdict == FRAMED_OVERSIZE);
        }
    ck_assert_int_eq(framed_conn_park(&conn, &speaker->parked), 0);
    ck_assert_int_eq(conn.fd, -1);
}

static const struct {
    const char *framing;
    const char *streams[SPEAKERS];
    const char *heard[SPEAKERS];
} talks[] = {
    {"line", {"one\ntwo\n", "a\n\nbc\n", "123456\n"}, {"one,two,", "a,,bc,", "123456,"}},
    {"netstring", {"3:one,3:two,", "0:,5:hello,", "1:x,"}, {"one,two,", ",hello,", "x,"}},
    {"chunked:(length:be1,mask=0x7f),last_bit=0x80",
     {"\x01"
      "a\x02"
      "bc\x81"
      "d",
      "\x81"
      "x\x03"
      "yyy\x80",
      "\x01"
      "1\x01"
      "2\x01"
      "3\x84"
      "4567"},
     {"abcd,", "x,yyy,", "1234567,"}},
};

/* Each says STEP bytes in its turn. */
static void talk(size_t which, size_t step)
{
    bool silent = false;

    begin(talks[which].framing);
    while (!silent) {
        silent = true;
        for (size_t i = 0; i < SPEAKERS; i++) {
            struct speaker *speaker = &speakers[i];
            const char *stream = talks[which].streams[i];
            size_t left = strlen(stream) - speaker->said;
            size_t some = left < step ? left : step;

            if (some > 0)
                ck_assert_int_eq(send(speaker->theirs, stream + speaker->said, some, 0), some);
            speaker->said += some;
            silent = silent && some == 0;
            listen_to(speaker);
        }
    }
    for (size_t i = 0; i < SPEAKERS; i++)
        ck_assert_str_eq(speakers[i].heard, talks[which].heard[i]);
    end();
}

START_TEST(each_goes_on_where_it_was)
{
    for (size_t which = 0; which < sizeof(talks) / sizeof(talks[0]); which++)
        for (size_t step = 1; step < 8; step++)
            talk(which, step);
}
END_TEST

/* What they keep between turns is what they have sent, and no buffer. */
START_TEST(silence_costs_nothing)
{
    begin("u32be");
    listen_to(&speakers[0]);
    ck_assert_ptr_null(speakers[0].parked.unread.data);
    ck_assert_int_eq(send(speakers[0].theirs, "\0\0\0\5ab", 6, 0), 6);
    listen_to(&speakers[0]);
    ck_assert_uint_eq(speakers[0].parked.unread.size, 6);
    ck_assert_int_eq(send(speakers[0].theirs, "cde", 3, 0), 3);
    listen_to(&speakers[0]);
    ck_assert_ptr_null(speakers[0].parked.unread.data);
    ck_assert_str_eq(speakers[0].heard, "abcde,");
    end();
}
END_TEST

/* Large messages that grow side by side, each in the buffer that it takes along. */
START_TEST(large_messages_grow_side_by_side)
{
    static uint8_t all[LARGE];
    struct framed_message message;
    size_t said[SPEAKERS] = {0};
    size_t whole = 0;

    begin("u32be");
    for (size_t i = 0; i < LARGE; i++)
        all[i] = (uint8_t)(i * 31 + i / 977);
    memcpy(all, "\0\x0f\xff\xfc", 4); /* LARGE - 4 */
    while (whole < SPEAKERS)
        for (size_t i = 0; i < SPEAKERS; i++) {
            struct speaker *speaker = &speakers[i];
            ssize_t some = said[i] == LARGE ? 0
                                            : send(speaker->theirs, all + said[i], LARGE - said[i],
                                                   MSG_DONTWAIT);

            said[i] += some > 0 ? (size_t)some : 0;
            framed_conn_unpark(&conn, speaker->ours, &speaker->parked);
            while (framed_conn_fill(&conn, MSG_DONTWAIT) > 0)
                while (framed_conn_next(&conn, &message) == FRAMED_OK) {
                    ck_assert_uint_eq(message.length, LARGE - 4);
                    ck_assert_mem_eq(message.data, all + 4, LARGE - 4);
                    whole++;
                }
            ck_assert_int_eq(framed_conn_park(&conn, &speaker->parked), 0);
            ck_assert_uint_le(speaker->parked.unread.size, 8 * said[i] + FRAMED_CONN_INPUT_SIZE);
        }
    for (size_t i = 0; i < SPEAKERS; i++)
        ck_assert_ptr_null(speakers[i].parked.unread.data);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conn_park");
    TCase *all = tcase_create("all");

    tcase_add_test(all, each_goes_on_where_it_was);
    tcase_add_test(all, silence_costs_nothing);
    tcase_add_test(all, large_messages_grow_side_by_side);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
