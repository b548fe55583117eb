#include "usher/usher.h"

#include "base/clock.h"
#include "base/guests.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "config/config.h"
#include "ipc/gate.h"
#include "ipc/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
/* Turned away before those who are to be seen out get their turn. */
#define BATCH 64
#define TELL_EVERY_MS 1000
/* What an epoll event is of, when it is no guest. */
#define CONTROL GUESTS_MAX

struct usher {
    const struct worker_start *start;
    const struct service_config *service;
    struct counters counters;
    struct guests guests;
    int epoll_fd;
    bool wanted;  /* the gates may name somebody to turn away */
    bool leaving; /* nobody more: those who are here are seen out */
    uint64_t leave_by_ms;
    bool unpublished; /* counters that the master was in the way of */
    uint64_t untold;  /* turned away since the last line in the log */
    uint64_t told_ms;
};

static void report(const struct usher *usher, unsigned type, int64_t value, const char *text)
{
    struct record record = {.type = type,
                            .slot = usher->start->slot,
                            .generation = usher->start->generation,
                            .value = value};

    if (text)
        snprintf(record.text, sizeof(record.text), "%s", text);
    record_send(usher->start->status_fd, &record);
}

static int watch_control(struct usher *usher)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = CONTROL};

    usher->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (usher->epoll_fd < 0 ||
        epoll_ctl(usher->epoll_fd, EPOLL_CTL_ADD, usher->start->control_fd, &event) < 0)
        return -errno;
    return 0;
}

/* Signals stay blocked as they are in the master: it is the pipe that tells, also of its end. */
static int set_up(struct usher *usher)
{
    const struct log_settings settings = config_log_settings(usher->start->config);
    int result;

    proctitle_set("framed: %s usher", usher->service->name);
    prctl(PR_SET_NAME, "framed-usher", 0, 0, 0);
    log_set_identity(usher->service->name, (int)usher->start->slot);
    log_change(&settings);
    identity_renounce();
    result = role_close_foreign(usher->start);
    return result < 0 ? result : watch_control(usher);
}

static void begin_to_leave(struct usher *usher)
{
    if (!usher->leaving)
        usher->leave_by_ms = clock_ms() + usher->service->deadlines.drain_ms;
    usher->leaving = true;
}

static void obey(struct usher *usher, const struct record *record)
{
    switch (record->type) {
    case RECORD_REJECT:
        usher->wanted = true;
        break;
    case RECORD_DRAIN:
        begin_to_leave(usher);
        report(usher, RECORD_DRAINING, 0, NULL);
        break;
    case RECORD_STOP:
        _exit(EXIT_SUCCESS);
    case RECORD_REOPEN:
        role_reopen_log(-1); /* it is who the master is */
        break;
    default:
        break;
    }
}

/* A master that is started anew finds the addresses free. */
static void become_orphan(struct usher *usher)
{
    begin_to_leave(usher);
    epoll_ctl(usher->epoll_fd, EPOLL_CTL_DEL, usher->start->control_fd, NULL);
    for (size_t i = 0; i < usher->start->listener_count; i++)
        close(usher->start->listeners[i]);
}

static void listen_to_master(struct usher *usher)
{
    struct record record;
    int got;

    while ((got = record_receive(usher->start->control_fd, &record)) > 0)
        obey(usher, &record);
    if (got == 0)
        become_orphan(usher);
}

static void publish(struct usher *usher)
{
    usher->unpublished = !slot_publish(usher->start->shared, &usher->counters);
}

/* The reply is small, and the socket is new: what it does not take at once, it will not take. */
static void say(struct usher *usher, int fd)
{
    const struct overload_config *overload = &usher->service->overload;
    ssize_t sent = 0;

    if (overload->busy_length > 0)
        sent = send(fd, overload->busy, overload->busy_length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        usher->counters.value[COUNTER_BYTES_OUT] += (uint64_t)sent;
    if (sent == (ssize_t)overload->busy_length && shutdown(fd, SHUT_WR) == 0)
        guests_add(&usher->guests, fd, usher->epoll_fd,
                   clock_ms() + usher->service->deadlines.linger_ms);
    else
        close(fd);
}

static bool turn_away(struct usher *usher, size_t listener)
{
    int fd = accept4(usher->start->listeners[listener], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        log_error("accept", LOG_ERRNO(errno));
        guests_drop_first(&usher->guests);
    }
    if (fd < 0)
        return false;
    gate_pass(usher->start->gates[listener]);
    usher->counters.value[COUNTER_CONNECTIONS]++;
    usher->counters.value[CLOSE_REJECTED]++;
    usher->untold++;
    publish(usher);
    say(usher, fd);
    return true;
}

/* Workers accept from the same queue all the time: each one that they take is one less. */
static void turn_away_some(struct usher *usher)
{
    int left = BATCH;

    usher->wanted = false;
    for (size_t i = 0; i < usher->start->listener_count; i++) {
        const struct gate *gate = usher->start->gates[i];

        while (left > 0 &&
               gate_accepted(gate) < atomic_load_explicit(&gate->reject_to, memory_order_relaxed) &&
               turn_away(usher, i))
            left--;
    }
    usher->wanted = left == 0;
}

/* At most one line a second; when to tell the rest (monotonic ms; 0: nothing is left to tell). */
static uint64_t tell(struct usher *usher, uint64_t now_ms)
{
    if (usher->untold == 0)
        return 0;
    if (now_ms < usher->told_ms + TELL_EVERY_MS && !usher->leaving)
        return usher->told_ms + TELL_EVERY_MS;
    log_warning("rejected", LOG_INT("connections", usher->untold),
                LOG_INT("total", usher->counters.value[CLOSE_REJECTED]));
    usher->untold = 0;
    usher->told_ms = now_ms;
    return 0;
}

/* Milliseconds that nothing is to be done in, unless somebody calls. */
static int pause_ms(struct usher *usher)
{
    uint64_t now_ms = clock_ms();
    uint64_t wake_ms = guests_check(&usher->guests, now_ms);

    wake_ms = clock_earlier(wake_ms, tell(usher, now_ms));
    if (usher->unpublished)
        publish(usher);
    if (usher->unpublished)
        wake_ms = clock_earlier(wake_ms, now_ms + 1);
    if (usher->leaving)
        wake_ms = clock_earlier(wake_ms, usher->leave_by_ms);
    if (usher->wanted && !usher->leaving)
        return 0;
    return wake_ms ? clock_left_ms(wake_ms, now_ms) : -1;
}

static bool has_left(const struct usher *usher)
{
    return usher->leaving && (usher->guests.count == 0 || clock_ms() >= usher->leave_by_ms);
}

static void run(struct usher *usher)
{
    struct epoll_event events[EVENTS];

    for (int timeout_ms = -1; !has_left(usher); timeout_ms = pause_ms(usher)) {
        int count = epoll_wait(usher->epoll_fd, events, EVENTS, timeout_ms);

        for (int i = 0; i < count; i++)
            if (events[i].data.u32 == CONTROL)
                listen_to_master(usher);
            else
                guests_attend(&usher->guests, events[i].data.u32);
        if (usher->wanted && !usher->leaving)
            turn_away_some(usher);
    }
}

void usher_main(const struct worker_start *start)
{
    static struct usher usher;
    int result;

    usher.start = start;
    usher.service = start->service;
    result = set_up(&usher);
    if (result < 0) {
        report(&usher, RECORD_FAILED, result, log_errno_text(result));
        _exit(EXIT_FAILURE);
    }
    slot_set(start->shared, SLOT_IDLE, clock_ms());
    report(&usher, RECORD_READY, 0, NULL);
    run(&usher);
    publish(&usher);
    _exit(EXIT_SUCCESS);
}
