/*
 * Pools in action: what their policy wants to see, and what it wants done.
 *
 * The bell of a service is an epoll set of its listeners, itself watched by the master's loop: one
 * descriptor that is ready when a connection waits. The master hears it only when the pool wants
 * to, or who watches how long they wait (overload.c), and never accepts.
 */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"
#include "master/shelf.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

static const char *const due_words[] = {
    [DUE_REQUESTS] = "max_requests",
    [DUE_RSS] = "max_rss",
    [DUE_LIFETIME] = "max_lifetime",
};

static enum pool_mode mode_of(enum workers_mode mode)
{
    static const enum pool_mode modes[] = {
        [WORKERS_STATIC] = POOL_STATIC,
        [WORKERS_DYNAMIC] = POOL_DYNAMIC,
        [WORKERS_ONDEMAND] = POOL_ONDEMAND,
    };

    return modes[mode];
}

/* What the service has now, to go on from there. */
static unsigned size_before(const struct master *master, const struct service *service)
{
    const struct generation *current = master->current;

    for (size_t i = 0; current && i < current->service_count; i++)
        if (current->services[i].totals == service->totals)
            return current->services[i].pool.target;
    return inherit_pool_size(&master->inheritance, service->config->name);
}

static void on_bell(struct watch *watch, uint32_t events)
{
    struct service *service = (struct service *)(void *)watch;

    (void)events;
    if (service->pool.listens)
        pool_knocked(&service->pool, clock_ms());
    if (service->totals->pressure.listens)
        pressure_knocked(&service->totals->pressure, clock_ms());
}

/* Hears the bell from now on, or no more, as those who look at it want. */
static void heed_bell(struct service *service)
{
    bool listens = service->pool.listens || service->totals->pressure.listens;

    if (listens != service->listens)
        loop_change(&service->bell, listens ? EPOLLIN : 0);
    service->listens = listens;
}

static int hang_bell(struct master *master, struct service *service)
{
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(EPOLL_CLOEXEC);
    int result = fd < 0 ? -errno : 0;

    for (size_t i = 0; result == 0 && i < service->listener_count; i++)
        if (epoll_ctl(fd, EPOLL_CTL_ADD, service->listener_fds[i], &event) < 0 && errno != EEXIST)
            result = -errno;
    if (result == 0 && service->shelf &&
        epoll_ctl(fd, EPOLL_CTL_ADD, service->shelf->workers.in, &event) < 0)
        result = -errno;
    if (result == 0)
        result = loop_add(&master->loop, &service->bell, fd, 0, on_bell);
    if (result < 0 && fd >= 0)
        close(fd);
    return result;
}

int scaling_init(struct master *master, struct service *service)
{
    const struct workers_config *config = &service->config->workers;
    const struct pool_rules rules = {
        .mode = mode_of(config->mode),
        .min = (unsigned)config->min,
        .max = (unsigned)config->max,
        .spare_min = (unsigned)config->spare_min,
        .spare_max = (unsigned)config->spare_max,
        .idle_exit_ms = config->idle_exit_ms,
    };

    pool_init(&service->pool, &rules, size_before(master, service));
    if (service->totals->drained) {
        pool_pause(&service->pool);
        service->pool.target = 1; /* to show that it could */
    }
    return hang_bell(master, service);
}

void scaling_settle(struct service *service)
{
    if (service->totals->drained)
        pool_pause(&service->pool);
    else if (service->pool.paused)
        pool_resume(&service->pool, clock_ms());
    keepers_settle(service);
}

void scaling_deinit(struct service *service)
{
    int fd = service->bell.fd;

    if (!service->bell.loop)
        return;
    loop_remove(&service->bell);
    close(fd);
}

/* Whether CHILD would take a connection now: it has none, or waits for those that it has. */
static bool is_free(const struct child *child, enum slot_state activity)
{
    return activity == SLOT_IDLE ||
           ((activity == SLOT_READING || activity == SLOT_RECEIVING) &&
            slot_held(&child->master->slots[child->slot]) < config_room(child->service->config));
}

/* What CHILD adds to SIGHT. */
static void count(const struct child *child, struct pool_sight *sight, uint64_t now_ms)
{
    uint64_t since_ms;
    enum slot_state activity = slot_get(&child->master->slots[child->slot], &since_ms);

    if (child->state == CHILD_STARTING ||
        (child->state == CHILD_READY && activity == SLOT_STARTING))
        sight->starting++;
    if (child->state != CHILD_READY || !is_free(child, activity))
        return;
    sight->idle++;
    /* Those that it has go on with the keeper. */
    if (now_ms > since_ms + sight->longest_idle_ms)
        sight->longest_idle_ms = now_ms - since_ms;
}

static void see(const struct master *master, const struct service *service,
                struct pool_sight *sight, uint64_t now_ms)
{
    struct pollfd bell = {.fd = service->bell.fd, .events = POLLIN};

    *sight = (struct pool_sight){.waiting = poll(&bell, 1, 0) > 0};
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        const struct child *child = master->children[slot];

        /* One that is stopped by a signal is no help to anybody. */
        if (child && child->pool == &service->pool && !child->stopped_ms)
            count(child, sight, now_ms);
    }
}

/* Who is missed the least: has nobody, and for the longest; else who has the fewest. NULL: nobody
 * is free. */
static struct child *find_idlest(const struct master *master, const struct service *service)
{
    struct child *idlest = NULL;
    unsigned least_held = 0;
    uint64_t longest_ms = 0;

    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];
        unsigned held = slot_held(&master->slots[slot]);
        uint64_t since_ms;
        enum slot_state activity = slot_get(&master->slots[slot], &since_ms);

        if (!child || child->pool != &service->pool || child->stopped_ms ||
            child->state != CHILD_READY || !is_free(child, activity))
            continue;
        if (!idlest || held < least_held || (held == least_held && since_ms < longest_ms)) {
            idlest = child;
            least_held = held;
            longest_ms = since_ms;
        }
    }
    return idlest;
}

static void look(struct master *master, struct service *service, uint64_t now_ms)
{
    struct pool *pool = &service->pool;
    unsigned before = pool->target;
    struct pool_sight sight;
    struct child *idlest;

    if (!pool_is_curious(pool, now_ms))
        return;
    see(master, service, &sight, now_ms);
    idlest = find_idlest(master, service);
    if (pool_look(pool, &sight, now_ms) && idlest)
        child_drain(idlest, ACCEPT_LAST);
    if (pool->target != before)
        log_debug("pool", LOG_STR("service", service->config->name),
                  LOG_INT("target", pool->target), LOG_INT("idle", sight.idle),
                  LOG_STR("waiting", sight.waiting ? "yes" : "no"));
}

/* First who leaves anyway, then who has not begun, then who has nothing to do. */
static unsigned usefulness(const struct child *child)
{
    if (child->due)
        return 0;
    if (child->state == CHILD_STARTING)
        return 1;
    return 2 + slot_held(&child->master->slots[child->slot]);
}

static struct child *least_useful(const struct master *master, const struct service *service)
{
    struct child *least = NULL;

    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->pool == &service->pool && child->state <= CHILD_READY &&
            (!least || usefulness(child) <= usefulness(least)))
            least = child;
    }
    return least;
}

/* Lets go of those that are too many. Where all leave, those who wait are for who comes later. */
static void shrink(const struct master *master, const struct service *service)
{
    struct child *child;

    while (pool_surplus(&service->pool) > 0 && (child = least_useful(master, service)) != NULL)
        child_drain(child, service->pool.paused ? 0 : ACCEPT_LAST);
}

static struct child *find_due(const struct master *master, const struct service *service)
{
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->pool == &service->pool && child->state == CHILD_READY && child->due)
            return child;
    }
    return NULL;
}

/* Lets go of those that are due and have somebody in their place. */
static void relieve(const struct master *master, const struct service *service)
{
    struct child *child;

    while (pool_can_relieve(&service->pool, service->pool.ready) &&
           (child = find_due(master, service)) != NULL)
        child_drain(child, ACCEPT_LAST);
}

static void cannot_start(struct master *master, struct service *service, struct pool *pool,
                         int error, uint64_t now_ms)
{
    struct totals *totals = service->totals;
    char reason[REASON_SIZE + 64];

    log_error("fork", LOG_STR("service", service->config->name), LOG_ERRNO(error));
    snprintf(totals->last_error, REASON_SIZE, "cannot start a worker: %s", log_errno_text(error));
    totals->failed_ms = now_ms;
    pool_started(pool);
    pool_exited(pool, POOL_STILLBORN, now_ms);
    if (!generation_is_starting(service->generation))
        return;
    snprintf(reason, sizeof(reason), "service \"%s\": %s", service->config->name,
             totals->last_error);
    generation_abandon(master, reason);
}

/* When to look at those that it started (monotonic ms; 0: it started none), or to go on. */
static uint64_t start_wanted(struct master *master, struct service *service, enum role role,
                             uint64_t now_ms)
{
    struct pool *pool = keepers_pool(service, role);
    unsigned wanted = pool_wanted(pool, now_ms);
    uint64_t until_ms = wanted > 0 ? now_ms + service->config->deadlines.start_ms : 0;
    int result = 0;

    for (; wanted > 0 && master->forks_left > 0 && result == 0; wanted--) {
        master->forks_left--;
        result = child_start(master, service, role);
    }
    if (result < 0)
        cannot_start(master, service, pool, result, now_ms);
    return wanted > 0 && result == 0 ? now_ms : until_ms;
}

/* After those who wait have been given what workers there may be. */
static uint64_t watch_queue(struct master *master, struct service *service, uint64_t now_ms)
{
    uint64_t wake_ms = start_wanted(master, service, ROLE_USHER, now_ms);

    keepers_shrink(master, service);
    wake_ms = clock_earlier(wake_ms, start_wanted(master, service, ROLE_KEEPER, now_ms));
    wake_ms = clock_earlier(wake_ms, pool_wake_ms(&service->keepers, now_ms));
    wake_ms = clock_earlier(wake_ms, keepers_limit(master, service, now_ms));
    wake_ms = clock_earlier(wake_ms, overload_run(master, service, now_ms));
    heed_bell(service);
    return clock_earlier(wake_ms, pool_wake_ms(&service->ushers, now_ms));
}

uint64_t scaling_run(struct master *master, struct generation *generation, uint64_t now_ms)
{
    uint64_t wake_ms = 0;

    for (size_t i = 0; generation && !master->stopping && i < generation->service_count; i++) {
        struct service *service = &generation->services[i];

        if (generation->phase == GENERATION_CURRENT) {
            look(master, service, now_ms);
            shrink(master, service);
            relieve(master, service);
        }
        /* The one before may have been the end of it. */
        if (generation->phase == GENERATION_LEAVING)
            return now_ms;
        wake_ms = clock_earlier(wake_ms, start_wanted(master, service, ROLE_WORKER, now_ms));
        wake_ms = clock_earlier(wake_ms, pool_wake_ms(&service->pool, now_ms));
        if (generation->phase == GENERATION_CURRENT)
            wake_ms = clock_earlier(wake_ms, watch_queue(master, service, now_ms));
    }
    return wake_ms;
}

bool scaling_is_exhausted(const struct master *master, const struct service *service,
                          uint64_t now_ms)
{
    struct pool_sight sight;

    see(master, service, &sight, now_ms);
    return pool_is_exhausted(&service->pool, &sight);
}

void child_due(struct child *child, int64_t why)
{
    if (child->role != ROLE_WORKER || child->state != CHILD_READY || child->due || why < 0 ||
        why >= DUE_COUNT)
        return;
    child->due = true;
    pool_due(child->pool);
    log_info("worker-due", LOG_STR("service", child->service->config->name),
             LOG_INT("slot", child->slot), LOG_INT("pid", child->pid),
             LOG_STR("limit", due_words[why]), LOG_INT("lived_ms", clock_ms() - child->started_ms));
}

uint64_t child_check_lifetime(struct child *child, uint64_t now_ms)
{
    uint64_t lifetime_ms = child->service->config->workers.max_lifetime_ms;
    uint64_t until_ms = child->started_ms + pool_jitter(lifetime_ms, child->generation);

    if (lifetime_ms == 0 || child->role != ROLE_WORKER || child->state != CHILD_READY ||
        child->due || child->service->generation->phase != GENERATION_CURRENT)
        return 0;
    if (now_ms < until_ms)
        return until_ms;
    child_due(child, DUE_LIFETIME);
    return 0;
}
