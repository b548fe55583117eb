/* A worker's life, in one fixed order: set up, READY, serve, leave. */
#include "worker/worker.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/identity.h"
#include "base/kin.h"
#include "base/log.h"
#include "base/points.h"
#include "base/proctitle.h"
#include "config/config.h"
#include "handler/attributes.h"
#include "handler/environment.h"
#include "handler/leftovers.h"
#include "ipc/record.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* How often, and how long apart, it tries to publish its last counters. */
#define LAST_WORDS_TRIES 20
#define LAST_WORDS_NS 100000

static void group_changed(void *context, pid_t group)
{
    struct worker *worker = context;

    worker->watch_stale = true;
    worker->group = group;
    worker->group_untold = worker_report(worker, RECORD_GROUP, group, NULL) < 0;
}

static uint64_t interrupted(void *context)
{
    struct worker *worker = context;

    if (worker_poked())
        worker_attend(worker);
    if (worker->stopping)
        return 1;
    return worker->draining ? worker->leave_by_ms : 0;
}

/* Counted each time, told at times: enough for whoever looks. */
static void faulted(void *context, const char *why)
{
    struct worker *worker = context;

    worker->counters.value[COUNTER_HANDLER_FAULTS]++;
    worker->unpublished = true;
    if (limiter_pass(&worker->faults, 1, clock_coarse_ms()))
        worker_report(worker, RECORD_FAULT, 0, why);
}

static int start_handler(struct worker *worker, char *error, size_t size)
{
    worker->host = (struct handler_host){
        .service = worker->service,
        .slot = worker->start->slot,
        .start_by_ms = clock_ms() + worker->service->deadlines.start_ms,
        .context = worker,
        .reply = worker_reply,
        .stream = &worker_stream,
        .flush = worker_flush,
        .answered = worker_answered,
        .excuse = worker_excuse,
        .faulted = faulted,
        .interrupted = interrupted,
        .group_changed = group_changed,
    };
    worker->handler = handler_new(&worker->host);
    if (!worker->handler)
        return -ENOMEM;
    return handler_start(worker->handler, error, size);
}

/* Then its program needs nothing to become the same user, and it nothing to kill that. */
static int become_user(const struct worker *worker, char *error, size_t size)
{
    const struct process_config *process = &worker->service->process;
    struct identity identity;
    int result;

    if (!process->user && !process->group)
        return 0;
    result = identity_lookup(process->user, process->group, &identity, error, size);
    if (result < 0)
        return result;
    return identity_become(&identity, IDENTITY_KEEP_NONE, error, size);
}

static int set_up(struct worker *worker, char *error, size_t size)
{
    const struct worker_start *start = worker->start;
    const struct log_settings settings = config_log_settings(start->config);
    int result;

    proctitle_set("framed: %s #%u", worker->service->name, start->slot);
    prctl(PR_SET_NAME, "framed-worker", 0, 0, 0);
    log_set_identity(worker->service->name, (int)start->slot);
    /* The master's log is still that of the configuration before. */
    log_change(&settings);
    kin_mark(start->mark);
    descriptors_restore_limit(start->file_limit);
    result = attributes_take(worker->service, start->slot, error, size);
    if (result == 0)
        result = become_user(worker, error, size);
    identity_renounce();
    if (result == 0)
        result = environment_adopt(worker->service);
    if (result == 0)
        result = attributes_settle(worker->service, error, size);
    if (result == 0)
        result = role_close_foreign(start);
    if (result == 0)
        result = worker_control_init(worker);
    /* A module's children are its own. */
    if (result == 0 && worker->service->handler.type == HANDLER_COMMAND)
        result = leftovers_expect();
    if (result == 0)
        result = framed_conn_init(&worker->conn, worker->service->framing,
                                  worker->service->reply_framing);
    if (result == 0)
        result = worker_listen(worker);
    if (result == 0)
        result = start_handler(worker, error, size);
    return result;
}

static void leave(struct worker *worker, int status) __attribute__((noreturn));
static void leave(struct worker *worker, int status)
{
    const struct timespec moment = {.tv_nsec = LAST_WORDS_NS};

    TEST_POINT("leave");
    /* The master holds the lock for the time of a copy. */
    for (int i = 0; i < LAST_WORDS_TRIES && worker->unpublished; i++) {
        nanosleep(&moment, NULL);
        worker_publish(worker);
    }
    if (worker->handler && worker->handler->ops->stop)
        worker->handler->ops->stop(
            worker->handler, worker->stopping ? 0 : (unsigned)worker->service->deadlines.grace_ms);
    _exit(status);
}

void worker_main(const struct worker_start *start)
{
    struct worker worker = {
        .start = start, .service = start->service, .slot = start->shared, .client.fd = -1};
    char error[sizeof(((struct record *)NULL)->text)] = "";
    int result;

    TEST_POINT("start");
    result = set_up(&worker, error, sizeof(error));
    if (result < 0) {
        worker_report(&worker, RECORD_FAILED, result, error[0] ? error : log_errno_text(result));
        leave(&worker, EXIT_FAILURE);
    }
    worker.watch_stale = true;
    worker_report(&worker, RECORD_READY, 0, NULL);
    TEST_POINT("ready");
    while (!worker.stopping && !worker.finished)
        if (worker_wait(&worker)) {
            worker_serve(&worker);
            worker_check_due(&worker);
        }
    leave(&worker, EXIT_SUCCESS);
}
