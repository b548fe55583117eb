/*
 * A client's life: it comes, has its turns, and goes. Between its turns it costs a struct client,
 * what it has sent of an unfinished message, and what the handler keeps for it.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

/* The bare wait for one client ends by then, where others may come. */
#define ALONE_MS 4

uint64_t worker_replies(const struct worker *worker)
{
    return worker->counters.value[COUNTER_REPLIES] + worker->counters.value[COUNTER_ERROR_REPLIES];
}

static void show_held(const struct worker *worker)
{
    slot_set_held(worker->slot, worker->held.count);
}

void worker_take(struct worker *worker, struct client *client)
{
    held_take(&worker->held, client);
    worker->client = client;
    worker->reads = 0;
    worker->untaken = worker->pausing = false;
    worker->handler->connection = client->state;
    worker->handler->other_client = worker->handler->other_client || client != worker->last;
    worker->last = client;
    client->replies_before += worker_replies(worker);
    slot_set_peer(worker->slot, (const struct sockaddr *)&client->peer, client->peer_length);
    framed_conn_unpark(&worker->conn, client->fd, &client->parked);
}

bool worker_admit(struct worker *worker, struct client *from)
{
    struct client *client = malloc(sizeof(*client));

    if (client)
        *client = *from;
    if (!client || held_add(&worker->held, client) < 0) {
        log_error("accept", LOG_ERRNO(ENOMEM));
        worker->counters.value[CLOSE_MEMORY]++;
        worker->unpublished = true;
        held_free_parts(from);
        close(from->fd);
        free(client);
        return false;
    }
    show_held(worker);
    worker_take(worker, client);
    return true;
}

static void set_timeout(int fd, int option, uint64_t ms)
{
    struct timeval time = {.tv_sec = (time_t)(ms / 1000),
                           .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

/* Tells a handler that wants to know who has come. 0, or a negative errno: it does not want it. */
static int open_handler(struct worker *worker)
{
    const struct handler_ops *ops = worker->handler->ops;
    const struct saved *saved = &worker->client->saved;
    struct introduction introduction;
    int result;

    if (!ops->open)
        return 0;
    slot_set(worker->slot, SLOT_HANDLING, worker->client->heard_ms);
    result = worker_introduce(worker, &introduction);
    if (result < 0)
        return result;
    if (!saved->made || !worker->handler->saves)
        return ops->open(worker->handler, &introduction.peer);
    return ops->restore(worker->handler, &introduction.peer, saved->data, saved->length);
}

/* A client has just connected: its socket takes the few bytes at once. */
static enum counter greet(struct worker *worker)
{
    size_t length;
    const uint8_t *greeting = framed_framing_greeting(worker->service->framing, &length);

    if (length > 0 && framed_conn_put_raw(&worker->conn, greeting, length) < 0)
        return CLOSE_RESET;
    return worker_send(worker);
}

/* New to this worker, and to framed unless another one had it before. */
static enum counter welcome(struct worker *worker)
{
    const struct deadlines_config *deadlines = &worker->service->deadlines;
    struct client *client = worker->client;

    set_timeout(client->fd, SO_RCVTIMEO, worker->room > 1 ? ALONE_MS : deadlines->idle_ms);
    set_timeout(client->fd, SO_SNDTIMEO, deadlines->write_ms);
    worker->handler->farewell = FAREWELL_FAULT;
    if (worker->one_reply)
        worker_arm(worker, true);
    if (open_handler(worker) < 0)
        return CLOSE_HANDLER_FAILED;
    client->opened = true;
    held_free_saved(client);
    if (client->greeted)
        return KEEP_SERVING;
    client->greeted = true;
    return greet(worker);
}

void worker_free(struct worker *worker, struct client *client)
{
    held_remove(&worker->held, client);
    held_free_saved(client);
    if (worker->last == client)
        worker->last = NULL;
    free(client);
}

void worker_forget(struct worker *worker, struct client *client)
{
    worker_unwatch(worker, client);
    held_free_parts(client);
    close(client->fd);
    worker_free(worker, client);
    show_held(worker);
}

/* Another worker's handler will know it. */
static void part(struct worker *worker)
{
    worker->handler->farewell = FAREWELL_MOVED;
    if (worker->handler->ops->close)
        worker->handler->ops->close(worker->handler);
    worker->client->opened = false;
}

/* Its turn is over, and it is held. CLIENT_RESTS, or why it cannot be. */
static enum counter put_down(struct worker *worker)
{
    struct client *client = worker->client;

    if (worker_watch(worker, client) < 0 || framed_conn_park(&worker->conn, &client->parked) < 0)
        return CLOSE_MEMORY;
    client->stays = false;
    client->asked = worker->draining && client->messages == 0;
    client->state = worker->handler->connection;
    client->replies_before -= worker_replies(worker);
    if (client->frame_since_ms)
        held_put(&worker->held, client, HELD_BEGUN, client->frame_since_ms);
    else
        held_put(&worker->held, client, HELD_QUIET, client->heard_ms);
    worker->client = NULL;
    worker_mind_memory(worker);
    return CLIENT_RESTS;
}

void worker_end(struct worker *worker, enum counter reason)
{
    const struct client *client = worker->client;

    if (client->opened && worker->handler->ops->close) {
        slot_set(worker->slot, SLOT_HANDLING, clock_coarse_ms());
        worker->handler->ops->close(worker->handler);
    }
    /* In one go with what the last messages came to. */
    worker->counters.value[reason]++;
    worker_publish(worker);
    worker_close(worker, reason);
    worker->client_ended = true;
    show_held(worker);
}

/* Who comes when others have taken over is for them, from its first message on. */
static bool is_for_heirs(struct worker *worker)
{
    if (worker->client->opened || worker->start->keeper_out < 0)
        return false;
    if (worker_poked())
        worker_attend(worker);
    return worker_may_give(worker, worker->client);
}

void worker_serve(struct worker *worker)
{
    enum counter reason = KEEP_SERVING;

    if (worker->held.count > 1 && worker_keeps(worker))
        worker_make_way(worker);
    if (is_for_heirs(worker))
        reason = CLIENT_RESTS;
    else if (worker->handler->ops->serve)
        reason = worker_lend(worker);
    else if (!worker->client->opened)
        reason = welcome(worker);
    if (reason == KEEP_SERVING)
        reason = worker_serve_messages(worker);
    if (reason == CLIENT_RESTS && worker->room == 1 && worker->client->opened &&
        !worker->handler->saves)
        part(worker);
    if (reason == CLIENT_RESTS)
        reason = put_down(worker);
    if (reason != CLIENT_RESTS)
        worker_end(worker, reason);
}
