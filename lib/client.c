/*
 * The client: a connection whose transport never waits for the server in one direction only. When
 * the socket takes no more, replies are taken in; they stay in the input buffer until asked for.
 *
 * The framing is made twice, because replies and requests have different limits.
 */
#include <framed/client.h>

#include <framed/address.h>
#include <framed/conn.h>

#include "framing/kind.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct framed_client {
    struct framed_conn conn;         /* first: the transport gets its client from it */
    struct framed_framing *requests; /* what is sent; owned */
    struct framed_framing *replies;  /* the same with the limit for what is received; owned */
    size_t greeted;                  /* bytes of the server's greeting that were read */
    unsigned timeout_ms;
    uint64_t until_ms; /* deadline of the call that is under way; 0: none */
    int send_error;    /* why nothing more can be sent, or 0 */
    int end;           /* 0, -ENODATA after the end of the stream, or why receiving failed */
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void start_clock(struct framed_client *client)
{
    client->until_ms = client->timeout_ms ? now_ms() + client->timeout_ms : 0;
}

/* Waits for EVENTS until the deadline. What is ready (0 after a signal), or a negative errno. */
static int wait_for(const struct framed_client *client, short events)
{
    struct pollfd server = {.fd = client->conn.fd, .events = events};
    int timeout = -1;
    int ready;

    if (client->until_ms) {
        uint64_t now = now_ms();
        uint64_t left = client->until_ms > now ? client->until_ms - now : 0;

        timeout = left < INT32_MAX ? (int)left : INT32_MAX;
    }
    ready = poll(&server, 1, timeout);
    if (ready == 0)
        return -ETIMEDOUT;
    if (ready < 0)
        return errno == EINTR ? 0 : -errno;
    return server.revents;
}

/* Takes in what has arrived. Remembers the end of the stream, whatever it is. */
static void take_in(struct framed_client *client)
{
    ssize_t got = framed_conn_fill(&client->conn, MSG_DONTWAIT);

    if (got == 0)
        client->end = -ENODATA;
    else if (got < 0 && got != -EAGAIN && got != -EINTR)
        client->end = (int)got;
}

static ssize_t client_receive(struct framed_conn *conn, void *data, size_t length, int flags)
{
    return framed_transport_socket.receive(conn, data, length, flags);
}

static ssize_t client_send(struct framed_conn *conn, const struct iovec *parts, int count,
                           int flags)
{
    struct framed_client *client = (struct framed_client *)conn;

    for (;;) {
        ssize_t sent = framed_transport_socket.send(conn, parts, count, flags | MSG_DONTWAIT);
        int ready;

        if (sent >= 0 || errno != EAGAIN)
            return sent;
        ready = wait_for(client, client->end ? POLLOUT : POLLIN | POLLOUT);
        if (ready < 0) {
            errno = -ready;
            return -1;
        }
        if (!client->end && (ready & (POLLIN | POLLHUP)))
            take_in(client);
    }
}

static const struct framed_transport client_transport = {
    .receive = client_receive,
    .send = client_send,
};

/* The framing by TEXT, both ways. */
static int set_framing(struct framed_client *client, const char *text, size_t max_reply,
                       char *error, size_t size)
{
    const struct framed_framing *in;
    int result = framed_framing_parse(text, NULL, &client->requests, error, size);

    if (result == 0)
        result = framed_framing_parse(text, NULL, &client->replies, error, size);
    if (result < 0)
        return result;
    in = framed_framing_reply(client->replies);
    client->conn.in = in ? in : client->replies;
    client->conn.out = client->requests->first ? client->requests->first : client->requests;
    if (!framed_framing_decodes(client->conn.in)) {
        snprintf(error, size,
                 "framing \"%s\": its replies are raw, so that a client cannot tell where one ends",
                 text);
        return -EINVAL;
    }
    framed_framing_set_max(client->requests, FRAMED_MESSAGE_LIMIT);
    if (max_reply == 0)
        max_reply = FRAMED_MESSAGE_DEFAULT;
    result = framed_framing_set_max(client->replies, max_reply);
    if (result < 0)
        snprintf(error, size,
                 "largest reply: found %zu bytes, allowed: 1 to %zu, and what \"%s\" needs",
                 max_reply, FRAMED_MESSAGE_LIMIT, text);
    return result;
}

static int connect_to(struct framed_client *client, const char *text, char *error, size_t size)
{
    struct framed_address address;
    int fd = framed_address_parse(text, &address, error, size);

    if (fd == 0)
        fd = framed_connect(&address, client->timeout_ms, error, size);
    if (fd < 0)
        return fd;
    framed_conn_attach(&client->conn, fd);
    client->conn.decoder.started = true; /* only requests have a first frame of its own */
    return 0;
}

int framed_client_open(const char *address, const char *framing, size_t max_reply,
                       unsigned timeout_ms, struct framed_client **client, char *error, size_t size)
{
    struct framed_client *made = calloc(1, sizeof(*made));
    int result = made ? framed_conn_init(&made->conn, NULL, NULL) : -ENOMEM;

    if (result < 0) {
        snprintf(error, size, "not enough memory for a connection");
        free(made);
        return result;
    }
    made->conn.transport = &client_transport;
    made->timeout_ms = timeout_ms;
    result = set_framing(made, framing, max_reply, error, size);
    if (result == 0)
        result = connect_to(made, address, error, size);
    if (result < 0) {
        framed_client_free(made);
        return result;
    }
    *client = made;
    return 0;
}

void framed_client_free(struct framed_client *client)
{
    int fd;

    if (!client)
        return;
    fd = framed_conn_detach(&client->conn);
    if (fd >= 0)
        close(fd);
    framed_conn_deinit(&client->conn);
    framed_framing_free(client->requests);
    framed_framing_free(client->replies);
    free(client);
}

int framed_client_send(struct framed_client *client, const void *data, size_t length)
{
    int result;

    if (client->send_error)
        return client->send_error;
    start_clock(client);
    result = framed_conn_put(&client->conn, data, length);
    if (result == 0) {
        bool was_last = framed_framing_ends_stream(client->conn.out);

        client->conn.out = client->requests;
        if (was_last)
            result = framed_client_finish(client);
    }
    if (result < 0)
        client->send_error = result;
    return result;
}

int framed_client_flush(struct framed_client *client)
{
    if (client->send_error)
        return client->send_error;
    if (framed_conn_queued(&client->conn) > 0) {
        start_clock(client);
        client->send_error = framed_conn_flush(&client->conn);
    }
    return client->send_error;
}

/* Reads the server's greeting: FRAMED_OK when all of it is through, FRAMED_NEED_MORE, or
 * FRAMED_BAD_MAGIC: the server says something else. */
static int read_greeting(struct framed_client *client)
{
    struct framed_buffer *input = &client->conn.input;
    size_t length;
    const uint8_t *greeting = framed_framing_greeting(client->replies, &length);
    size_t left = length - client->greeted;
    size_t there = input->end - input->start;

    if (left == 0)
        return FRAMED_OK;
    if (there > left)
        there = left;
    if (there > 0 && memcmp(input->data + input->start, greeting + client->greeted, there) != 0)
        return FRAMED_BAD_MAGIC;
    input->start += there;
    client->greeted += there;
    return there == left ? FRAMED_OK : FRAMED_NEED_MORE;
}

static bool has_reply(struct framed_client *client)
{
    int verdict = read_greeting(client);

    return verdict == FRAMED_OK ? framed_conn_ready(&client->conn) : verdict != FRAMED_NEED_MORE;
}

static int next_reply(struct framed_client *client, struct framed_message *message)
{
    int verdict = read_greeting(client);

    return verdict == FRAMED_OK ? framed_conn_next(&client->conn, message) : verdict;
}

bool framed_client_ready(struct framed_client *client)
{
    if (has_reply(client) || client->end)
        return true;
    take_in(client);
    return client->end || has_reply(client);
}

/* What it means that no more bytes come. */
static int reply_at_end(struct framed_client *client, struct framed_message *message)
{
    size_t greeting;
    int verdict;

    framed_framing_greeting(client->replies, &greeting);
    if (client->end != -ENODATA)
        return client->end;
    if (client->greeted > 0 && client->greeted < greeting)
        return FRAMED_TRUNCATED;
    verdict = framed_conn_end(&client->conn, message);
    return verdict == FRAMED_END ? -ENODATA : verdict;
}

int framed_client_receive(struct framed_client *client, const void **data, size_t *length)
{
    int sent = framed_client_flush(client);
    struct framed_message message;
    int verdict;

    /* Who did not take our bytes in time gets no more time; replies that are here still count. */
    if (sent != -ETIMEDOUT)
        start_clock(client);
    while ((verdict = next_reply(client, &message)) == FRAMED_NEED_MORE) {
        int ready;

        if (client->end) {
            verdict = reply_at_end(client, &message);
            if (sent < 0 && verdict != FRAMED_OK)
                verdict = sent;
            break;
        }
        ready = wait_for(client, POLLIN);
        if (ready < 0)
            return ready;
        if (ready > 0)
            take_in(client);
    }
    if (verdict == FRAMED_OK) {
        *data = message.data;
        *length = message.length;
    }
    return verdict;
}

int framed_client_call(struct framed_client *client, const void *request, size_t request_length,
                       const void **reply, size_t *reply_length)
{
    int result = framed_client_send(client, request, request_length);

    return result ? result : framed_client_receive(client, reply, reply_length);
}

int framed_client_finish(struct framed_client *client)
{
    int result = framed_client_flush(client);

    if (result == 0 && shutdown(client->conn.fd, SHUT_WR) < 0)
        result = -errno;
    return result;
}

int framed_client_fd(const struct framed_client *client)
{
    return client->conn.fd;
}
