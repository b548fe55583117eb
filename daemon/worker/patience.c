/*
 * What keeps the worker waiting for long, the handler's program or a client that does not take its
 * reply, need not keep its other connections waiting, too: they go to the keeper, and whoever of
 * them calls is heard by a worker that is free.
 */
#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* Longer than any move of theirs, and than a tick of the clock. */
#define PATIENCE_MS 5
/* As many as any send of a reply has (lib/conn_output.c). */
#define PARTS_MAX 4

void worker_waits(void *context)
{
    struct worker *worker = context;

    if (worker_has_others(worker))
        worker_make_way(worker);
}

/* Takes COUNT bytes off the front of MESSAGE. */
static void consume(struct msghdr *message, size_t count)
{
    while (message->msg_iovlen > 0 && count >= message->msg_iov->iov_len) {
        count -= message->msg_iov->iov_len;
        message->msg_iov++;
        message->msg_iovlen--;
    }
    if (message->msg_iovlen > 0) {
        message->msg_iov->iov_base = (char *)message->msg_iov->iov_base + count;
        message->msg_iov->iov_len -= count;
    }
}

/* As a send that blocks, but where others would wait with it: that sends only what the client takes
 * without keeping us waiting, and makes way before whoever called waits for the rest. */
static ssize_t send_patiently(struct framed_conn *conn, const struct iovec *parts, int count,
                              int flags)
{
    struct worker *worker = (struct worker *)((char *)conn - offsetof(struct worker, conn));
    struct pollfd client = {.fd = conn->fd, .events = POLLOUT};
    struct iovec left[PARTS_MAX];
    struct msghdr message = {.msg_iov = left, .msg_iovlen = (size_t)count};
    ssize_t sent = 0;

    if ((flags & MSG_DONTWAIT) || count > PARTS_MAX || !worker_has_others(worker))
        return framed_transport_socket.send(conn, parts, count, flags);
    memcpy(left, parts, (size_t)count * sizeof(*parts));
    do {
        ssize_t some = sendmsg(conn->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (some < 0 && errno != EAGAIN && errno != EINTR)
            return sent > 0 ? sent : some;
        consume(&message, some > 0 ? (size_t)some : 0);
        sent += some > 0 ? some : 0;
    } while (message.msg_iovlen > 0 && poll(&client, 1, PATIENCE_MS) > 0);
    if (message.msg_iovlen > 0)
        worker_make_way(worker);
    return sent > 0 ? sent : framed_transport_socket.send(conn, parts, count, flags);
}

void worker_set_patience(struct worker *worker)
{
    worker->transport = framed_transport_socket;
    worker->transport.send = send_patiently;
    worker->conn.transport = &worker->transport;
}
