/*
 * Work is shared, not connections: a worker that has just come takes whole crowds before others
 * have the CPU, and of those that it has the busy ones may be many. So when several call at once,
 * the last of them go to the shelf, which wakes a worker that has nothing to do; it has them from
 * there on. Where nobody takes them all are busy: we take them back, and do not try again for a
 * while.
 */
#include "worker/worker.h"

#include "config/config.h"

#include <sys/ioctl.h>

/* So few are served in less time than another worker needs to wake. */
#define FEW 4
#define AGAIN_MS 100

bool worker_may_share(const struct worker *worker)
{
    return worker->event_count >= FEW && worker->start->shelf_out >= 0 &&
           worker->service->workers.max > 1 && !worker->handler->sticky && !worker->draining &&
           worker->service->workers.idle != IDLE_HOLD &&
           worker->looked_ms >= worker->share_again_ms;
}

static bool is_shelf_empty(const struct worker *worker)
{
    int bytes = 0;

    return ioctl(worker->start->shelf_in, FIONREAD, &bytes) == 0 && bytes == 0;
}

/* A quarter at a time: whoever wakes has something to do, and may yet find more. */
void worker_share(struct worker *worker, struct client *const *called, size_t count)
{
    if (!is_shelf_empty(worker)) {
        worker->share_again_ms = worker->looked_ms + AGAIN_MS;
        return;
    }
    for (size_t i = 0; i < count / FEW; i++)
        if (worker_give(worker, called[count - 1 - i], worker->start->shelf_out) < 0)
            return;
}
