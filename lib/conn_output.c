/*
 * What a connection sends: small messages wait for one send(2) together, the bytes of large ones
 * are never copied.
 */
#include <framed/conn.h>

#include "framing/frame.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

/* From here on a system call's copy is dearer than its overhead: such payloads go out uncopied. */
#define UNCOPIED_MIN ((size_t)16 * 1024)

_Static_assert(UNCOPIED_MIN + FRAMED_HEAD_MAX + FRAMED_TAIL_MAX <= FRAMED_CONN_OUTPUT_SIZE,
               "what is copied fits into an empty output buffer");

/* What struct iovec and struct msghdr ask for, though sending only reads. */
static void *unconst(const void *data)
{
    const union {
        const void *from;
        void *to;
    } pointer = {.from = data};

    return pointer.to;
}

static ssize_t socket_receive(struct framed_conn *conn, void *data, size_t length, int flags)
{
    return recv(conn->fd, data, length, flags);
}

/* send(2) where it will do: sendmsg(2) has more to copy in and to check. */
static ssize_t socket_send(struct framed_conn *conn, const struct iovec *parts, int count,
                           int flags)
{
    struct msghdr message = {.msg_iov = unconst(parts), .msg_iovlen = (size_t)count};

    if (count == 1)
        return send(conn->fd, parts[0].iov_base, parts[0].iov_len, flags | MSG_NOSIGNAL);
    return sendmsg(conn->fd, &message, flags | MSG_NOSIGNAL);
}

const struct framed_transport framed_transport_socket = {
    .receive = socket_receive,
    .send = socket_send,
};

static size_t in_use(const struct framed_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static void empty(struct framed_buffer *buffer)
{
    buffer->start = buffer->end = 0;
}

/* The coarse clock costs as good as nothing beside a send(2). */
static uint64_t coarse_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits for the peer to take more. 0, also after a signal, or -ETIMEDOUT. */
static int await_taking(const struct framed_conn *conn, uint64_t until_ms)
{
    struct pollfd peer = {.fd = conn->fd, .events = POLLOUT};
    uint64_t now = coarse_ms();
    uint64_t left = until_ms > now ? until_ms - now : 0;

    if (left == 0)
        return -ETIMEDOUT;
    if (poll(&peer, 1, left < INT32_MAX ? (int)left : INT32_MAX) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

/* Takes COUNT bytes off the front of PARTS; returns how many parts are used up. */
static int consume(struct iovec *parts, int count, size_t bytes)
{
    int used = 0;

    while (used < count && bytes >= parts[used].iov_len)
        bytes -= parts[used++].iov_len;
    if (used < count) {
        parts[used].iov_base = (uint8_t *)parts[used].iov_base + bytes;
        parts[used].iov_len -= bytes;
    }
    return used;
}

/*
 * Sends all of PARTS. A signal must not tear a message, so only the deadline ends this early. The
 * first send blocks, for SO_SNDTIMEO at most. If it comes back short, what is left of the time is
 * held by poll(2), because another blocking send would get all of SO_SNDTIMEO once more.
 */
static int send_all(struct framed_conn *conn, struct iovec *parts, int count)
{
    uint64_t until_ms = conn->write_ms ? coarse_ms() + conn->write_ms : 0;
    int flags = 0;

    for (;;) {
        ssize_t sent = conn->transport->send(conn, parts, count, flags);
        int used;
        int result;

        if (sent < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (sent < 0 && errno == EAGAIN && !until_ms)
            return -ETIMEDOUT; /* SO_SNDTIMEO alone */
        if (sent > 0) {
            conn->bytes_out += (uint64_t)sent;
            used = consume(parts, count, (size_t)sent);
            parts += used;
            count -= used;
        }
        if (count == 0)
            return 0;
        if (!until_ms)
            continue;
        result = await_taking(conn, until_ms);
        if (result < 0)
            return result;
        flags = MSG_DONTWAIT;
    }
}

int framed_conn_flush(struct framed_conn *conn)
{
    struct framed_buffer *output = &conn->output;
    struct iovec part = {.iov_base = output->data + output->start, .iov_len = in_use(output)};

    empty(output);
    return part.iov_len > 0 ? send_all(conn, &part, 1) : 0;
}

int framed_conn_push(struct framed_conn *conn)
{
    struct framed_buffer *output = &conn->output;
    struct iovec part = {.iov_base = output->data + output->start, .iov_len = in_use(output)};
    ssize_t sent = part.iov_len > 0 ? conn->transport->send(conn, &part, 1, MSG_DONTWAIT) : 0;

    if (sent < 0)
        return errno == EINTR ? -EAGAIN : -errno;
    conn->bytes_out += (uint64_t)sent;
    output->start += (size_t)sent;
    if (output->start < output->end)
        return -EAGAIN;
    empty(output);
    return 0;
}

static inline void append(struct framed_buffer *output, const void *data, size_t length)
{
    if (length > 0)
        memcpy(output->data + output->end, data, length);
    output->end += length;
}

/* What waits, the head, the payload and the tail leave together, from where they lie. */
static int send_uncopied(struct framed_conn *conn, struct framed_envelope *envelope,
                         const uint8_t *payload)
{
    struct framed_buffer *output = &conn->output;
    struct iovec all[] = {
        {.iov_base = output->data + output->start, .iov_len = in_use(output)},
        {.iov_base = envelope->head, .iov_len = envelope->head_length},
        {.iov_base = unconst(payload), .iov_len = envelope->taken},
        {.iov_base = envelope->tail, .iov_len = envelope->tail_length},
    };
    struct iovec parts[sizeof(all) / sizeof(all[0])];
    int count = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i].iov_len > 0)
            parts[count++] = all[i];
    empty(output);
    return send_all(conn, parts, count);
}

/* Queues the frame that ENVELOPE and the start of PAYLOAD make. */
static inline int put_frame(struct framed_conn *conn, struct framed_envelope *envelope,
                            const uint8_t *payload)
{
    struct framed_buffer *output = &conn->output;
    size_t size = envelope->head_length + envelope->taken + envelope->tail_length;

    if (envelope->taken >= UNCOPIED_MIN)
        return send_uncopied(conn, envelope, payload);
    if (size > output->size - output->end) {
        int result = framed_conn_flush(conn);

        if (result < 0)
            return result;
    }
    append(output, envelope->head, envelope->head_length);
    append(output, payload, envelope->taken);
    append(output, envelope->tail, envelope->tail_length);
    return 0;
}

/* Any framing, any length. */
static __attribute__((noinline)) int put(struct framed_conn *conn, const void *payload,
                                         size_t length)
{
    const uint8_t *left = payload;
    struct framed_envelope envelope;
    int result = framed_encode(conn->out, left, length, false, &envelope);

    if (result != FRAMED_OK)
        return result;
    while ((result = put_frame(conn, &envelope, left)) == 0 && envelope.taken < length) {
        left += envelope.taken;
        length -= envelope.taken;
        if (framed_encode(conn->out, left, length, true, &envelope) != FRAMED_OK)
            return -EPROTO; /* no framing does: each decides with the first frame */
    }
    return result;
}

/* Most replies are small, and have a binary length before them: there is no envelope to fill in. */
int framed_conn_put(struct framed_conn *conn, const void *payload, size_t length)
{
    const struct framed_framing *out = conn->out;
    struct framed_buffer *output = &conn->output;
    uint8_t *to = output->data + output->end;

    if (length == 0 || length > out->prefixed_max || length >= UNCOPIED_MIN ||
        FRAMED_PREFIX_MAX + length > output->size - output->end)
        return put(conn, payload, length);
    framed_prefix_put(&out->as.length, length, to);
    memcpy(to + out->prefix, payload, length);
    output->end += out->prefix + length;
    return 0;
}

int framed_conn_put_begin(struct framed_conn *conn, size_t length)
{
    struct framed_envelope head;
    int result = framed_conn_begun(conn)
                     ? -EBUSY
                     : framed_encode_begin(conn->out, length, &conn->encoder, &head);

    return result == FRAMED_OK ? put_frame(conn, &head, head.tail) : result;
}

int framed_conn_put_piece(struct framed_conn *conn, const void *piece, size_t length)
{
    const uint8_t *left = piece;
    int result = framed_conn_begun(conn) ? 0 : -EPROTO;

    while (result == 0 && length > 0) {
        struct framed_envelope envelope;

        result = framed_encode_piece(&conn->encoder, left, length, &envelope);
        if (result != FRAMED_OK)
            break;
        result = put_frame(conn, &envelope, left);
        left += envelope.taken;
        length -= envelope.taken;
    }
    return result;
}

int framed_conn_put_end(struct framed_conn *conn)
{
    struct framed_envelope tail;
    int result = framed_conn_begun(conn) ? framed_encode_end(&conn->encoder, &tail) : -EPROTO;

    return result == FRAMED_OK ? put_frame(conn, &tail, tail.head) : result;
}

bool framed_conn_begun(const struct framed_conn *conn)
{
    return conn->encoder.framing != NULL;
}

int framed_conn_put_raw(struct framed_conn *conn, const void *data, size_t length)
{
    struct framed_envelope bare = {.taken = length};

    return length > 0 ? put_frame(conn, &bare, data) : 0;
}

size_t framed_conn_queued(const struct framed_conn *conn)
{
    return in_use(&conn->output);
}
