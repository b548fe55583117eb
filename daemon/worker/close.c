/*
 * The end of a connection. A close with bytes unread makes the kernel send a reset, and a reset
 * makes the client's kernel throw away replies that the client has not read yet. So where we close
 * first, we say so (shutdown), read what is still on its way, and close when the client does, or
 * after a bounded time.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define LINGER_BYTES ((size_t)4 * 1024 * 1024)
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
    const struct client *client = &worker->client;
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

static void linger(const struct worker *worker)
{
    uint64_t now_ms = clock_ms();
    uint64_t until_ms = now_ms + worker->service->deadlines.linger_ms;
    struct pollfd client = {.fd = worker->client.fd, .events = POLLIN};
    uint8_t scrap[4096];
    size_t total = 0;

    slot_set(worker->slot, SLOT_WRITING, now_ms);
    if (shutdown(worker->client.fd, SHUT_WR) < 0)
        return;
    while (total < LINGER_BYTES && !worker->stopping) {
        ssize_t got = recv(worker->client.fd, scrap, sizeof(scrap), MSG_DONTWAIT);

        if (got > 0) {
            total += (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return;
        if (clock_ms() >= until_ms)
            return;
        poll(&client, 1, clock_left_ms(until_ms, clock_ms()));
    }
}

void worker_close(struct worker *worker, enum counter reason)
{
    log_close(worker, reason);
    if (!worker_resets(worker, reason) && (flags_of[reason] & LINGER))
        linger(worker);
    if (worker->handler->ops->serve) /* whoever else has the socket keeps nobody waiting */
        shutdown(worker->client.fd, SHUT_RDWR);
    close(framed_conn_detach(&worker->conn));
    worker->client.fd = -1;
    slot_set_peer(worker->slot, NULL, 0);
}
