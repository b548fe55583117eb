/*
 * More clients than workers: what queue.c wants to see, and what it wants done. The master measures
 * and decides; who is to go is told to the service's usher (../usher/), which accepts and replies.
 */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/gate.h"
#include "ipc/record.h"
#include "master/depth.h"

static bool rejects(const struct service *service)
{
    return service->config->overload.mode == OVERLOAD_REJECT;
}

/* How long clients may wait, where they are rejected. */
static uint64_t limit_ms(const struct service *service)
{
    uint64_t wanted_ms = service->config->overload.queue_timeout_ms;

    return wanted_ms > QUEUE_MOMENT_MS ? wanted_ms : QUEUE_MOMENT_MS;
}

void overload_init(struct service *service)
{
    const struct pool_rules rules = {.mode = POOL_STATIC, .max = rejects(service)};

    pool_init(&service->ushers, &rules, 0);
    pool_proven(&service->ushers); /* it needs no trial */
}

static void warn_cut(const struct master *master, const struct service *service)
{
    for (size_t i = 0; i < service->listener_count; i++) {
        struct depth depth = depth_measure(master->diag_fd, service->listener_fds[i]);

        if (!listener_is_activated(service->listeners[i]) && depth.limit > 0 &&
            depth.limit < service->config->limits.backlog)
            log_warning("backlog", LOG_STR("service", service->config->name),
                        LOG_STR("address", service->listeners[i]->text),
                        LOG_INT("configured", service->config->limits.backlog),
                        LOG_INT("granted", depth.limit), LOG_STR("see", "net.core.somaxconn"));
    }
}

void overload_settle(const struct master *master, struct service *service)
{
    warn_cut(master, service);
    pressure_knocked(&service->totals->pressure, clock_ms());
}

struct pressure_sight overload_see(const struct master *master, const struct service *service)
{
    struct pressure_sight sight = {0};

    for (size_t i = 0; i < service->listener_count; i++) {
        struct queue *queue = &service->listeners[i]->queue;
        uint64_t accepted = gate_accepted(service->gates[i]);
        struct depth depth = depth_measure(master->diag_fd, service->listener_fds[i]);
        uint64_t now_ms = clock_ms(); /* who is seen has come before */
        uint64_t longest_ms;

        queue_see(queue, accepted, depth.waiting, now_ms);
        longest_ms = queue_longest_ms(queue, now_ms);
        sight.accepted += accepted;
        sight.depth += queue->depth;
        if (longest_ms > sight.longest_ms)
            sight.longest_ms = longest_ms;
    }
    return sight;
}

static void tell(const struct service *service, enum pressure_news news,
                 const struct pressure_sight *sight, uint64_t now_ms)
{
    const struct pressure *pressure = &service->totals->pressure;

    if (news == PRESSURE_LONG)
        log_warning("overload", LOG_STR("service", service->config->name),
                    LOG_INT("waiting", sight->depth), LOG_INT("waited_ms", sight->longest_ms),
                    LOG_INT("workers", service->pool.alive),
                    LOG_INT("limit", service->pool.rules.max));
    if (news == PRESSURE_OVER)
        log_notice("overload-over", LOG_STR("service", service->config->name),
                   LOG_INT("lasted_ms", now_ms - pressure->since_ms),
                   LOG_INT("most_waiting", pressure->deepest),
                   LOG_INT("longest_ms", pressure->longest_ms));
}

struct child *overload_usher(const struct master *master, const struct service *service)
{
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->service == service && child->role == ROLE_USHER &&
            child->state <= CHILD_READY)
            return child;
    }
    return NULL;
}

/* Nobody is turned away whom a worker would take now. */
static void turn_away(const struct master *master, const struct service *service, uint64_t now_ms)
{
    struct child *usher = overload_usher(master, service);
    bool any = false;

    if (!usher || !scaling_is_exhausted(master, service, now_ms))
        return;
    for (size_t i = 0; i < service->listener_count; i++) {
        const struct queue *queue = &service->listeners[i]->queue;
        unsigned count = queue_older(queue, limit_ms(service), now_ms);

        atomic_store_explicit(&service->gates[i]->reject_to, queue->accepted + count,
                              memory_order_relaxed);
        any = any || count > 0;
    }
    if (any)
        child_tell(usher, RECORD_REJECT, 0);
}

uint64_t overload_run(const struct master *master, const struct service *service, uint64_t now_ms)
{
    const struct pressure_rules rules = {.rejects = rejects(service),
                                         .limit_ms = limit_ms(service)};
    struct pressure *pressure = &service->totals->pressure;
    struct pressure_sight sight;

    if (!pressure_is_curious(pressure, now_ms))
        return pressure->look_ms;
    sight = overload_see(master, service);
    now_ms = clock_ms();
    tell(service, pressure_look(pressure, &rules, &sight, now_ms), &sight, now_ms);
    if (rules.rejects && sight.depth > 0)
        turn_away(master, service, now_ms);
    return pressure->look_ms;
}
