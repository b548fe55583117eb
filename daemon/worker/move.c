/*
 * Connections change workers: who has to leave gives its own to the service's keeper. Who calls
 * there comes to the shelf, where any worker takes it, in its turn, as it accepts new ones. Where
 * nobody goes on with them they are closed as soon as they have no message on its way.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "ipc/parcel.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool worker_adopt(struct worker *worker)
{
    struct client client;
    int got = held_receive(worker->start->shelf_in, &client);

    if (got == -EBADMSG || got == -ENOMEM)
        log_error("adopt", LOG_ERRNO(got));
    else if (got < 0)
        worker_accept_failed(worker, -got);
    if (got <= 0)
        return false;
    TEST_POINT("adopted");
    worker->counters.value[COUNTER_MOVED_IN]++;
    worker_publish(worker); /* or the sums would lack it, should the worker die with it */
    return worker_admit(worker, &client);
}

/* The handler's own call for CLIENT, which is not in hand. */
static int save(struct worker *worker, struct client *client)
{
    struct handler *handler = worker->handler;
    void *in_hand = handler->connection;
    uint8_t data[PARCEL_SAVED_MAX];
    int length;

    slot_set(worker->slot, SLOT_HANDLING, clock_coarse_ms());
    handler->connection = client->state;
    length = handler->ops->save(handler, data, sizeof(data));
    handler->connection = in_hand;
    client->stays = length < 0;
    if (length < 0)
        return length;
    client->saved = (struct saved){.made = true, .length = (size_t)length};
    if (length == 0)
        return 0;
    client->saved.data = malloc((size_t)length);
    if (!client->saved.data)
        return -ENOMEM;
    memcpy(client->saved.data, data, (size_t)length);
    return 0;
}

static void close_saved(struct worker *worker, struct client *client)
{
    struct handler *handler = worker->handler;
    void *in_hand = handler->connection;

    handler->connection = client->state;
    handler->farewell = FAREWELL_MOVED;
    handler->ops->close(handler);
    handler->connection = in_hand;
}

int worker_give(struct worker *worker, struct client *client, int way)
{
    bool saved = client->opened && worker->handler->saves;
    int result = saved ? save(worker, client) : 0;

    /* It is not to be counted twice. */
    slot_set_held(worker->slot, worker->held.count - 1);
    if (result == 0)
        result = held_send(way, client);
    if (result < 0) {
        slot_set_held(worker->slot, worker->held.count);
        if (saved)
            held_free_saved(client);
        return result;
    }
    TEST_POINT("given");
    if (saved)
        close_saved(worker, client);
    worker->counters.value[COUNTER_MOVED_OUT]++;
    worker_publish(worker);
    worker_forget(worker, client);
    return 0;
}

/* Until the keeper has room, or the master calls. */
static void wait_for_room(const struct worker *worker, int why)
{
    struct pollfd fds[] = {
        {.fd = why == -EAGAIN ? worker->start->keeper_out : -1, .events = POLLOUT},
        {.fd = worker->orphan ? -1 : worker->start->control_fd, .events = POLLIN},
    };
    int left_ms = clock_left_ms(worker->leave_by_ms, clock_ms());

    if (why == -ETOOMANYREFS && left_ms > PARCEL_AGAIN_MS)
        left_ms = PARCEL_AGAIN_MS;
    poll(fds, sizeof(fds) / sizeof(fds[0]), left_ms);
}

bool worker_may_give(const struct worker *worker, const struct client *client)
{
    return worker->yielding && !(client->opened && (worker->handler->sticky || client->stays));
}

/* Who waits and may go; NULL: nobody. */
static struct client *first_to_give(const struct worker *worker)
{
    for (size_t list = 0; list < HELD_LISTS; list++)
        for (struct client *client = worker->held.first[list]; client; client = client->next)
            if (worker_may_give(worker, client))
                return client;
    return NULL;
}

/* One of a kind that cannot be sent stays, and is closed in order. */
static void give_all(struct worker *worker)
{
    struct client *client;

    while (!worker->stopping && (client = first_to_give(worker))) {
        int result = worker_give(worker, client, worker->start->keeper_out);

        if ((result == -EAGAIN || result == -ETOOMANYREFS) && clock_ms() < worker->leave_by_ms) {
            wait_for_room(worker, result);
            worker_attend(worker);
        } else if (result < 0 && !client->stays) {
            log_error("yield", LOG_ERRNO(result));
            worker->yielding = false;
        }
    }
}

/* One that has not been asked yet whether a message of its has arrived. */
static struct client *unasked(const struct worker *worker)
{
    struct client *client = worker->held.first[HELD_QUIET];

    while (client && client->asked)
        client = client->next;
    return client;
}

/* Nobody is waited for any longer. */
static void end_all(struct worker *worker, enum counter reason)
{
    struct client *client;

    while ((client = held_first(&worker->held)) != NULL) {
        worker_take(worker, client);
        worker_end(worker, reason);
    }
}

/* Who has called, where no other worker will come for it. */
static bool take_last(struct worker *worker)
{
    return worker->may_serve && !worker->yielding && !worker->stopping &&
           worker->start->shelf_in >= 0 && clock_ms() < worker->leave_by_ms && worker_adopt(worker);
}

bool worker_drain(struct worker *worker)
{
    struct client *client;

    give_all(worker);
    client = unasked(worker);
    if (client) {
        worker_take(worker, client);
        client->asked = true;
        return true;
    }
    if (!worker->refusing && (worker_accept_last(worker) || take_last(worker)))
        return true;
    worker->refusing = true;
    if (clock_ms() >= worker->leave_by_ms)
        end_all(worker, CLOSE_DRAIN);
    guests_check(&worker->guests, clock_ms());
    worker->finished = worker->held.count == 0 && worker->guests.count == 0;
    if (!worker->finished)
        worker_rest_until_called(worker);
    return false;
}

void worker_drop_all(struct worker *worker)
{
    end_all(worker, CLOSE_STOP);
}
