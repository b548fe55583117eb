#include "master/notify.h"

#include "base/clock.h"
#include "master/master.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#else
static int sd_watchdog_enabled(int unset, uint64_t *interval_us)
{
    (void)unset;
    (void)interval_us;
    return 0;
}
#endif

#define STATUS_SIZE (REASON_SIZE + 256)
/* A pool that breathes is no reason to write to systemd all the time. */
#define PAUSE_MS 500

void notify_init(struct notify *notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    uint64_t interval_us = 0;
    size_t length = path ? strlen(path) : 0;

    *notify = (struct notify){.fd = -1, .address.sun_family = AF_UNIX};
    if (length < 2 || length >= sizeof(notify->address.sun_path) || !strchr("/@", path[0]))
        return;
    memcpy(notify->address.sun_path, path, length);
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';
    notify->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (sd_watchdog_enabled(0, &interval_us) > 0)
        notify->watchdog_ms = interval_us > 2000 ? interval_us / 2000 : 1;
}

void notify_deinit(struct notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

/* Whether it went, or never will. */
static bool say(const struct notify *notify, const char *text)
{
    return sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL,
                  (const struct sockaddr *)&notify->address, notify->length) >= 0 ||
           (errno != EAGAIN && errno != ENOBUFS);
}

static const struct generation *shown_generation(const struct master *master)
{
    return master->current ? master->current : master->next;
}

/* While stopping: those that are there yet. */
static void count_workers(const struct master *master, unsigned *ready, unsigned *target)
{
    const struct generation *generation = shown_generation(master);

    *ready = *target = 0;
    if (master->stopping) {
        for (const struct generation *g = master->generations; g; g = g->next)
            *ready = *target += (unsigned)g->children;
        return;
    }
    for (size_t i = 0; generation && i < generation->service_count; i++) {
        *ready += generation->services[i].pool.ready;
        *target += generation->services[i].pool.target;
    }
}

/* One line for people. */
static void describe(const struct master *master, char *text, size_t size)
{
    const struct generation *generation = shown_generation(master);
    const struct notify *notify = &master->notify;
    size_t services = generation ? generation->service_count : 0;
    char workers[64];

    if (notify->ready == notify->target)
        snprintf(workers, sizeof(workers), "%u worker%s", notify->ready,
                 notify->ready == 1 ? "" : "s");
    else
        snprintf(workers, sizeof(workers), "%u of %u workers", notify->ready, notify->target);
    if (notify->phase == NOTIFY_STOPPING && master->exit_status)
        snprintf(text, size, "Start failed: %s", master->last_error);
    else if (notify->phase == NOTIFY_STOPPING)
        snprintf(text, size, "Stopping: %s left, to finish what is in flight", workers);
    else if (notify->phase == NOTIFY_STARTING)
        snprintf(text, size, "Starting: %zu service%s, %s", services, services == 1 ? "" : "s",
                 workers);
    else
        snprintf(text, size, "%s: %zu service%s, %s, generation %" PRIu64 "%s%s%s%s",
                 notify->phase == NOTIFY_RELOADING ? "Reloading" : "Running", services,
                 services == 1 ? "" : "s", workers, master->generation_number,
                 master->last_error[0] ? "; last " : "",
                 master->last_error[0] ? master->last_try : "",
                 master->last_error[0] ? " failed: " : "", master->last_error);
    for (; *text; text++)
        if (*text == '\n')
            *text = ' ';
}

/* The whole of it each time, so that it does not matter which message was lost. */
static void tell(struct master *master, uint64_t now_ms)
{
    static const char *const words[] = {
        [NOTIFY_STARTING] = "",
        [NOTIFY_RUNNING] = "READY=1\n",
        [NOTIFY_RELOADING] = "RELOADING=1\n",
        [NOTIFY_STOPPING] = "STOPPING=1\n",
    };
    struct notify *notify = &master->notify;
    char status[STATUS_SIZE];
    char text[STATUS_SIZE + 128];

    count_workers(master, &notify->ready, &notify->target);
    describe(master, status, sizeof(status));
    snprintf(text, sizeof(text), "%sMONOTONIC_USEC=%" PRIu64 "\nSTATUS=%s", words[notify->phase],
             clock_ns() / 1000, status);
    notify->owed = !say(notify, text);
    notify->told_ms = now_ms;
}

void notify_phase(struct master *master, enum notify_phase phase)
{
    struct notify *notify = &master->notify;

    notify->phase = phase;
    if (notify->fd >= 0)
        tell(master, clock_ms());
}

bool notify_heir(struct master *master, pid_t pid)
{
    struct notify *notify = &master->notify;
    char text[64];

    if (notify->fd < 0)
        return true;
    snprintf(text, sizeof(text), "MAINPID=%d", (int)pid);
    if (!say(notify, text))
        return false;
    notify_deinit(notify);
    return true;
}

static uint64_t check_watchdog(struct notify *notify, uint64_t now_ms)
{
    if (notify->watchdog_ms && now_ms >= notify->watchdog_due_ms) {
        say(notify, "WATCHDOG=1");
        notify->watchdog_due_ms = now_ms + notify->watchdog_ms;
    }
    return notify->watchdog_due_ms;
}

uint64_t notify_check(struct master *master, uint64_t now_ms)
{
    struct notify *notify = &master->notify;
    uint64_t wake_ms;
    unsigned ready, target;

    if (notify->fd < 0)
        return 0;
    wake_ms = check_watchdog(notify, now_ms);
    count_workers(master, &ready, &target);
    if (!notify->owed && ready == notify->ready && target == notify->target)
        return wake_ms;
    if (now_ms < notify->told_ms + PAUSE_MS)
        return clock_earlier(wake_ms, notify->told_ms + PAUSE_MS);
    tell(master, now_ms);
    return clock_earlier(wake_ms, notify->owed ? now_ms + PAUSE_MS : 0);
}
