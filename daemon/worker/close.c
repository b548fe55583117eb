/*
 * The end of a connection. A close with bytes unread makes the kernel send a reset, and a reset
 * makes the client's kernel throw away replies that the client has not read yet. So where we close
 * first, we say so (shutdown), read what is still on its way, and close when the client does, or
 * after a bounded time (base/guests.h).
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUOTED_BYTES 32

/* What the reasons mean for closing and logging. */
enum close_flags {
    LINGER = 1,  /* the client may be sending, and replies may be unread */
    BROKEN = 2,  /* worth a line: a client was refused, or something broke */
    QUOTE = 4,   /* the bytes that were received tell why */
    HANDLER = 8, /* our side's fault */
};

static const unsigned char flags_of[COUNTER_COUNT] = {
    [CLOSE_CLIENT] = 0,
    [CLOSE_DRAIN] = LINGER,
    [CLOSE_HANGUP] = LINGER,
    [CLOSE_REPLIED] = LINGER,
    [CLOSE_EVICTED] = LINGER | BROKEN,
    [CLOSE_IDLE] = BROKEN,
    [CLOSE_FRAME] = BROKEN,
    [CLOSE_REQUEST] = LINGER | BROKEN | HANDLER,
    [CLOSE_WRITE] = BROKEN,
    [CLOSE_OVERSIZE] = LINGER | BROKEN | QUOTE,
    [CLOSE_UNDERSIZE] = LINGER | BROKEN | QUOTE,
    [CLOSE_MALFORMED] = LINGER | BROKEN | QUOTE,
    [CLOSE_BAD_MAGIC] = LINGER | BROKEN | QUOTE,
    [CLOSE_BAD_TYPE] = LINGER | BROKEN | QUOTE,
    [CLOSE_BAD_TRAILER] = LINGER | BROKEN | QUOTE,
    [CLOSE_TRUNCATED] = BROKEN | QUOTE,
    [CLOSE_REFUSED] = LINGER | BROKEN,
    [CLOSE_RESET] = BROKEN,
    [CLOSE_HANDLER_DIED] = LINGER | BROKEN | HANDLER,
    [CLOSE_HANDLER_PROTOCOL] = LINGER | BROKEN | HANDLER,
    [CLOSE_HANDLER_FAILED] = LINGER | BROKEN | HANDLER,
    [CLOSE_REPLY] = LINGER | BROKEN | HANDLER,
    [CLOSE_STOP] = BROKEN,
    [CLOSE_MEMORY] = BROKEN,
};

static void log_close(const struct worker *worker, enum counter reason)
{
    const struct client *client = worker->client;
    const struct framed_buffer *input = &worker->conn.input;
    size_t unread = framed_conn_unread(&worker->conn);
    bool quote = (flags_of[reason] & QUOTE) && unread > 0;
    char peer[FRAMED_ADDRESS_TEXT_SIZE];
    int level = LOG_DEBUG;

    if (flags_of[reason] & BROKEN)
        level = flags_of[reason] & HANDLER ? LOG_WARNING : LOG_INFO;
    if (!log_enabled(level))
        return;
    framed_address_format((const struct sockaddr *)&client->peer, client->peer_length, peer,
                          sizeof(peer));
    log_write(
        level, "closed",
        LOG_FIELDS(LOG_STR("reason", counter_word(reason)), LOG_STR("peer", peer),
                   LOG_INT("connection", client->id), LOG_INT("messages", client->messages),
                   /* so that whoever speaks HTTP to this port can be told from noise */
                   LOG_STR("looks_like", quote && client->messages == 0
                                             ? framed_guess(input->data + input->start, unread)
                                             : NULL),
                   quote ? LOG_BYTES("bytes", input->data + input->start,
                                     unread < QUOTED_BYTES ? unread : QUOTED_BYTES)
                         : LOG_STR("bytes", NULL)));
}

/* Until it closes its side, too, or for so long, it is heard while others are served. */
static void see_out(struct worker *worker, int fd)
{
    if (shutdown(fd, SHUT_WR) == 0)
        guests_add(&worker->guests, fd, worker->epoll_fd,
                   clock_ms() + worker->service->deadlines.linger_ms);
    else
        close(fd);
}

void worker_close(struct worker *worker, enum counter reason)
{
    struct client *client = worker->client;
    bool resets = worker_resets(worker, reason); /* or not, and the socket is told so, too */
    bool lingers = !resets && (flags_of[reason] & LINGER) && !worker->stopping;

    log_close(worker, reason);
    worker_unwatch(worker, client);
    framed_conn_detach(&worker->conn);
    if (lingers)
        see_out(worker, client->fd);
    else {
        if (worker->handler->ops->serve) /* whoever else has the socket keeps nobody waiting */
            shutdown(client->fd, SHUT_RDWR);
        close(client->fd);
    }
    worker_free(worker, client);
    worker->client = NULL;
    slot_set_peer(worker->slot, NULL, 0);
}
