/* The client, against servers that answer, at their own pace. */
#include "client_rig.h"

#include <framed/byteorder.h>
#include <framed/conn.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>

/* One recv, all replies, and no look at the input before the last of them is taken. */
static int echo_with(int fd, const char *text)
{
    struct framed_framing *framing;
    struct framed_conn conn;
    struct framed_message message;
    char error[256];

    if (framed_framing_parse(text, NULL, &framing, error, sizeof(error)) < 0 ||
        framed_framing_set_max(framing, 16 * MIB) < 0 ||
        framed_conn_init(&conn, framing, framing) < 0)
        return 1;
    framed_conn_attach(&conn, fd);
    do {
        while (framed_conn_next(&conn, &message) == FRAMED_OK)
            if (framed_conn_put(&conn, message.data, message.length) != 0)
                return 2;
        if (framed_conn_flush(&conn) != 0)
            return 3;
    } while (framed_conn_fill(&conn, 0) > 0);
    framed_conn_deinit(&conn);
    framed_framing_free(framing);
    return 0;
}

static int echo_u32be(int fd)
{
    return echo_with(fd, "u32be");
}

static int echo_line(int fd)
{
    return echo_with(fd, "line");
}

START_TEST(test_call)
{
    const void *data;
    size_t length;

    start_server(echo_line);
    open_client("line", 0, TIMEOUT_MS);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(framed_client_call(client, "hello", 5, &data, &length), FRAMED_OK);
        ck_assert_uint_eq(length, 5);
        ck_assert_mem_eq(data, "hello", 5);
    }
    ck_assert_int_eq(framed_client_call(client, "", 0, &data, &length), FRAMED_OK);
    ck_assert_uint_eq(length, 0);
    /* What cannot be sent harms nothing. */
    ck_assert_int_eq(framed_client_call(client, "a\nb", 3, &data, &length), FRAMED_UNENCODABLE);
    ck_assert_int_eq(framed_client_send(client, "c", 1), 0);
    expect_reply("c", 1);
    framed_client_free(client);
    client = NULL;
    ck_assert_int_eq(wait_server(), 0);
}
END_TEST

/*
 * The server reads nothing while its replies are not taken, and the client takes none before it has
 * sent all: 50 MB fit into no socket's buffers.
 */
START_TEST(test_pipelined)
{
    size_t length = _i ? 1000 : 200000;
    size_t count = 50000000 / length;
    uint8_t *data = calloc(1, length);

    ck_assert_ptr_nonnull(data);
    start_server(echo_u32be);
    open_client("u32be", 0, TIMEOUT_MS);
    for (size_t i = 0; i < count; i++) {
        framed_put_u64be(data, i);
        framed_put_u64be(data + length - 8, ~i);
        ck_assert_int_eq(framed_client_send(client, data, length), 0);
    }
    for (size_t i = 0; i < count; i++) {
        framed_put_u64be(data, i);
        framed_put_u64be(data + length - 8, ~i);
        expect_reply(data, length);
    }
    ck_assert_int_eq(framed_client_finish(client), 0);
    ck_assert_int_eq(receive(), -ENODATA);
    ck_assert_int_eq(receive(), -ENODATA);
    ck_assert_int_eq(wait_server(), 0);
    free(data);
}
END_TEST

static int count_until_end(int fd)
{
    char buffer[4096];
    char reply[32];
    size_t total = 0;
    ssize_t got;

    while ((got = read(fd, buffer, sizeof(buffer))) > 0)
        total += (size_t)got;
    snprintf(reply, sizeof(reply), "%zu\n", total);
    return write(fd, reply, strlen(reply)) < 0;
}

START_TEST(test_finish)
{
    start_server(count_until_end);
    open_client("line", 0, TIMEOUT_MS);
    ck_assert_int_eq(framed_client_send(client, "123", 3), 0);
    ck_assert_int_eq(framed_client_send(client, "45", 2), 0);
    ck_assert_int_eq(framed_client_finish(client), 0);
    expect_reply("7", 1);
    ck_assert_int_eq(receive(), -ENODATA);
}
END_TEST

static int two_steps(int fd)
{
    char bytes[2];

    if (read(fd, bytes, 1) != 1 || write(fd, "one\ntwo\nth", 10) != 10)
        return 1;
    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != sizeof(bytes))
        return 2;
    return write(fd, "ree\n", 4) != 4;
}

/* Waits for bytes from the server. */
static void await_bytes(void)
{
    struct pollfd bytes = {.fd = framed_client_fd(client), .events = POLLIN};

    ck_assert_int_eq(poll(&bytes, 1, TIMEOUT_MS), 1);
}

START_TEST(test_ready)
{
    start_server(two_steps);
    open_client("line", 0, TIMEOUT_MS);
    ck_assert(!framed_client_ready(client));
    ck_assert_int_eq(framed_client_send(client, "", 0), 0);
    ck_assert_int_eq(framed_client_flush(client), 0);
    await_bytes();
    ck_assert(framed_client_ready(client));
    expect_reply("one", 3);
    ck_assert(framed_client_ready(client));
    expect_reply("two", 3);
    ck_assert(!framed_client_ready(client));
    ck_assert(!framed_client_ready(client));
    ck_assert_int_eq(framed_client_send(client, "x", 1), 0);
    ck_assert_int_eq(framed_client_flush(client), 0);
    await_bytes();
    expect_reply("three", 5);
    await_bytes(); /* the end */
    ck_assert(framed_client_ready(client));
    ck_assert_int_eq(receive(), -ENODATA);
}
END_TEST

/* Waits for as many bytes as the request has, then sends the reply in two parts and closes. */
static int serve(int fd, size_t request, const char *reply, size_t length)
{
    char bytes[256];

    if (request > 0 && recv(fd, bytes, request, MSG_WAITALL) != (ssize_t)request)
        return 1;
    if (write(fd, reply, length / 2) != (ssize_t)(length / 2))
        return 2;
    reply += length / 2;
    length -= length / 2;
    return write(fd, reply, length) == (ssize_t)length ? 0 : 3;
}

static int greet_and_answer(int fd)
{
    return serve(fd, 0, "hi you\none\ntwo\n", 15);
}

START_TEST(test_greeting)
{
    start_server(greet_and_answer);
    open_client("line,greeting=hi\\syou\\n", 0, TIMEOUT_MS);
    expect_reply("one", 3);
    expect_reply("two", 3);
    ck_assert_int_eq(receive(), -ENODATA);
}
END_TEST

static int whois(int fd)
{
    return serve(fd, 3, "one\ntwo\n\nend", 12);
}

/* The reply has another framing than the request: here it is all that the server says. */
START_TEST(test_reply_to_end)
{
    start_server(whois);
    open_client("line,reply=(eof)", 0, TIMEOUT_MS);
    ck_assert_int_eq(framed_client_send(client, "ab", 2), 0);
    expect_reply("one\ntwo\n\nend", 12);
    ck_assert_int_eq(receive(), -ENODATA);
}
END_TEST

static int to_end(int fd)
{
    char bytes[8];

    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != 3 || memcmp(bytes, "abc", 3) != 0)
        return 1;
    return write(fd, "ABC", 3) != 3;
}

START_TEST(test_request_to_end)
{
    const void *data;
    size_t length;

    start_server(to_end);
    open_client("eof", 0, TIMEOUT_MS);
    ck_assert_int_eq(framed_client_call(client, "abc", 3, &data, &length), FRAMED_OK);
    ck_assert_uint_eq(length, 3);
    ck_assert_mem_eq(data, "ABC", 3);
    ck_assert_int_eq(wait_server(), 0);
}
END_TEST

static int fragments(int fd)
{
    return serve(fd, 1,
                 "\x03"
                 "abc\x02"
                 "de\x83"
                 "fgh\x81"
                 "x",
                 13) ||
           serve(fd, 1, "", 0);
}

/* A part of a reply is not a reply. */
START_TEST(test_fragments)
{
    start_server(fragments);
    open_client("chunked:(length:be1,mask=0x7f),last_bit=0x80", 0, TIMEOUT_MS);
    ck_assert(!framed_client_ready(client));
    ck_assert_int_eq(framed_client_send(client, "", 0), 0);
    expect_reply("abcdefgh", 8);
    expect_reply("x", 1);
    ck_assert(!framed_client_ready(client));
    ck_assert_int_eq(framed_client_send(client, "", 0), 0);
    ck_assert_int_eq(receive(), -ENODATA);
}
END_TEST

static int first_differs(int fd)
{
    char bytes[10];

    if (recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != (ssize_t)sizeof(bytes))
        return 1;
    if (memcmp(bytes,
               "start"
               "\x04"
               "next",
               sizeof(bytes)) != 0)
        return 2;
    return write(fd,
                 "\x02"
                 "ok",
                 3) != 3;
}

/* What is sent begins with the other frame; what comes back does not. */
START_TEST(test_first)
{
    start_server(first_differs);
    open_client("u8,first=(fixed:5)", 0, TIMEOUT_MS);
    ck_assert_int_eq(framed_client_send(client, "start", 5), 0);
    ck_assert_int_eq(framed_client_send(client, "next", 4), 0);
    expect_reply("ok", 2);
    ck_assert_int_eq(wait_server(), 0);
}
END_TEST

static Suite *client_suite(void)
{
    Suite *suite = suite_create("client");
    TCase *tcase = tcase_create("client");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_call);
    tcase_add_loop_test(tcase, test_pipelined, 0, 2);
    tcase_add_test(tcase, test_finish);
    tcase_add_test(tcase, test_ready);
    tcase_add_test(tcase, test_greeting);
    tcase_add_test(tcase, test_reply_to_end);
    tcase_add_test(tcase, test_request_to_end);
    tcase_add_test(tcase, test_fragments);
    tcase_add_test(tcase, test_first);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(client_suite());
}
