#include "keeper/kept.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "ipc/parcel.h"

#include <framed/address.h>

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Taken in before those who are here get their turn. */
#define BATCH 256
/* Without descriptors or memory. */
#define STARVED_PAUSE_MS 100
/* Who goes at once when there are none, and how often that is told. */
#define EVICTED 4
#define TELL_EVERY_MS 1000

int kept_watch(const struct keeper *keeper, int fd, uint32_t events, enum caller caller)
{
    struct epoll_event event = {.events = events,
                                .data.u64 = (uint64_t)caller << 32 | (unsigned)fd};

    return epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

void kept_unwatch(const struct keeper *keeper, int fd)
{
    epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void kept_publish(struct keeper *keeper)
{
    slot_set_held(keeper->start->shared, keeper->held.count);
    keeper->unpublished = !slot_publish(keeper->start->shared, &keeper->counters);
}

void kept_listen(struct keeper *keeper, bool listen)
{
    if (listen != keeper->listening) {
        if (listen)
            listen = kept_watch(keeper, keeper->start->keeper_in, EPOLLIN, CALLER_INTAKE) == 0;
        else
            kept_unwatch(keeper, keeper->start->keeper_in);
    }
    keeper->listening = listen;
}

/* Lets go of CLIENT, whose descriptor is the caller's from now on. */
static int release(struct keeper *keeper, struct client *client)
{
    int fd = client->fd;

    if (client->watched)
        kept_unwatch(keeper, fd);
    held_remove(&keeper->held, client);
    held_free_parts(client);
    free(client);
    return fd;
}

static void log_close(const struct client *client, enum counter reason)
{
    char peer[FRAMED_ADDRESS_TEXT_SIZE];

    framed_address_format((const struct sockaddr *)&client->peer, client->peer_length, peer,
                          sizeof(peer));
    log_write(reason == CLOSE_DRAIN ? LOG_DEBUG : LOG_INFO, "closed",
              LOG_FIELDS(LOG_STR("reason", counter_word(reason)), LOG_STR("peer", peer),
                         LOG_INT("connection", client->id), LOG_INT("messages", client->messages)));
}

/* Who has done nothing wrong is seen out: it may just have begun to say something. */
static void end(struct keeper *keeper, struct client *client, enum counter reason)
{
    int fd;

    log_close(client, reason);
    keeper->counters.value[reason]++;
    fd = release(keeper, client);
    kept_publish(keeper);
    if ((reason == CLOSE_DRAIN || reason == CLOSE_EVICTED) && shutdown(fd, SHUT_WR) == 0)
        guests_add(&keeper->guests, fd, keeper->epoll_fd,
                   clock_ms() + keeper->service->deadlines.linger_ms);
    else
        close(fd);
}

/* Whose messages have been unfinished for the longest go first, all but one. */
static void mind_memory(struct keeper *keeper)
{
    static const enum held_list order[] = {HELD_BEGUN, HELD_CALLED};
    struct held *held = &keeper->held;

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        while (held->unread > keeper->service->limits.max_unread &&
               held->first[order[i]] != held->last[order[i]])
            end(keeper, held->first[order[i]], CLOSE_EVICTED);
}

static void keep(struct keeper *keeper, struct client *from)
{
    struct client *client = malloc(sizeof(*client));

    if (client)
        *client = *from;
    if (!client || held_add(&keeper->held, client) < 0) {
        log_error("keep", LOG_ERRNO(ENOMEM));
        keeper->counters.value[CLOSE_MEMORY]++;
        held_free_parts(from);
        close(from->fd);
        free(client);
        return;
    }
    client->watched =
        kept_watch(keeper, client->fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, CALLER_CLIENT) == 0;
    /* Where handlers know each connection one of them wants to: it may have something to say. */
    if (config_room(keeper->service) == 1)
        held_put(&keeper->held, client, HELD_CALLED, client->heard_ms);
    else if (client->frame_since_ms)
        held_put(&keeper->held, client, HELD_BEGUN, client->frame_since_ms);
    else
        held_put(&keeper->held, client, HELD_QUIET, client->heard_ms);
    if (!client->watched)
        end(keeper, client, CLOSE_MEMORY);
}

/* There are no descriptors for another one: who has been silent for the longest makes room; or the
 * others wait where they are. */
static void make_room(struct keeper *keeper, int error)
{
    uint64_t now_ms = clock_ms();

    if (now_ms >= keeper->told_ms + TELL_EVERY_MS)
        log_error("keep", LOG_ERRNO(error), LOG_INT("kept", keeper->held.count),
                  LOG_STR("hint", "LimitNOFILE="));
    keeper->told_ms = now_ms;
    for (int i = 0; i < EVICTED; i++) {
        if (keeper->held.first[HELD_QUIET]) {
            end(keeper, keeper->held.first[HELD_QUIET], CLOSE_EVICTED);
            continue;
        }
        kept_listen(keeper, false);
        keeper->again_ms = now_ms + STARVED_PAUSE_MS;
        return;
    }
}

void kept_take_in(struct keeper *keeper)
{
    for (int left = BATCH; left > 0; left--) {
        struct client client;
        int got = held_receive(keeper->start->keeper_in, &client);

        if (got == -EMFILE || got == -ENFILE) {
            make_room(keeper, got);
            return;
        }
        if (got == -EBADMSG || got == -ENOMEM)
            log_error("adopt", LOG_ERRNO(got));
        else if (got <= 0)
            return;
        if (got <= 0)
            continue;
        TEST_POINT("kept");
        keeper->counters.value[COUNTER_MOVED_IN]++;
        keep(keeper, &client);
        kept_publish(keeper);
        mind_memory(keeper);
    }
}

/* It is full; somebody tells when it is not, or it is looked at again. */
static void wait_for_room(struct keeper *keeper, struct way *way, int why)
{
    way->again_ms = 0;
    if (why == -EAGAIN && !way->full)
        way->full = kept_watch(keeper, way->fd, EPOLLOUT, CALLER_ROOM) == 0;
    if (!way->full)
        way->again_ms = clock_ms() + PARCEL_AGAIN_MS;
}

void kept_stop_waiting(struct keeper *keeper, struct way *way)
{
    way->again_ms = 0;
    if (way->full)
        kept_unwatch(keeper, way->fd);
    way->full = false;
}

/* What is on its way counts, too: until the way is empty it may all be there yet. */
static bool is_heavy(const struct keeper *keeper, struct way *way, const struct client *client)
{
    size_t size = client->parked.unread.size;
    int queued = 0;

    if (size == 0)
        return false;
    if (ioctl(way->fd, SIOCOUTQ, &queued) == 0 && queued == 0)
        way->under_way = 0;
    if (way->under_way > 0 && way->under_way + size > keeper->service->limits.max_unread)
        return true;
    way->under_way += size;
    return false;
}

/* Gives CLIENT away, if there is room. */
static bool give(struct keeper *keeper, struct way *way, struct client *client)
{
    int result = -ETOOMANYREFS;

    /* It is not to be counted twice. */
    slot_set_held(keeper->start->shared, keeper->held.count - 1);
    if (!is_heavy(keeper, way, client))
        result = held_send(way->fd, client);
    if (result < 0)
        slot_set_held(keeper->start->shared, keeper->held.count);
    if (result == -EAGAIN || result == -ETOOMANYREFS) {
        wait_for_room(keeper, way, result);
        return false;
    }
    if (result < 0) {
        log_error("give", LOG_ERRNO(result));
        end(keeper, client, CLOSE_MEMORY);
        return true;
    }
    TEST_POINT("passed");
    keeper->counters.value[COUNTER_MOVED_OUT]++;
    close(release(keeper, client));
    kept_publish(keeper);
    return true;
}

void kept_give_called(struct keeper *keeper)
{
    struct client *client;

    while ((client = keeper->held.first[HELD_CALLED]) != NULL)
        if (!give(keeper, &keeper->shelf, client))
            return;
    kept_stop_waiting(keeper, &keeper->shelf);
}

/* Those who have called go to the shelf as before. */
void kept_give_all(struct keeper *keeper)
{
    static const enum held_list order[] = {HELD_BEGUN, HELD_QUIET};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        struct client *client;

        while ((client = keeper->held.first[order[i]]) != NULL)
            if (!give(keeper, &keeper->heir, client))
                return;
    }
    kept_stop_waiting(keeper, &keeper->heir);
}

void kept_trim(struct keeper *keeper, unsigned count)
{
    while (keeper->held.count > count && keeper->held.first[HELD_QUIET])
        end(keeper, keeper->held.first[HELD_QUIET], CLOSE_EVICTED);
}

void kept_end_all(struct keeper *keeper)
{
    struct client *client;

    while ((client = held_first(&keeper->held)) != NULL)
        end(keeper, client, CLOSE_DRAIN);
}

/* One event of each, and then it is among those who have called, whatever it may have been. */
void kept_called(struct keeper *keeper, int fd)
{
    struct client *client = held_find(&keeper->held, fd);

    if (!client || client->list == HELD_CALLED)
        return;
    held_take(&keeper->held, client);
    held_put(&keeper->held, client, HELD_CALLED, clock_coarse_ms());
}

uint64_t kept_check(struct keeper *keeper, uint64_t now_ms)
{
    const struct deadlines_config *deadlines = &keeper->service->deadlines;
    const struct {
        enum held_list list;
        uint64_t limit_ms;
        enum counter reason;
    } limits[] = {{HELD_QUIET, deadlines->idle_ms, CLOSE_IDLE},
                  {HELD_BEGUN, deadlines->frame_ms, CLOSE_FRAME}};
    uint64_t next_ms = 0;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint64_t when_ms;

        while ((when_ms = held_due_ms(&keeper->held, limits[i].list, limits[i].limit_ms)) != 0 &&
               when_ms <= now_ms)
            end(keeper, keeper->held.first[limits[i].list], limits[i].reason);
        next_ms = clock_earlier(next_ms, when_ms);
    }
    return clock_earlier(next_ms, guests_check(&keeper->guests, now_ms));
}
