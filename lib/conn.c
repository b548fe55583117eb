/*
 * The buffers between a stream socket and its messages, and what comes in. On the hot path, small
 * messages, a round costs one recv(2) and one send(2), and a copy of each reply; nothing is
 * allocated. conn_output.c has what goes out.
 */
#include <framed/conn.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROWTH 8

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
    empty(&conn->input);
    empty(&conn->output);
    conn->decoder = (struct framed_decoder){0};
    conn->encoder = (struct framed_encoder){0};
    conn->need = conn->assembled = conn->gap = 0;
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

void framed_conn_trim(struct framed_conn *conn)
{
    struct framed_buffer *input = &conn->input;
    uint8_t *smaller;

    if (input->size <= FRAMED_CONN_INPUT_SIZE || in_use(input) > 0)
        return;
    smaller = realloc(input->data, FRAMED_CONN_INPUT_SIZE);
    if (!smaller)
        return;
    *input = (struct framed_buffer){.data = smaller, .size = FRAMED_CONN_INPUT_SIZE};
}

/* Drops BYTES of what is not decoded yet. */
static void drop(struct framed_conn *conn, size_t bytes)
{
    if (conn->assembled > 0)
        conn->gap += bytes;
    else
        conn->input.start += bytes;
}

/*
 * Puts a fragment behind those before it, over the header that was between them. What is not
 * decoded yet stays where it lies, so that each byte moves once: `gap` bytes lie between.
 */
static void join(struct framed_conn *conn, const struct framed_frame *frame)
{
    uint8_t *fragments = conn->input.data + conn->input.start;

    if (conn->assembled == 0) {
        /* The first one stays: the message begins where it lies. */
        conn->input.start += frame->length > 0 ? frame->payload : frame->size;
        conn->gap = frame->length > 0 ? frame->size - frame->payload - frame->length : 0;
    } else {
        memmove(fragments + conn->assembled,
                fragments + conn->assembled + conn->gap + frame->payload, frame->length);
        conn->gap += frame->size - frame->length;
    }
    conn->assembled += frame->length;
}

/* Hands out the message whose only frame is FRAME. */
static inline void take(struct framed_conn *conn, const struct framed_frame *frame,
                        struct framed_message *message)
{
    message->data = conn->input.data + conn->input.start + frame->payload;
    message->length = frame->length;
    conn->input.start += frame->size;
}

/* The same where fragments may be before FRAME. */
static void take_all(struct framed_conn *conn, const struct framed_frame *frame,
                     struct framed_message *message)
{
    struct framed_buffer *input = &conn->input;

    if (conn->assembled == 0) {
        take(conn, frame, message);
        return;
    }
    join(conn, frame);
    *message =
        (struct framed_message){.data = input->data + input->start, .length = conn->assembled};
    input->start += conn->assembled + conn->gap;
    conn->assembled = conn->gap = 0;
}

/* Decodes one frame of what is not decoded yet. */
static inline int decode(struct framed_conn *conn, struct framed_frame *frame)
{
    size_t begin = conn->input.start + conn->assembled + conn->gap;

    return framed_decode(conn->in, &conn->decoder, conn->input.data + begin,
                         conn->input.end - begin, frame);
}

/* Whether VERDICT has been dealt with, and the next frame is to be looked at. */
static inline bool goes_on(struct framed_conn *conn, int verdict, const struct framed_frame *frame)
{
    if (verdict == FRAMED_SKIP)
        drop(conn, frame->size);
    else if (verdict == FRAMED_FRAGMENT)
        join(conn, frame);
    else
        return false;
    return true;
}

/* All that is not a message of one frame, which FRAME with VERDICT is not. Out of line, so that the
 * usual case has no registers to save for it. */
static __attribute__((noinline)) int next(struct framed_conn *conn, int verdict,
                                          struct framed_frame *frame,
                                          struct framed_message *message)
{
    while (goes_on(conn, verdict, frame))
        verdict = decode(conn, frame);
    conn->need = verdict == FRAMED_NEED_MORE ? conn->assembled + frame->need : 0;
    if (verdict == FRAMED_OK)
        take_all(conn, frame, message);
    else if (verdict == FRAMED_OVERSIZE && framed_framing_discards(conn->in))
        drop(conn, frame->size);
    return verdict;
}

int framed_conn_next(struct framed_conn *conn, struct framed_message *message)
{
    struct framed_frame frame;
    int verdict = decode(conn, &frame);

    if (__builtin_expect(verdict != FRAMED_OK || conn->assembled > 0, 0))
        return next(conn, verdict, &frame, message);
    conn->need = 0;
    take(conn, &frame, message);
    return FRAMED_OK;
}

bool framed_conn_ready(struct framed_conn *conn)
{
    struct framed_decoder before;
    struct framed_frame frame;
    int verdict;

    do {
        before = conn->decoder;
        verdict = decode(conn, &frame);
    } while (goes_on(conn, verdict, &frame));
    conn->need = verdict == FRAMED_NEED_MORE ? conn->assembled + frame.need : 0;
    if (verdict == FRAMED_NEED_MORE)
        return false; /* what was scanned in vain is not scanned again */
    conn->decoder = before;
    return true;
}

int framed_conn_end(struct framed_conn *conn, struct framed_message *message)
{
    size_t begin = conn->input.start + conn->assembled + conn->gap;
    struct framed_frame frame;
    int verdict = framed_decode_end(conn->in, &conn->decoder, conn->input.data + begin,
                                    conn->input.end - begin, &frame);

    if (verdict == FRAMED_OK)
        take_all(conn, &frame, message);
    return verdict;
}

/* Moves what is not decoded yet to the fragments before it. */
static void close_gap(struct framed_conn *conn)
{
    struct framed_buffer *input = &conn->input;
    uint8_t *gap = input->data + input->start + conn->assembled;

    if (conn->gap == 0)
        return;
    memmove(gap, gap + conn->gap, in_use(input) - conn->assembled - conn->gap);
    input->end -= conn->gap;
    conn->gap = 0;
}

/*
 * The size for a buffer that is full: eight times, but no more than the frame that it waits for.
 * Slower growth lets the socket's own buffer fill up in the first large message of a connection,
 * which some kinds of congestion control (bbr) do not forget for as long as it lasts.
 */
static size_t larger(const struct framed_conn *conn)
{
    size_t unread = in_use(&conn->input);
    size_t size = conn->input.size * GROWTH;
    size_t limit = conn->need;

    /* One byte more is what a framing says that does not know its length yet. */
    if (conn->need == unread + 1)
        limit = framed_framing_max(conn->in) + FRAMED_HEAD_MAX + FRAMED_TAIL_MAX;
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
    size_t unread;
    size_t wanted;

    close_gap(conn);
    unread = in_use(input);
    wanted = conn->need > unread ? conn->need : unread + 1;
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
    return in_use(&conn->input) - conn->gap;
}
