#include "ipc/held.h"

#include "base/clock.h"
#include "ipc/parcel.h"

#include <errno.h>
#include <stdlib.h>

int held_add(struct held *held, struct client *client)
{
    size_t fd = (size_t)client->fd;

    if (fd >= held->room) {
        size_t room = (fd + 1) * 2;
        struct client **by_fd = reallocarray(held->by_fd, room, sizeof(struct client *));

        if (!by_fd)
            return -ENOMEM;
        for (size_t i = held->room; i < room; i++)
            by_fd[i] = NULL;
        held->by_fd = by_fd;
        held->room = room;
    }
    held->by_fd[fd] = client;
    held->count++;
    client->list = HELD_IN_HAND;
    return 0;
}

struct client *held_find(const struct held *held, int fd)
{
    return fd >= 0 && (size_t)fd < held->room ? held->by_fd[fd] : NULL;
}

void held_take(struct held *held, struct client *client)
{
    enum held_list list = client->list;

    if (list == HELD_IN_HAND)
        return;
    *(client->previous ? &client->previous->next : &held->first[list]) = client->next;
    *(client->next ? &client->next->previous : &held->last[list]) = client->previous;
    client->next = client->previous = NULL;
    client->list = HELD_IN_HAND;
    held->unread -= client->parked.unread.size;
}

void held_remove(struct held *held, struct client *client)
{
    held_take(held, client);
    held->by_fd[client->fd] = NULL;
    held->count--;
}

/* Mostly the last: what was taken over from another worker may have waited for longer. */
void held_put(struct held *held, struct client *client, enum held_list list, uint64_t since_ms)
{
    struct client *before = held->last[list];

    while (before && before->since_ms > since_ms)
        before = before->previous;
    held->unread += client->parked.unread.size;
    client->list = list;
    client->since_ms = since_ms;
    client->previous = before;
    client->next = before ? before->next : held->first[list];
    *(client->previous ? &client->previous->next : &held->first[list]) = client;
    *(client->next ? &client->next->previous : &held->last[list]) = client;
}

struct client *held_first(const struct held *held)
{
    static const enum held_list order[] = {HELD_CALLED, HELD_BEGUN, HELD_QUIET};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (held->first[order[i]])
            return held->first[order[i]];
    return NULL;
}

uint64_t held_due_ms(const struct held *held, enum held_list list, uint64_t limit_ms)
{
    const struct client *first = held->first[list];

    return first && limit_ms ? first->since_ms + limit_ms + clock_tick_ms() : 0;
}

void held_free_saved(struct client *client)
{
    free(client->saved.data);
    client->saved = (struct saved){0};
}

void held_free_parts(struct client *client)
{
    framed_parked_free(&client->parked);
    held_free_saved(client);
}

int held_send(int socket, const struct client *client)
{
    const struct parcel parcel = {
        .fd = client->fd,
        .id = client->id,
        .greeted = client->greeted,
        .messages = client->messages,
        .heard_ms = client->heard_ms,
        .frame_since_ms = client->frame_since_ms,
        .peer = client->peer,
        .peer_length = client->peer_length,
        .parked = client->parked,
        .saved = client->saved,
    };

    return parcel_send(socket, &parcel);
}

int held_receive(int socket, struct client *client)
{
    struct parcel parcel;
    int got = parcel_receive(socket, &parcel);

    if (got > 0)
        *client = (struct client){
            .fd = parcel.fd,
            .id = parcel.id,
            .greeted = parcel.greeted,
            .messages = parcel.messages,
            .heard_ms = parcel.heard_ms,
            .frame_since_ms = parcel.frame_since_ms,
            .peer = parcel.peer,
            .peer_length = parcel.peer_length,
            .parked = parcel.parked,
            .saved = parcel.saved,
        };
    return got;
}
