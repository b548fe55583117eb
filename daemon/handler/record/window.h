/*
 * The requests that a handler has not answered, at most COUNT: those of the client that is being
 * served, in its order, and those of clients that have gone, which are cancelled and still to be
 * answered. Replies that come before their turn are kept here; all of them together have at most
 * KEPT_MAX bytes. Knows neither records nor clocks.
 */
#ifndef FRAMED_HANDLER_RECORD_WINDOW_H
#define FRAMED_HANDLER_RECORD_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum window_state {
    WINDOW_FREE,
    WINDOW_OPEN,      /* to be answered, in its turn */
    WINDOW_COMPLETE,  /* its last reply is kept */
    WINDOW_FAILED,    /* it was answered with an error */
    WINDOW_CANCELLED, /* to be answered, to nobody */
};

struct window_request {
    uint32_t id;
    uint32_t connection;
    enum window_state state;
    bool begun;                  /* a part of the reply has gone to the client */
    struct window_request *next; /* of the same client, or of the free */
    size_t length;               /* of the message */
    uint64_t began_ns;
    uint64_t deadline_ms; /* 0: none */
    /* Replies that were kept: each a length (uint32_t, our byte order) and its bytes. */
    uint8_t *kept;
    size_t kept_end;
    size_t kept_size;
};

struct window {
    struct window_request *requests;
    size_t count;
    struct window_request *free;
    struct window_request *first; /* of the client; the oldest */
    struct window_request *last;
    size_t owed;      /* requests of the client */
    size_t cancelled; /* of others */
    size_t kept;      /* bytes, of all */
    size_t kept_max;
};

/* 0 or -ENOMEM. COUNT is at most 1024. */
int window_init(struct window *window, size_t count, size_t kept_max);
void window_deinit(struct window *window);

/* Forgets all requests: whoever had them is no more. */
void window_clear(struct window *window);

static inline bool window_is_full(const struct window *window)
{
    return !window->free;
}

/* A request of CONNECTION, behind the others of the client; the window must not be full. The rest
 * is the caller's to fill in. */
struct window_request *window_add(struct window *window, uint32_t connection);

/* The request that is still to be answered with this ID and CONNECTION, or NULL. */
struct window_request *window_find(const struct window *window, uint32_t id, uint32_t connection);

/* Keeps a reply until its turn. 0, -ENOMEM, or -ENOBUFS: more than KEPT_MAX. */
int window_keep(struct window *window, struct window_request *request, const void *data,
                size_t length);

/* Takes the next reply that was kept for REQUEST, from *AT (0 at first) on: valid until the request
 * changes. False: that was the last. */
bool window_take(const struct window_request *request, size_t *at, const uint8_t **data,
                 size_t *length);

/* Forgets what was kept for REQUEST: it was delivered. */
void window_drop_kept(struct window *window, struct window_request *request);

/* Removes the client's first request. */
void window_pop(struct window *window);

/* The client has gone: its first request, out of its queue, is cancelled if its last reply is still
 * to come. The request, or NULL: it was done already, and is free. */
struct window_request *window_cancel(struct window *window);

/* The last reply to a cancelled request has come. */
void window_release(struct window *window, struct window_request *request);

#endif
