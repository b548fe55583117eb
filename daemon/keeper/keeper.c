#include "keeper/keeper.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/points.h"
#include "base/proctitle.h"
#include "ipc/record.h"
#include "keeper/kept.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EVENTS 256

static void report(const struct keeper *keeper, unsigned type, int64_t value, const char *text)
{
    struct record record = {.type = type,
                            .slot = keeper->start->slot,
                            .generation = keeper->start->generation,
                            .value = value};

    if (text)
        snprintf(record.text, sizeof(record.text), "%s", text);
    record_send(keeper->start->status_fd, &record);
}

/* HEIR: where all go; -1: nobody goes on with them. */
static void begin_to_leave(struct keeper *keeper, int heir)
{
    if (!keeper->leaving)
        keeper->leave_by_ms = clock_ms() + keeper->service->deadlines.drain_ms;
    kept_stop_waiting(keeper, &keeper->heir);
    keeper->leaving = true;
    keeper->heir.fd = heir;
    /* What the others put there yet is for the next keeper, or is closed with the others. */
    keeper->again_ms = 0;
    kept_listen(keeper, heir < 0);
}

static void obey(struct keeper *keeper, const struct record *record, int passed)
{
    switch (record->type) {
    case RECORD_SERVE: /* before, who is not needed after all ends without a word */
        kept_listen(keeper, !keeper->leaving);
        break;
    case RECORD_TRIM:
        kept_trim(keeper, (unsigned)record->value);
        break;
    case RECORD_YIELD:
        begin_to_leave(keeper, keeper->start->keeper_out);
        report(keeper, RECORD_DRAINING, 0, NULL);
        break;
    case RECORD_DRAIN:
        begin_to_leave(keeper, -1);
        report(keeper, RECORD_DRAINING, 0, NULL);
        break;
    case RECORD_STOP:
        _exit(EXIT_SUCCESS);
    case RECORD_REOPEN:
        role_reopen_log(passed);
        break;
    default:
        break;
    }
}

static void listen_to_master(struct keeper *keeper)
{
    struct record record;
    int passed;
    int got;

    while ((got = record_receive_with(keeper->start->control_fd, &record, &passed)) > 0)
        obey(keeper, &record, passed);
    if (got != 0)
        return;
    /* It is gone: one that is started anew finds the addresses free. */
    kept_unwatch(keeper, keeper->start->control_fd);
    for (size_t i = 0; i < keeper->start->listener_count; i++)
        close(keeper->start->listeners[i]);
    begin_to_leave(keeper, -1);
}

/* What is tried again, and when. */
static uint64_t try_again(struct keeper *keeper, uint64_t now_ms)
{
    if (keeper->again_ms && keeper->again_ms <= now_ms) {
        keeper->again_ms = 0;
        kept_listen(keeper, true);
    }
    if (keeper->unpublished)
        kept_publish(keeper);
    return clock_earlier(keeper->again_ms, keeper->unpublished ? now_ms + 1 : 0);
}

/* Gives away whom it can, or ends those with whom nobody goes on. */
static void deal(struct keeper *keeper)
{
    if (!keeper->shelf.full)
        kept_give_called(keeper);
    if (keeper->leaving && keeper->heir.fd < 0)
        kept_end_all(keeper);
    else if (keeper->leaving && !keeper->heir.full)
        kept_give_all(keeper);
}

/* Milliseconds that nothing is to be done in, unless somebody calls. */
static int pause_ms(struct keeper *keeper)
{
    uint64_t now_ms = clock_ms();
    uint64_t wake_ms = kept_check(keeper, now_ms);

    wake_ms = clock_earlier(wake_ms, try_again(keeper, now_ms));
    wake_ms = clock_earlier(wake_ms, keeper->shelf.again_ms);
    wake_ms = clock_earlier(wake_ms, keeper->heir.again_ms);
    if (keeper->leaving)
        wake_ms = clock_earlier(wake_ms, keeper->leave_by_ms);
    return wake_ms ? clock_left_ms(wake_ms, now_ms) : -1;
}

static void attend(struct keeper *keeper, const struct epoll_event *event)
{
    unsigned which = (unsigned)event->data.u64;

    switch ((enum caller)(event->data.u64 >> 32)) {
    case CALLER_GUEST:
        guests_attend(&keeper->guests, which);
        break;
    case CALLER_CLIENT:
        kept_called(keeper, (int)which);
        break;
    case CALLER_INTAKE:
        kept_take_in(keeper);
        break;
    case CALLER_CONTROL:
        listen_to_master(keeper);
        break;
    case CALLER_ROOM:
        kept_stop_waiting(keeper, (int)which == keeper->shelf.fd ? &keeper->shelf : &keeper->heir);
        break;
    default:
        break;
    }
}

static bool has_left(const struct keeper *keeper)
{
    return keeper->leaving && ((keeper->held.count == 0 && keeper->guests.count == 0) ||
                               clock_ms() >= keeper->leave_by_ms);
}

static void run(struct keeper *keeper)
{
    struct epoll_event events[EVENTS];

    for (int timeout_ms = -1; !has_left(keeper); timeout_ms = pause_ms(keeper)) {
        int count = epoll_wait(keeper->epoll_fd, events, EVENTS, timeout_ms);

        for (int i = 0; i < count; i++)
            attend(keeper, &events[i]);
        deal(keeper);
    }
    kept_end_all(keeper);
}

/* Signals stay blocked as they are in the master: it is the pipe that tells, also of its end. */
static int set_up(struct keeper *keeper, char *error, size_t size)
{
    const struct log_settings settings = config_log_settings(keeper->start->config);
    int result;

    proctitle_set("framed: %s keeper", keeper->service->name);
    prctl(PR_SET_NAME, "framed-keeper", 0, 0, 0);
    log_set_identity(keeper->service->name, (int)keeper->start->slot);
    log_change(&settings);
    descriptors_raise_limit();
    result = role_become_user(keeper->start, error, size);
    identity_renounce();
    if (result == 0)
        result = role_close_foreign(keeper->start);
    if (result < 0)
        return result;
    keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (keeper->epoll_fd < 0)
        return -errno;
    return kept_watch(keeper, keeper->start->control_fd, EPOLLIN, CALLER_CONTROL);
}

void keeper_main(const struct worker_start *start)
{
    static struct keeper keeper;
    char error[sizeof(((struct record *)NULL)->text)] = "";
    int result;

    TEST_POINT("start");
    keeper.start = start;
    keeper.service = start->service;
    keeper.shelf.fd = start->shelf_out;
    keeper.heir.fd = -1;
    result = set_up(&keeper, error, sizeof(error));
    if (result < 0) {
        report(&keeper, RECORD_FAILED, result, error[0] ? error : log_errno_text(result));
        _exit(EXIT_FAILURE);
    }
    slot_set(start->shared, SLOT_IDLE, clock_ms());
    report(&keeper, RECORD_READY, 0, NULL);
    run(&keeper);
    _exit(EXIT_SUCCESS);
}
