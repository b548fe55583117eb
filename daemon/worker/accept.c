/*
 * Taking who has connected. The listeners do not block: who comes too late finds nobody there.
 */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/points.h"
#include "ipc/gate.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Without descriptors or memory the listener stays ready: wait a little instead of spinning. */
#define STARVED_PAUSE_MS 100

void worker_accept_failed(const struct worker *worker, int error)
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

bool worker_accept(struct worker *worker, size_t listener)
{
    struct client client = {.peer_length = sizeof(client.peer)};

    TEST_POINT("accept");
    client.fd = accept4(worker->start->listeners[listener], (struct sockaddr *)&client.peer,
                        &client.peer_length, SOCK_CLOEXEC);
    if (client.fd < 0) {
        worker_accept_failed(worker, errno);
        return false;
    }
    /* Whoever knows how many wait learns from it for how long. */
    gate_pass(worker->start->gates[listener]);
    TEST_POINT("accepted");
    client.id = worker->start->generation << 32 | (uint32_t)++worker->next_client_id;
    client.heard_ms = clock_ms();
    worker->counters.value[COUNTER_CONNECTIONS]++;
    worker->unpublished = true;
    worker->last_in_line = true;
    return worker_admit(worker, &client);
}

bool worker_accept_any(struct worker *worker)
{
    for (size_t i = 0; i < worker->start->listener_count; i++)
        if (worker_accept(worker, i))
            return true;
    return false;
}

/* Who waits where nobody else will come. */
static bool accept_forsaken(struct worker *worker)
{
    for (size_t i = 0; worker->forsaken && i < worker->start->listener_count; i++) {
        if (worker->forsaken[i] == '\0')
            break;
        if (worker->forsaken[i] == '1' && worker_accept(worker, i))
            return true;
    }
    return false;
}

bool worker_accept_last(struct worker *worker)
{
    if (!worker->may_serve || worker->stopping || clock_ms() >= worker->leave_by_ms)
        return false;
    if (accept_forsaken(worker))
        return true;
    if (worker->may_accept <= 0 || !worker_accept_any(worker))
        return false;
    worker->may_accept--;
    return true;
}
