/*
 * A client: connect, send messages, receive replies. For programs that talk to a framed service (or
 * to any server of the same framing) from a blocking thread.
 */
#ifndef FRAMED_CLIENT_H
#define FRAMED_CLIENT_H

#include <framed/framing.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct framed_client;

/*
 * Connects to ADDRESS (see framed/address.h) and speaks FRAMING, a framing's text: its first frame,
 * if it has another one, is that of the first message sent; its greeting is awaited before the
 * first reply; replies come in its framing for replies, which must not be raw. MAX_REPLY is the
 * largest reply taken, in bytes (0: FRAMED_MESSAGE_DEFAULT); how large a message may be is for the
 * server to say. TIMEOUT_MS bounds the connecting, each wait for a reply and each flush (0: no
 * bound). 0 and *CLIENT, which the caller frees, or a negative errno with a message in ERROR (SIZE
 * bytes).
 */
int framed_client_open(const char *address, const char *framing, size_t max_reply,
                       unsigned timeout_ms, struct framed_client **client, char *error,
                       size_t size);

/* Closes the connection and frees CLIENT; NULL is harmless. */
void framed_client_free(struct framed_client *client);

/*
 * Queues one message of LENGTH bytes; it may be sent at once. Sending never waits for ever on a
 * server that itself waits for its replies to be read: replies that arrive meanwhile are kept for
 * framed_client_receive(), in memory that grows with them and has no other bound than what the
 * server sends. So DATA must not be a reply that still lies in the client's buffer. With a framing
 * whose message ends with the stream, it is sent at once, and is the last. 0, an encoding
 * verdict above 0 (nothing was queued), or a negative errno, after which nothing more can be sent.
 */
int framed_client_send(struct framed_client *client, const void *data, size_t length);

/* Sends all that is queued. 0, -ETIMEDOUT, or a negative errno. */
int framed_client_flush(struct framed_client *client);

/*
 * Takes in what has arrived, without waiting. True when framed_client_receive() would not wait for
 * the server: a whole reply is here, or the end of the stream or an error of it is.
 */
bool framed_client_ready(struct framed_client *client);

/*
 * Flushes, then waits for the next reply: *DATA (*LENGTH bytes) lies in the client's buffer and is
 * valid until the next call. Replies that came before sending failed are still received. FRAMED_OK;
 * an error verdict above 0 (FRAMED_TRUNCATED when the stream ends inside a reply, FRAMED_BAD_MAGIC
 * when the server's greeting is another one); -ENODATA at the end of the stream between replies;
 * -ETIMEDOUT: a reply that comes later would be taken for the next one's; or a negative errno.
 */
int framed_client_receive(struct framed_client *client, const void **data, size_t *length);

/* framed_client_send() and framed_client_receive() in one. */
int framed_client_call(struct framed_client *client, const void *request, size_t request_length,
                       const void **reply, size_t *reply_length);

/* Flushes and tells the server that nothing more will be sent; replies can still be received. */
int framed_client_finish(struct framed_client *client);

/* The connected descriptor, for poll(2); it stays the client's. */
int framed_client_fd(const struct framed_client *client);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
