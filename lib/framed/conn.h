/*
 * A message connection over a blocking stream socket: one recv for as many messages as have
 * arrived, one send for all their replies.
 *
 * Made for a loop of the form
 *
 *     for (;;) {
 *         while ((verdict = framed_conn_next(conn, &message)) == FRAMED_OK)
 *             framed_conn_put(conn, reply, reply_length);
 *         framed_conn_flush(conn);
 *         framed_conn_fill(conn, 0);
 *     }
 *
 * The buffers belong to whoever serves; the socket is attached and detached, so that one set of
 * buffers serves many connections, one after the other. A length that the peer claims allocates
 * nothing: the input buffer stays below eight times what has arrived, and as large as it has become
 * until framed_conn_trim().
 */
#ifndef FRAMED_CONN_H
#define FRAMED_CONN_H

#include <framed/framing.h>

#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* What a connection reads with at first: larger buffers bring nothing for small messages. */
#define FRAMED_CONN_INPUT_SIZE ((size_t)16 * 1024)
/* Replies wait for their send together up to this many bytes. */
#define FRAMED_CONN_OUTPUT_SIZE ((size_t)64 * 1024)

struct framed_conn;

/*
 * How bytes get in and out. Plain sockets are framed_transport_socket; tests inject short counts
 * and errors here, and TLS has its place here. Both return like recv(2) and sendmsg(2): a count, or
 * -1 with errno. A transport with a state of its own keeps it in a structure around CONN.
 */
struct framed_transport {
    ssize_t (*receive)(struct framed_conn *conn, void *data, size_t length, int flags);
    ssize_t (*send)(struct framed_conn *conn, const struct iovec *parts, int count, int flags);
};

extern const struct framed_transport framed_transport_socket;

/* Bytes start..end of data are in use; size bytes are allocated. */
struct framed_buffer {
    uint8_t *data;
    size_t start;
    size_t end;
    size_t size;
};

/* A message in a connection's input buffer: valid until the next fill, attach or deinit. */
struct framed_message {
    const uint8_t *data;
    size_t length;
};

struct framed_conn {
    int fd; /* -1 when nothing is attached */
    const struct framed_transport *transport;
    const struct framed_framing *in;
    const struct framed_framing *out;
    struct framed_decoder decoder;
    struct framed_buffer input;
    struct framed_buffer output;
    size_t assembled;  /* bytes of a message's first fragments, at the start of the input */
    size_t gap;        /* and of what lies between them and the next frame */
    size_t need;       /* the next frame has at least this many bytes; 0: unknown */
    unsigned write_ms; /* most milliseconds for one flush to be taken by the peer; 0: no limit */
    uint64_t bytes_in; /* since attach */
    uint64_t bytes_out;
    struct framed_encoder encoder; /* of the message that is being put in pieces */
};

/*
 * Prepares CONN with buffers of its own and nothing attached. IN cuts what is received, OUT what is
 * sent; both are borrowed and must outlive CONN. 0 or -ENOMEM.
 */
int framed_conn_init(struct framed_conn *conn, const struct framed_framing *in,
                     const struct framed_framing *out);

/* Frees the buffers; does not close the socket. Harmless on a zeroed or half-made CONN. */
void framed_conn_deinit(struct framed_conn *conn);

/*
 * Starts on the connected, blocking stream socket FD (borrowed) with empty buffers. When a write
 * deadline is wanted, the caller sets write_ms and the socket's SO_SNDTIMEO to the same time.
 */
void framed_conn_attach(struct framed_conn *conn, int fd);

/* Lets go of the socket and forgets what is buffered. Returns the descriptor. */
int framed_conn_detach(struct framed_conn *conn);

/* Gives back what a large message has made the input buffer grow by; nothing is done while there is
 * something in it. The next large message pays for it anew, so this is for quiet times. */
void framed_conn_trim(struct framed_conn *conn);

/*
 * What belongs to a connection between two messages while others use the buffers: so one set of
 * buffers serves many connections in turns. Zeroed, it is a connection that has just come.
 */
struct framed_parked {
    struct framed_decoder decoder;
    struct framed_buffer unread; /* a message's start; data: NULL without, else of malloc(3) */
    size_t assembled;            /* as of struct framed_conn, with the next two */
    size_t gap;
    size_t need;
};

/*
 * Lets go of the socket, all of whose replies have been sent, and puts into *PARKED what is to be
 * kept of it: framed_conn_unread() bytes in memory that is *PARKED's from now on, and those are all
 * that it takes. What has been read of a large message is handed over, not copied. 0; or -ENOMEM:
 * nothing has changed.
 */
int framed_conn_park(struct framed_conn *conn, struct framed_parked *parked);

/* As framed_conn_attach(), but goes on from *PARKED, which is empty then. */
void framed_conn_unpark(struct framed_conn *conn, int fd, struct framed_parked *parked);

/* Frees what *PARKED keeps, and zeroes it. Harmless on a zeroed one. */
void framed_parked_free(struct framed_parked *parked);

/*
 * Takes the next whole message out of the input buffer; no I/O. Its fragments are put together
 * where they lie, frames without a message are dropped. FRAMED_OK with *MESSAGE, FRAMED_NEED_MORE,
 * or an error verdict after which the connection can only be closed; but after FRAMED_OVERSIZE it
 * goes on where framed_framing_discards() is.
 */
int framed_conn_next(struct framed_conn *conn, struct framed_message *message);

/* Whether framed_conn_next() would answer something else than FRAMED_NEED_MORE. */
bool framed_conn_ready(struct framed_conn *conn);

/*
 * Says what the end of the stream (a fill of 0) means after FRAMED_NEED_MORE: FRAMED_OK with a last
 * *MESSAGE that the end completes, then or at once FRAMED_END where nothing is missing;
 * FRAMED_TRUNCATED where a message has begun, or another error.
 */
int framed_conn_end(struct framed_conn *conn, struct framed_message *message);

/*
 * One recv(2) with FLAGS (such as MSG_DONTWAIT) into the input buffer, which grows when it is full:
 * of one message's start, or of messages that were not taken. So take all before you fill, and it
 * stays below eight times what has arrived of one message. Messages taken before are no longer
 * valid. The number of bytes, 0 at the end of the stream, or a negative errno: -EAGAIN (nothing
 * yet, or SO_RCVTIMEO has passed), -EINTR (a signal: the caller decides), -ENOMEM, or what the
 * socket says.
 */
ssize_t framed_conn_fill(struct framed_conn *conn, int flags);

/* The bytes received and not yet taken, those of fragments included: more than 0 after
 * FRAMED_NEED_MORE is a message's start. */
size_t framed_conn_unread(const struct framed_conn *conn);

/* Whether there are none of these: asked behind each message, so that the last of them needs no
 * call to find that no further one has begun. */
static inline bool framed_conn_drained(const struct framed_conn *conn)
{
    return conn->input.start == conn->input.end;
}

/*
 * Queues PAYLOAD (LENGTH bytes) as one message, in as many frames as it takes. Small ones are
 * copied and wait for the flush; large ones are sent at once, together with what waits, without
 * being copied. 0, an encoding verdict above 0 (nothing was queued), or a negative errno as of
 * framed_conn_flush(), after which the connection can only be closed.
 */
int framed_conn_put(struct framed_conn *conn, const void *payload, size_t length);

/*
 * The same for a message that is put in pieces, of LENGTH bytes in all (FRAMED_LENGTH_UNKNOWN where
 * the framing does without; see framed_encode_begin()): begin once, pieces of any size, end once,
 * and nothing else between. What is small is copied and waits for the flush, as of
 * framed_conn_put(); memory does not grow with the message, and write_ms is for each send. 0, an
 * encoding verdict, or a negative errno: after begin -ENOTSUP or -EBUSY (one has begun already),
 * and then, as after a verdict of begin, nothing was queued; after the other two the message
 * remains unfinished, and the connection can only be closed; -EPROTO: none has begun.
 */
int framed_conn_put_begin(struct framed_conn *conn, size_t length);
int framed_conn_put_piece(struct framed_conn *conn, const void *piece, size_t length);
int framed_conn_put_end(struct framed_conn *conn);

/* Whether a message has begun that has not ended. */
bool framed_conn_begun(const struct framed_conn *conn);

/* Queues DATA (LENGTH bytes) as they are, such as a greeting. 0, or as framed_conn_flush(). */
int framed_conn_put_raw(struct framed_conn *conn, const void *data, size_t length);

/*
 * Sends all that is queued, however few bytes the kernel takes at a time; starts again after
 * signals. 0, -ETIMEDOUT (the peer did not take it within write_ms), or what the socket says, such
 * as -EPIPE or -ECONNRESET; a part may then have been sent, so that the connection can only be
 * closed. Never raises SIGPIPE.
 */
int framed_conn_flush(struct framed_conn *conn);

/*
 * One send(2) of all that is queued, which never waits for the peer, whatever the socket's mode. 0:
 * nothing is left. -EAGAIN: the peer has not read what came before; a flush sends the rest. Other
 * errors as of framed_conn_flush().
 */
int framed_conn_push(struct framed_conn *conn);

/* The bytes queued and not yet sent. */
size_t framed_conn_queued(const struct framed_conn *conn);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
