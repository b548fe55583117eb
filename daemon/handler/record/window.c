#include "handler/record/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An id is a sequence above the request's place in the table: found without a search, and one that
 * was answered is soon not mistaken for one that was not. */
#define PLACE_BITS 10
#define PLACE_MASK ((UINT32_C(1) << PLACE_BITS) - 1)
/* Room for replies that a request keeps from one use to the next. */
#define KEPT_USUAL 4096

static void put_free(struct window *window, struct window_request *request)
{
    request->state = WINDOW_FREE;
    request->next = window->free;
    window->free = request;
}

int window_init(struct window *window, size_t count, size_t kept_max)
{
    *window = (struct window){
        .requests = calloc(count, sizeof(*window->requests)), .count = count, .kept_max = kept_max};
    if (!window->requests)
        return -ENOMEM;
    for (size_t i = count; i-- > 0;) {
        window->requests[i].id = (uint32_t)i;
        put_free(window, &window->requests[i]);
    }
    return 0;
}

void window_deinit(struct window *window)
{
    for (size_t i = 0; window->requests && i < window->count; i++)
        free(window->requests[i].kept);
    free(window->requests);
    *window = (struct window){0};
}

struct window_request *window_add(struct window *window, uint32_t connection)
{
    struct window_request *request = window->free;

    window->free = request->next;
    request->id += PLACE_MASK + 1;
    if (request->id <= PLACE_MASK) /* the sequence begins anew, and 0 is no id */
        request->id += PLACE_MASK + 1;
    request->connection = connection;
    request->state = WINDOW_OPEN;
    request->begun = false;
    request->next = NULL;
    if (window->owed++ == 0)
        window->first = request;
    else
        window->last->next = request;
    window->last = request;
    return request;
}

struct window_request *window_find(const struct window *window, uint32_t id, uint32_t connection)
{
    size_t place = id & PLACE_MASK;
    struct window_request *request = place < window->count ? &window->requests[place] : NULL;

    if (!request || request->id != id || request->connection != connection)
        return NULL;
    return request->state == WINDOW_OPEN || request->state == WINDOW_CANCELLED ? request : NULL;
}

int window_keep(struct window *window, struct window_request *request, const void *data,
                size_t length)
{
    uint32_t prefix = (uint32_t)length;
    size_t needed = sizeof(prefix) + length;

    if (needed > window->kept_max - window->kept)
        return -ENOBUFS;
    if (needed > request->kept_size - request->kept_end) {
        size_t size = request->kept_end + needed;
        uint8_t *grown;

        if (size < 2 * request->kept_size)
            size = 2 * request->kept_size;
        grown = realloc(request->kept, size);
        if (!grown)
            return -ENOMEM;
        request->kept = grown;
        request->kept_size = size;
    }
    memcpy(request->kept + request->kept_end, &prefix, sizeof(prefix));
    if (length > 0)
        memcpy(request->kept + request->kept_end + sizeof(prefix), data, length);
    request->kept_end += needed;
    window->kept += needed;
    return 0;
}

bool window_take(const struct window_request *request, size_t *at, const uint8_t **data,
                 size_t *length)
{
    uint32_t prefix;

    if (*at == request->kept_end)
        return false;
    memcpy(&prefix, request->kept + *at, sizeof(prefix));
    *data = request->kept + *at + sizeof(prefix);
    *length = prefix;
    *at += sizeof(prefix) + prefix;
    return true;
}

void window_drop_kept(struct window *window, struct window_request *request)
{
    window->kept -= request->kept_end;
    request->kept_end = 0;
    if (request->kept_size > KEPT_USUAL) {
        free(request->kept);
        request->kept = NULL;
        request->kept_size = 0;
    }
}

/* Takes the client's first request out of its queue. */
static struct window_request *take_first(struct window *window)
{
    struct window_request *request = window->first;

    window->first = request->next;
    window->owed--;
    window_drop_kept(window, request);
    return request;
}

void window_pop(struct window *window)
{
    put_free(window, take_first(window));
}

struct window_request *window_cancel(struct window *window)
{
    struct window_request *request = take_first(window);

    if (request->state != WINDOW_OPEN) {
        put_free(window, request);
        return NULL;
    }
    request->state = WINDOW_CANCELLED;
    window->cancelled++;
    return request;
}

void window_release(struct window *window, struct window_request *request)
{
    window->cancelled--;
    put_free(window, request);
}

void window_clear(struct window *window)
{
    while (window->owed > 0)
        window_pop(window);
    for (size_t i = 0; i < window->count && window->cancelled > 0; i++)
        if (window->requests[i].state == WINDOW_CANCELLED)
            window_release(window, &window->requests[i]);
}
