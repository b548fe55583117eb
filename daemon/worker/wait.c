/*
 * Waiting without a client in hand: for those that the worker has, and for new ones. All idle
 * workers of a pool sleep on the same listeners, each in an epoll set of its own with
 * EPOLLEXCLUSIVE, so that a connection wakes one of them; then each accepts for itself.
 *
 * The kernel wakes the first in line. Who holds connections goes to the end of it after each that
 * it accepts, so that they are spread over the pool; who has none stays where it is, and its caches
 * warm.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TELL_AGAIN_MS 500
#define BUFFER_KEPT_MS 1000
#define ASIDE_MS 1000
#define ASIDE_PAUSE_MS 100

/* What an event is of; the other half of its data is an index or a descriptor. */
enum caller {
    CALLER_GUEST, /* as guests_add() has it */
    CALLER_CLIENT,
    CALLER_LISTENER,
    CALLER_SHELF,
    CALLER_CONTROL,
    CALLER_HANDLER,
};

static int watch(const struct worker *worker, int fd, uint32_t events, enum caller caller,
                 size_t which)
{
    struct epoll_event event = {.events = events, .data.u64 = (uint64_t)caller << 32 | which};

    if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    return epoll_ctl(worker->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0 ? -errno : 0;
}

static void unwatch(const struct worker *worker, int fd)
{
    epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int worker_listen(struct worker *worker)
{
    worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return worker->epoll_fd < 0
               ? -errno
               : watch(worker, worker->start->control_fd, EPOLLIN, CALLER_CONTROL, 0);
}

void worker_unwatch_master(const struct worker *worker)
{
    unwatch(worker, worker->start->control_fd);
}

int worker_watch(struct worker *worker, struct client *client)
{
    int result = 0;

    if (!client->watched)
        result = watch(worker, client->fd, EPOLLIN | EPOLLRDHUP, CALLER_CLIENT, (size_t)client->fd);
    client->watched = result == 0;
    return result;
}

void worker_unwatch(struct worker *worker, struct client *client)
{
    if (client->watched)
        unwatch(worker, client->fd);
    client->watched = false;
}

static void close_doors(struct worker *worker)
{
    for (size_t i = 0; i < worker->start->listener_count; i++)
        unwatch(worker, worker->start->listeners[i]);
    if (worker->start->shelf_in >= 0)
        unwatch(worker, worker->start->shelf_in);
    worker->serving = false;
}

/*
 * A worker whose program cannot be started yet fails each message at once, is free again before all
 * others, and would draw all clients. So it steps aside and lets the others have them. Where all
 * are like that, clients want to know: now and then it takes who comes.
 */
static bool stands_aside(struct worker *worker)
{
    const struct handler *handler = worker->handler;
    uint64_t down_ms = 0;
    uint64_t now_ms;

    if (handler->ops->down_until && worker->service->workers.max > 1)
        down_ms = handler->ops->down_until(handler);
    if (down_ms == 0) {
        worker->aside_until_ms = 0;
        return false;
    }
    now_ms = clock_ms();
    if (now_ms >= worker->aside_until_ms + ASIDE_PAUSE_MS)
        worker->aside_until_ms = now_ms + ASIDE_MS < down_ms ? now_ms + ASIDE_MS : down_ms;
    return now_ms < worker->aside_until_ms;
}

/* The listeners, for as long as the worker may serve and has room. One that cannot watch them is of
 * no use. */
static void tend_doors(struct worker *worker)
{
    const struct worker_start *start = worker->start;
    bool open =
        worker->may_serve && !worker->draining && worker_has_room(worker) && !stands_aside(worker);
    int result = 0;

    if (worker->serving && (!open || (worker->last_in_line && worker->held.count > 0)))
        close_doors(worker);
    worker->last_in_line = false;
    if (!open || worker->serving)
        return;
    for (size_t i = 0; result == 0 && i < start->listener_count; i++)
        result = watch(worker, start->listeners[i], EPOLLIN | EPOLLEXCLUSIVE, CALLER_LISTENER, i);
    if (result == 0 && start->shelf_in >= 0)
        result = watch(worker, start->shelf_in, EPOLLIN | EPOLLEXCLUSIVE, CALLER_SHELF, 0);
    worker->serving = result == 0;
    if (result < 0) {
        log_error("listen", LOG_ERRNO(result));
        worker->stopping = true;
    }
}

static bool is_watched(const struct worker *worker, const struct pollfd *wanted)
{
    for (int i = 0; i < worker->watched_count; i++)
        if (worker->watched[i].fd == wanted->fd && worker->watched[i].events == wanted->events)
            return true;
    return false;
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
    count = ops->watch(worker->handler, wanted);
    for (int i = 0; i < count; i++)
        if (worker->watch_stale || !is_watched(worker, &wanted[i]))
            watch(worker, wanted[i].fd, (uint32_t)wanted[i].events, CALLER_HANDLER, 0);
    memcpy(worker->watched, wanted, (size_t)count * sizeof(wanted[0]));
    worker->watched_count = count;
    worker->watch_stale = false;
}

/* What the master could not be told when it happened: it had not read for long. */
static void tell_group(struct worker *worker)
{
    if (worker->group_untold)
        worker->group_untold = worker_report(worker, RECORD_GROUP, worker->group, NULL) < 0;
}

/* To be woken for nothing, as when another worker has gone, is to be idle still. */
static void set_waiting(const struct worker *worker)
{
    uint64_t since_ms;

    slot_set_peer(worker->slot, NULL, 0);
    if (worker->held.count > 0)
        slot_set(worker->slot, worker->held.first[HELD_BEGUN] ? SLOT_RECEIVING : SLOT_READING,
                 clock_coarse_ms());
    else if (slot_get(worker->slot, &since_ms) != SLOT_IDLE)
        slot_set(worker->slot, SLOT_IDLE, clock_ms());
}

/* Ends those whose time is over; when the next one's is. */
static uint64_t check_deadlines(struct worker *worker, uint64_t now_ms)
{
    const struct deadlines_config *deadlines = &worker->service->deadlines;
    const struct {
        enum held_list list;
        uint64_t limit_ms;
        enum counter reason;
    } limits[] = {{HELD_QUIET, deadlines->idle_ms, CLOSE_IDLE},
                  {HELD_BEGUN, deadlines->frame_ms, CLOSE_FRAME}};
    uint64_t next_ms = 0;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        enum held_list list = limits[i].list;
        uint64_t when_ms;

        while ((when_ms = held_due_ms(&worker->held, list, limits[i].limit_ms)) != 0 &&
               when_ms <= now_ms) {
            worker_take(worker, worker->held.first[list]);
            worker_end(worker, limits[i].reason);
        }
        next_ms = clock_earlier(next_ms, when_ms);
    }
    return clock_earlier(next_ms, guests_check(&worker->guests, now_ms));
}

/* After a large message there is likely to be another one; but what nobody needs is given back. */
static void mind_buffer(struct worker *worker)
{
    if (worker->conn.input.size <= FRAMED_CONN_INPUT_SIZE) {
        worker->trim_ms = 0;
    } else if (worker->trim_ms == 0) {
        worker->trim_ms = worker->looked_ms + BUFFER_KEPT_MS;
    } else if (worker->looked_ms >= worker->trim_ms) {
        framed_conn_trim(&worker->conn);
        worker->trim_ms = 0;
    }
}

/* How long nothing is to be done, unless somebody calls. */
static int pause_ms(struct worker *worker)
{
    uint64_t wake_ms = 0;
    uint64_t now_ms;

    if (worker->look || worker_poked())
        return 0;
    if (worker->held.count == 0 && worker->guests.count == 0 && !worker->group_untold &&
        !worker->draining && worker->aside_until_ms == 0 && worker->trim_ms == 0)
        return -1;
    now_ms = clock_ms();
    wake_ms = check_deadlines(worker, now_ms);
    if (worker->group_untold)
        wake_ms = clock_earlier(wake_ms, now_ms + TELL_AGAIN_MS);
    if (worker->draining && worker->held.count > 0)
        wake_ms = clock_earlier(wake_ms, worker->leave_by_ms);
    if (worker->crowded_ms > worker->looked_ms)
        wake_ms = clock_earlier(wake_ms, worker->crowded_ms + clock_tick_ms());
    if (worker->trim_ms > 0)
        wake_ms = clock_earlier(wake_ms, worker->trim_ms + clock_tick_ms());
    if (worker->aside_until_ms > now_ms)
        wake_ms = clock_earlier(wake_ms, worker->aside_until_ms);
    return wake_ms ? clock_left_ms(wake_ms, now_ms) : -1;
}

/* Those who are given away are found no more when it would be their turn. */
static void share(struct worker *worker)
{
    struct client *called[WORKER_EVENTS];
    size_t count = 0;

    if (!worker_may_share(worker))
        return;
    for (int i = 0; i < worker->event_count; i++) {
        uint64_t data = worker->events[i].data.u64;

        if (data >> 32 == CALLER_CLIENT)
            called[count++] = held_find(&worker->held, (int)(unsigned)data);
    }
    worker_share(worker, called, count);
}

void worker_rest_until_called(struct worker *worker)
{
    tend_doors(worker);
    watch_handler(worker);
    mind_buffer(worker);
    if (worker->unpublished)
        worker_publish(worker);
    tell_group(worker);
    set_waiting(worker);
    worker->event_count =
        epoll_wait(worker->epoll_fd, worker->events, WORKER_EVENTS, pause_ms(worker));
    worker->next_event = 0;
    worker->looked_ms = clock_coarse_ms();
    share(worker);
}

static bool attend_listener(struct worker *worker, size_t which)
{
    return worker_make_room(worker, worker->start->listeners[which]) &&
           worker_accept(worker, which);
}

static bool attend_shelf(struct worker *worker)
{
    return worker->start->shelf_in >= 0 && worker_make_room(worker, worker->start->shelf_in) &&
           worker_adopt(worker);
}

/* True: the client in hand has called. */
static bool attend(struct worker *worker, const struct epoll_event *event)
{
    unsigned which = (unsigned)event->data.u64;
    struct client *client;

    switch ((enum caller)(event->data.u64 >> 32)) {
    case CALLER_CLIENT:
        client = held_find(&worker->held, (int)which);
        if (client)
            worker_take(worker, client);
        return client != NULL;
    case CALLER_LISTENER:
        return attend_listener(worker, which);
    case CALLER_CONTROL: /* a wake-up for a connection is ours alone: it comes before the order to
                            leave */
        worker->called = true;
        return false;
    case CALLER_SHELF:
        return attend_shelf(worker);
    case CALLER_GUEST:
        guests_attend(&worker->guests, which);
        return false;
    case CALLER_HANDLER:
        worker->handler->ops->attend(worker->handler);
        return false;
    default:
        return false;
    }
}

/* Looks at the listeners because the master says so. */
static bool look(struct worker *worker)
{
    bool told = worker->look && worker->serving;

    worker->look = false;
    for (size_t i = 0; told && i < worker->start->listener_count; i++)
        if (attend_listener(worker, i))
            return true;
    return told && attend_shelf(worker);
}

bool worker_wait(struct worker *worker)
{
    while (worker->next_event < worker->event_count && !worker->stopping)
        if (attend(worker, &worker->events[worker->next_event++]))
            return true;
    if (worker->called || worker_poked())
        worker_attend(worker);
    if (worker->stopping)
        return false;
    worker_trim(worker);
    if (worker->draining)
        return worker_drain(worker);
    if (look(worker))
        return true;
    worker_rest_until_called(worker);
    return false;
}
