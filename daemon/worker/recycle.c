/* When to ask the master for a replacement. The worker serves on until it is told to leave. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "ipc/record.h"

#include <errno.h>

#define MEASURE_EVERY_MS 1000

/* Its own and its program's. */
static bool is_too_large(const struct worker *worker)
{
    static bool told; /* once is enough */
    uint64_t own = memory_resident(0);

    if (own == 0 && !told)
        log_warning("max-rss", LOG_ERRNO(errno));
    told = own == 0;
    return own + (worker->group > 0 ? memory_resident(worker->group) : 0) >
           worker->service->workers.max_rss;
}

/* After each connection, and now and then while they last. */
static bool is_time(struct worker *worker)
{
    uint64_t now_ms = clock_coarse_ms();

    if (worker->client_ended || now_ms >= worker->measured_ms + MEASURE_EVERY_MS) {
        worker->client_ended = false;
        worker->measured_ms = now_ms;
        return true;
    }
    return false;
}

void worker_check_due(struct worker *worker)
{
    uint64_t most = worker->start->max_requests;

    if (worker->due || worker->draining)
        return;
    if (most && worker->counters.value[COUNTER_MESSAGES] >= most)
        worker->due = worker_report(worker, RECORD_RECYCLE, DUE_REQUESTS, NULL) == 0;
    else if (worker->service->workers.max_rss && is_time(worker) && is_too_large(worker))
        worker->due = worker_report(worker, RECORD_RECYCLE, DUE_RSS, NULL) == 0;
}
