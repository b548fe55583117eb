/*
 * The buffers between a stream socket and its messages. On the hot path, small messages, a round
 * costs one recv(2) and one send(2), and a copy of each reply; nothing is allocated.
 */
#include <framed/conn.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
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

int framed_conn_init(struct framed_conn *conn, const struct framed_framing *in,
                     const struct framed_framing *out)
{
    *conn = (struct framed_conn){
        .fd = -1,
        .transport = &framed_transport_socket,
        .in = in,
        .out = out,
        .input = {.data = malloc(FRAMED_CONN_INPUT_SIZE), .size = FRAMED_CONN_INPUT_SIZE},
        .output = {.data = malloc(FRAMED_CONN_OUTPUT_SIZE), .size = FRAMED_CONN_OUTPUT_SIZE},
    };
    if (conn->input.data && conn->output.data)
        return 0;
    framed_conn_deinit(conn);
    return -ENOMEM;
}

void framed_conn_deinit(struct framed_conn *conn)
{
    free(conn->input.data);
    free(conn->output.data);
    conn->input = conn->output = (struct framed_buffer){0};
    conn->fd = -1;
}

static void forget(struct framed_conn *conn)
{
    struct framed_buffer *input = &conn->input;

    empty(input);
    empty(&conn->output);
    conn->decoder = (struct framed_decoder){0};
    conn->need = 0;
    if (input->size > FRAMED_CONN_INPUT_SIZE) {
        uint8_t *smaller = realloc(input->data, FRAMED_CONN_INPUT_SIZE);

        if (smaller) {
            input->data = smaller;
            input->size = FRAMED_CONN_INPUT_SIZE;
        }
    }
}

void framed_conn_attach(struct framed_conn *conn, int fd)
{
    forget(conn);
    conn->fd = fd;
    conn->bytes_in = conn->bytes_out = 0;
}

int framed_conn_detach(struct framed_conn *conn)
{
    int fd = conn->fd;

    forget(conn);
    conn->fd = -1;
    return fd;
}

int framed_conn_next(struct framed_conn *conn, struct framed_message *message)
{
    struct framed_buffer *input = &conn->input;
    const uint8_t *data = input->data + input->start;
    struct framed_frame frame;
    int verdict = framed_decode(conn->in, &conn->decoder, data, in_use(input), &frame);

    if (verdict == FRAMED_NEED_MORE) {
        conn->need = frame.need;
        return verdict;
    }
    conn->need = 0;
    if (verdict != FRAMED_OK)
        return verdict;
    *message = (struct framed_message){.data = data + frame.payload, .length = frame.length};
    input->start += frame.size;
    return FRAMED_OK;
}

/* The size for a buffer that is full: twice, but no more than the frame that it waits for. */
static size_t larger(const struct framed_conn *conn)
{
    size_t unread = in_use(&conn->input);
    size_t size = conn->input.size * 2;
    size_t limit = conn->need;

    /* One byte more is what a framing says that does not know its length yet. */
    if (conn->need == unread + 1)
        limit = conn->in->max_message + FRAMED_HEAD_MAX + FRAMED_TAIL_MAX;
    return conn->need > unread && limit > conn->input.size && size > limit ? limit : size;
}

static int grow(struct framed_conn *conn)
{
    struct framed_buffer *input = &conn->input;
    size_t size = larger(conn);
    uint8_t *data = size > input->size ? realloc(input->data, size) : NULL;

    if (!data)
        return -ENOMEM;
    input->data = data;
    input->size = size;
    return 0;
}

/*
 * Makes room for at least one byte. What is unread moves to the front only when the frame that it
 * starts cannot be completed where it lies. When it is whole messages that nobody has taken, it
 * moves only if it is no more than what its move frees, so that moving stays cheap on the average.
 */
static int make_room(struct framed_conn *conn)
{
    struct framed_buffer *input = &conn->input;
    size_t unread = in_use(input);
    size_t wanted = conn->need > unread ? conn->need : unread + 1;

    if (unread == 0)
        empty(input);
    if (wanted <= input->size - input->start)
        return 0;
    if (input->start > 0 && (conn->need > unread || input->start >= unread)) {
        memmove(input->data, input->data + input->start, unread);
        input->start = 0;
        input->end = unread;
    }
    return input->end < input->size ? 0 : grow(conn);
}

ssize_t framed_conn_fill(struct framed_conn *conn, int flags)
{
    struct framed_buffer *input = &conn->input;
    int result = make_room(conn);
    ssize_t got;

    if (result < 0)
        return result;
    got = conn->transport->receive(conn, input->data + input->end, input->size - input->end, flags);
    if (got < 0)
        return -errno;
    input->end += (size_t)got;
    conn->bytes_in += (uint64_t)got;
    return got;
}

size_t framed_conn_unread(const struct framed_conn *conn)
{
    return in_use(&conn->input);
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

static void append(struct framed_buffer *output, const void *data, size_t length)
{
    if (length > 0)
        memcpy(output->data + output->end, data, length);
    output->end += length;
}

/* What waits, the head, the payload and the tail leave together, from where they lie. */
static int put_uncopied(struct framed_conn *conn, struct framed_envelope *envelope,
                        const void *payload, size_t length)
{
    struct framed_buffer *output = &conn->output;
    struct iovec all[] = {
        {.iov_base = output->data + output->start, .iov_len = in_use(output)},
        {.iov_base = envelope->head, .iov_len = envelope->head_length},
        {.iov_base = unconst(payload), .iov_len = length},
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

int framed_conn_put(struct framed_conn *conn, const void *payload, size_t length)
{
    struct framed_buffer *output = &conn->output;
    struct framed_envelope envelope;
    int result = framed_encode(conn->out, payload, length, &envelope);

    if (result != FRAMED_OK)
        return result;
    if (length >= UNCOPIED_MIN)
        return put_uncopied(conn, &envelope, payload, length);
    if (envelope.head_length + length + envelope.tail_length > output->size - output->end) {
        result = framed_conn_flush(conn);
        if (result < 0)
            return result;
    }
    append(output, envelope.head, envelope.head_length);
    append(output, payload, length);
    append(output, envelope.tail, envelope.tail_length);
    return 0;
}

size_t framed_conn_queued(const struct framed_conn *conn)
{
    return in_use(&conn->output);
}
