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
#include <limits.h>
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
        .waits = worker_waits,
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
        result = role_become_user(start, error, size);
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
    worker_set_patience(worker);
    if (result == 0)
        result = worker_listen(worker);
    if (result == 0)
        result = start_handler(worker, error, size);
    return result;
}

/* Descriptors that are not connections. */
#define OTHER_DESCRIPTORS 64

/* How many connections there is room for: beyond what the service is given anyway the limit of
 * descriptors is raised no further than asked for, since what runs in the worker may be of an age
 * that cannot have many. */
static unsigned make_room(const struct worker *worker)
{
    rlim_t wanted = worker->service->workers.connections + OTHER_DESCRIPTORS;
    rlim_t granted;

    if (worker->handler->ops->alone)
        return 1;
    granted = descriptors_allow(wanted);
    if (granted >= wanted)
        return (unsigned)worker->service->workers.connections;
    log_warning("connections", LOG_INT("configured", worker->service->workers.connections),
                LOG_INT("descriptors", granted),
                LOG_STR("hint", "resources { nofile = ... } or LimitNOFILE="));
    return granted > OTHER_DESCRIPTORS ? (unsigned)(granted - OTHER_DESCRIPTORS) : 1;
}

/* What is the same for all its clients. */
static void settle(struct worker *worker)
{
    const struct service_config *service = worker->service;

    worker->room = make_room(worker);
    worker->trim_to = UINT_MAX;
    worker->watch_stale = true;
    worker->conn.write_ms = (unsigned)service->deadlines.write_ms;
    worker->one_reply = framed_framing_ends_stream(service->reply_framing);
    worker->plain = worker->handler->ops->immediate && !worker->one_reply && !service->log_messages;
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
    static struct worker worker;
    char error[sizeof(((struct record *)NULL)->text)] = "";
    int result;

    TEST_POINT("start");
    worker.start = start;
    worker.service = start->service;
    worker.slot = start->shared;
    result = set_up(&worker, error, sizeof(error));
    if (result < 0) {
        worker_report(&worker, RECORD_FAILED, result, error[0] ? error : log_errno_text(result));
        leave(&worker, EXIT_FAILURE);
    }
    settle(&worker);
    worker_report(&worker, RECORD_READY, 0, NULL);
    TEST_POINT("ready");
    while (!worker.stopping && !worker.finished)
        if (worker_wait(&worker)) {
            worker_serve(&worker);
            worker_check_due(&worker);
        }
    worker_drop_all(&worker);
    leave(&worker, EXIT_SUCCESS);
}
