/*
 * A connection for tests: over memory, cut and disturbed as a test likes, or over counted sockets.
 * Each test program includes it once.
 */
#ifndef FRAMED_TESTS_CONN_RIG_H
#define FRAMED_TESTS_CONN_RIG_H

#include <framed/conn.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MIB ((size_t)1024 * 1024)
#define SINK_SIZE (4 * MIB)

/* A connection over memory: what comes in, how it is cut, which errors come between. */
struct rig {
    struct framed_conn conn; /* first: the transport gets its rig from it */
    struct framed_framing *framing;
    const uint8_t *source;
    size_t source_length;
    size_t cut;        /* most bytes of one call; 0: any */
    int receive_error; /* the next receive fails with it, once */
    int send_error;
    bool interrupt; /* every second send fails with EINTR */
    int receives;
    int sends;
    int parts; /* of the last send */
    uint8_t *sink;
    size_t sunk;
    int peer; /* the other end where a real socket is used, or -1 */
};

static struct rig rig;

static inline size_t cut(size_t length)
{
    return rig.cut && length > rig.cut ? rig.cut : length;
}

static inline int fail_once(int *error)
{
    errno = *error;
    *error = 0;
    return errno;
}

static inline ssize_t rig_receive(struct framed_conn *conn, void *data, size_t length, int flags)
{
    size_t bytes = cut(length < rig.source_length ? length : rig.source_length);

    (void)flags;
    if (conn != &rig.conn || length == 0)
        ck_abort_msg("a receive without room");
    rig.receives++;
    if (fail_once(&rig.receive_error))
        return -1;
    memcpy(data, rig.source, bytes);
    rig.source += bytes;
    rig.source_length -= bytes;
    return (ssize_t)bytes;
}

static inline ssize_t rig_send(struct framed_conn *conn, const struct iovec *parts, int count,
                               int flags)
{
    size_t left = rig.cut ? rig.cut : SINK_SIZE;
    size_t before = rig.sunk;

    (void)flags;
    rig.sends++;
    rig.parts = count;
    if (rig.interrupt && rig.sends % 2 == 0)
        rig.send_error = EINTR;
    if (fail_once(&rig.send_error))
        return -1;
    for (int i = 0; i < count && left > 0; i++) {
        size_t bytes = parts[i].iov_len < left ? parts[i].iov_len : left;

        if (conn != &rig.conn || bytes == 0 || rig.sunk + bytes > SINK_SIZE)
            ck_abort_msg("part %d of a send has %zu bytes", i, bytes);
        memcpy(rig.sink + rig.sunk, parts[i].iov_base, bytes);
        rig.sunk += bytes;
        left -= bytes;
    }
    return (ssize_t)(rig.sunk - before);
}

static const struct framed_transport rig_transport = {.receive = rig_receive, .send = rig_send};

/* Real sockets, counted. */
static inline ssize_t count_receive(struct framed_conn *conn, void *data, size_t length, int flags)
{
    rig.receives++;
    return framed_transport_socket.receive(conn, data, length, flags);
}

static inline ssize_t count_send(struct framed_conn *conn, const struct iovec *parts, int count,
                                 int flags)
{
    rig.sends++;
    rig.parts = count;
    return framed_transport_socket.send(conn, parts, count, flags);
}

static const struct framed_transport count_transport = {.receive = count_receive,
                                                        .send = count_send};

static inline void set_up(void)
{
    rig = (struct rig){.peer = -1, .sink = malloc(SINK_SIZE)};
    ck_assert_ptr_nonnull(rig.sink);
    ck_assert_int_eq(framed_conn_init(&rig.conn, NULL, NULL), 0);
    rig.conn.transport = &rig_transport;
}

static inline void tear_down(void)
{
    int fd = framed_conn_detach(&rig.conn);

    if (fd >= 0)
        close(fd);
    if (rig.peer >= 0)
        close(rig.peer);
    framed_conn_deinit(&rig.conn);
    framed_framing_free(rig.framing);
    free(rig.sink);
}

static inline void use_framing(const char *text, size_t max_message)
{
    char error[256];

    framed_framing_free(rig.framing);
    rig.framing = NULL;
    ck_assert_msg(framed_framing_parse(text, NULL, &rig.framing, error, sizeof(error)) == 0, "%s",
                  error);
    ck_assert_int_eq(framed_framing_set_max(rig.framing, max_message), 0);
    rig.conn.in = rig.conn.out = rig.framing;
}

static inline void use_source(const void *data, size_t length)
{
    rig.source = data;
    rig.source_length = length;
}

static inline void use_sockets(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    framed_conn_attach(&rig.conn, fds[0]);
    rig.peer = fds[1];
    rig.conn.transport = &count_transport;
}

static inline uint8_t *pattern(size_t length, unsigned seed)
{
    uint8_t *data = malloc(length + 1);

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)('a' + (i * 7 + i / 251 + seed) % 26);
    return data;
}

/* Fills until there is a message, and compares it. */
static inline void expect_message(const void *data, size_t length)
{
    struct framed_message message;
    int verdict;

    while ((verdict = framed_conn_next(&rig.conn, &message)) == FRAMED_NEED_MORE)
        if (framed_conn_fill(&rig.conn, 0) <= 0)
            ck_abort_msg("the stream has ended");
    ck_assert_int_eq(verdict, FRAMED_OK);
    ck_assert_uint_eq(message.length, length);
    ck_assert_msg(length == 0 || memcmp(message.data, data, length) == 0, "another message");
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
