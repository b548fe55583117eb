/*
 * Waiting for a client. All idle workers of a pool sleep on the same listeners, each in an epoll
 * set of its own with EPOLLEXCLUSIVE, so that a connection wakes one of them; then each accepts for
 * itself. The listeners do not block: who comes too late goes back to sleep.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "config/config.h"
#include "ipc/gate.h"
#include "ipc/record.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 8
/* Without descriptors or memory the listener stays ready: wait a little instead of spinning. */
#define STARVED_PAUSE_MS 100
#define TELL_AGAIN_MS 500

static int watch(struct worker *worker, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    if (events & EPOLLEXCLUSIVE) /* cannot be changed, nor need it be */
        return 0;
    return epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

int worker_listen(struct worker *worker)
{
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return worker->epoll_fd < 0 ? -errno : watch(worker, worker->start->control_fd, EPOLLIN);
}

/* The listeners, once the worker may serve. One that cannot watch them is of no use. */
static void open_doors(struct worker *worker)
{
    const struct worker_start *start = worker->start;
    int result = 0;

    if (!worker->may_serve || worker->serving || worker->draining)
        return;
    for (size_t i = 0; result == 0 && i < start->listener_count; i++)
        result = watch(worker, start->listeners[i], EPOLLIN | EPOLLEXCLUSIVE);
    worker->serving = result == 0;
    if (result < 0) {
        log_error("listen", LOG_ERRNO(result));
        worker->stopping = true;
    }
}

/* A descriptor that was closed has left the set by itself; new ones are added. Handlers with pump()
 * want to write at times, too. */
static void watch_handler(struct worker *worker)
{
    const struct handler_ops *ops = worker->handler->ops;
    struct pollfd wanted[HANDLER_WATCH_MAX];
    int count;

    if (!ops->watch || (!worker->watch_stale && !ops->pump))
        return;
    worker->watch_stale = false;
    count = ops->watch(worker->handler, wanted);
    for (int i = 0; i < count; i++)
        watch(worker, wanted[i].fd, (uint32_t)wanted[i].events);
}

static void accept_failed(struct worker *worker, int error)
{
    struct pollfd control = {.fd = worker->start->control_fd, .events = POLLIN};

    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        log_error("accept", LOG_ERRNO(error));
        poll(&control, 1, STARVED_PAUSE_MS);
        break;
    default: /* EAGAIN: another worker was faster; or the client has gone already */
        break;
    }
}

/* Whoever knows how many wait learns from it for how long. */
static void count(const struct worker *worker, int listener)
{
    const struct worker_start *start = worker->start;

    for (size_t i = 0; i < start->listener_count; i++)
        if (start->listeners[i] == listener)
            gate_pass(start->gates[i]);
}

static bool accept_client(struct worker *worker, int listener)
{
    struct client *client = &worker->client;
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int fd;

    TEST_POINT("accept");
    fd = accept4(listener, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
    if (fd < 0) {
        accept_failed(worker, errno);
        return false;
    }
    count(worker, listener);
    TEST_POINT("accepted");
    *client = (struct client){
        .fd = fd,
        .listener = listener,
        .id = worker->start->generation << 32 | (uint32_t)++worker->next_client_id,
        .heard_ms = clock_ms(),
        .peer = peer,
        .peer_length = length,
    };
    return true;
}

/* Without being told by the listeners: a wake-up may have gone to a worker that is no more. */
static bool accept_any(struct worker *worker)
{
    for (size_t i = 0; i < worker->start->listener_count; i++)
        if (accept_client(worker, worker->start->listeners[i]))
            return true;
    return false;
}

/* Who waits where nobody else will come. */
static bool accept_forsaken(struct worker *worker)
{
    for (size_t i = 0; worker->forsaken && i < worker->start->listener_count; i++) {
        if (worker->forsaken[i] == '\0')
            break;
        if (worker->forsaken[i] == '1' && accept_client(worker, worker->start->listeners[i]))
            return true;
    }
    return false;
}

/* While draining: what is in the queues already, as far as we may, then nothing more. */
static bool accept_last(struct worker *worker)
{
    bool may = worker->may_serve && !worker->stopping && clock_ms() < worker->leave_by_ms;

    if (may && accept_forsaken(worker))
        return true;
    if (may && worker->may_accept > 0 && accept_any(worker)) {
        worker->may_accept--;
        return true;
    }
    worker->finished = true;
    return false;
}

static bool is_listener(const struct worker *worker, int fd)
{
    for (size_t i = 0; i < worker->start->listener_count; i++)
        if (worker->start->listeners[i] == fd)
            return true;
    return false;
}

/* What the master could not be told when it happened: it had not read for long. */
static bool tell_group(struct worker *worker)
{
    worker->group_untold = worker_report(worker, RECORD_GROUP, worker->group, NULL) < 0;
    return !worker->group_untold;
}

/* To be woken for nothing, as when another worker has gone, is to be idle still. */
static void set_idle(const struct worker *worker)
{
    uint64_t since_ms;

    if (slot_get(worker->slot, &since_ms) != SLOT_IDLE)
        slot_set(worker->slot, SLOT_IDLE, clock_ms());
}

bool worker_wait(struct worker *worker)
{
    struct epoll_event events[EVENTS];
    bool look = worker->draining || worker->look || worker_poked();
    int listener = -1;
    int timeout_ms = look ? 0 : -1;
    int count;

    open_doors(worker);
    watch_handler(worker);
    if (worker->unpublished)
        worker_publish(worker);
    if (worker->group_untold && !tell_group(worker) && !look)
        timeout_ms = TELL_AGAIN_MS;
    set_idle(worker);
    count = epoll_wait(worker->epoll_fd, events, EVENTS, timeout_ms);
    for (int i = 0; i < count; i++) {
        if (is_listener(worker, events[i].data.fd))
            listener = events[i].data.fd;
        else if (events[i].data.fd != worker->start->control_fd)
            worker->handler->ops->attend(worker->handler);
    }
    /* A wake-up for a connection is ours alone: take it before the order to leave is read. */
    if (listener >= 0 && !worker->draining && accept_client(worker, listener))
        return true;
    worker_attend(worker);
    if (worker->draining)
        return accept_last(worker);
    look = worker->look;
    worker->look = false;
    return look && worker->serving && accept_any(worker);
}
