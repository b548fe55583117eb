/*
 * Waiting for the client's next bytes. Between messages that is the bare recv, whose time limit is
 * the socket's (SO_RCVTIMEO is the idle deadline); a poll goes before it only where more must be
 * heard or another deadline holds: within a message, while draining, beside a handler's process.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "config/config.h"

#include <errno.h>
#include <poll.h>

/* The time by which bytes must come, and what it means if they do not. */
struct limit {
    uint64_t when_ms; /* 0: none */
    enum counter reason;
};

static void tighten(struct limit *limit, uint64_t when_ms, enum counter reason)
{
    if (limit->when_ms == 0 || when_ms < limit->when_ms)
        *limit = (struct limit){when_ms, reason};
}

static struct limit limit_of(const struct worker *worker)
{
    const struct deadlines_config *deadlines = &worker->service->deadlines;
    const struct client *client = worker->client;
    struct limit limit = {0, CLOSE_IDLE};
    bool owed = worker->untaken || worker->handler->owed > 0;
    bool within = !worker->untaken && !framed_conn_drained(&worker->conn);

    if (within && deadlines->frame_ms)
        tighten(&limit, client->frame_since_ms + deadlines->frame_ms, CLOSE_FRAME);
    if (!within && !owed && deadlines->idle_ms)
        tighten(&limit, client->heard_ms + deadlines->idle_ms, CLOSE_IDLE);
    if (worker->draining) {
        /* The first message of a connection may be on its way: for it we wait, for more we do not.
         */
        bool idle = !within && !owed && client->messages > 0;

        tighten(&limit, idle ? 1 : worker->leave_by_ms, owed ? CLOSE_STOP : CLOSE_DRAIN);
    }
    return limit;
}

static enum counter attend_handler(struct worker *worker, const struct pollfd *ready, int count)
{
    const struct handler_ops *ops = worker->handler->ops;

    for (int i = 0; i < count; i++)
        if (ready[i].revents) {
            if (ops->pump)
                return worker_pump(worker, ready, count);
            ops->attend(worker->handler);
            break;
        }
    return KEEP_SERVING;
}

/* Polls for the client (READING: for its bytes, and not only for its end), the master and the
 * handler. KEEP_SERVING: try the client; or why it is to be closed, such as that time is up. */
static enum counter poll_all(struct worker *worker, const struct limit *limit, bool reading)
{
    const struct handler_ops *ops = worker->handler->ops;
    struct pollfd fds[2 + HANDLER_WATCH_MAX] = {
        {.fd = worker->client->fd, .events = reading ? POLLIN : 0},
        /* once the master is gone it is ready for ever */
        {.fd = worker->orphan ? -1 : worker->start->control_fd, .events = POLLIN},
    };
    int more = ops->watch ? ops->watch(worker->handler, fds + 2) : 0;
    int timeout = limit->when_ms ? clock_left_ms(limit->when_ms, clock_ms()) : -1;
    int ready = poll(fds, 2 + (nfds_t)more, timeout);
    enum counter reason = KEEP_SERVING;

    if (ready > 0 && fds[1].revents)
        worker_attend(worker);
    if (ready > 0)
        reason = attend_handler(worker, fds + 2, more);
    if (reason != KEEP_SERVING)
        return reason;
    if (ready > 0 && !reading && fds[0].revents)
        return CLOSE_RESET;
    if (limit->when_ms && !fds[0].revents && clock_ms() >= limit->when_ms)
        return limit->reason;
    return KEEP_SERVING;
}

/* Where others may wait, too: one recv, which blocks for a moment at most, and that only while
 * there are no others to be heard. As framed_conn_fill(), and -ETIMEDOUT with *REASON. */
static ssize_t fill_in_turn(struct worker *worker, enum counter *reason)
{
    const struct client *client = worker->client;
    uint64_t frame_ms = worker->service->deadlines.frame_ms;
    bool alone = worker->held.count == 1 && !worker->handler->ops->watch && !worker->draining;
    ssize_t got = framed_conn_fill(&worker->conn, alone ? 0 : MSG_DONTWAIT);
    bool begun = client->frame_since_ms != 0;

    *reason = CLOSE_FRAME;
    if (got > 0 && begun && frame_ms && clock_ms() >= client->frame_since_ms + frame_ms)
        return -ETIMEDOUT;
    if (got != -EAGAIN)
        return got;
    /* Who had a message yet is not waited for. */
    *reason = worker->draining && !worker_may_give(worker, client) && !begun && client->messages > 0
                  ? CLOSE_DRAIN
                  : CLIENT_RESTS;
    return -ETIMEDOUT;
}

/* One recv without blocking, and a poll when there is nothing yet. As framed_conn_fill(), and
 * -ETIMEDOUT with *REASON. */
static ssize_t fill_watched(struct worker *worker, enum counter *reason)
{
    struct limit limit = limit_of(worker);
    bool reading = !worker->untaken && !worker->pausing;
    ssize_t got = reading ? framed_conn_fill(&worker->conn, MSG_DONTWAIT) : -EAGAIN;

    *reason = limit.reason;
    /* Bytes that dribble in must not stretch the message's deadline. */
    if (got > 0 && limit.reason == CLOSE_FRAME && limit.when_ms && clock_ms() >= limit.when_ms)
        return -ETIMEDOUT;
    if (got != -EAGAIN)
        return got;
    *reason = poll_all(worker, &limit, reading);
    return *reason == KEEP_SERVING ? -EINTR : -ETIMEDOUT;
}

static ssize_t fill_bare(struct worker *worker, enum counter *reason)
{
    ssize_t got = framed_conn_fill(&worker->conn, 0);

    *reason = CLOSE_IDLE;
    return got == -EAGAIN ? -ETIMEDOUT : got;
}

static enum counter reason_of(ssize_t got, enum counter timeout)
{
    if (got == 0)
        return CLOSE_CLIENT;
    if (got == -ETIMEDOUT)
        return timeout;
    return got == -ENOMEM ? CLOSE_MEMORY : CLOSE_RESET;
}

enum counter worker_receive(struct worker *worker)
{
    bool watched = worker->handler->ops->watch != NULL;
    enum counter timeout;
    ssize_t got;

    worker_set_waiting(worker);
    do {
        if (worker_poked())
            worker_attend(worker);
        if (worker->stopping)
            return CLOSE_STOP;
        worker->pausing =
            worker->pausing || (worker->room == 1 && worker_may_give(worker, worker->client));
        if (worker->pausing && worker_is_at_rest(worker))
            return CLIENT_RESTS;
        if (worker->draining && clock_ms() >= worker->leave_by_ms)
            return worker->handler->owed > 0 ? CLOSE_STOP : CLOSE_DRAIN;
        if (worker->untaken && !worker->handler->full)
            return KEEP_SERVING;
        if (worker->room > 1 && !worker->untaken && worker->handler->owed == 0)
            got = fill_in_turn(worker, &timeout);
        else if (watched || worker->draining || !framed_conn_drained(&worker->conn))
            got = fill_watched(worker, &timeout);
        else
            got = fill_bare(worker, &timeout);
    } while (got == -EINTR);
    if (got > 0)
        return KEEP_SERVING;
    return reason_of(got, timeout);
}

enum counter worker_await_replies(struct worker *worker)
{
    struct limit limit = {worker->draining ? worker->leave_by_ms : 0, CLOSE_STOP};

    if (worker_poked())
        worker_attend(worker);
    return worker->stopping ? CLOSE_STOP : poll_all(worker, &limit, false);
}
