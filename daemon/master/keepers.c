/*
 * The keeper of a service, where its connections can be moved: one process (../keeper/), from when
 * its generation is the current one to the end. It comes and goes with the workers: who has no
 * workers by order keeps no connections either.
 */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"

#define LOOK_EVERY_MS 200
#define TELL_EVERY_MS 1000

void keepers_init(struct service *service)
{
    const struct pool_rules rules = {.mode = POOL_STATIC, .max = service->shelf != NULL};

    pool_init(&service->keepers, &rules, 0);
    pool_proven(&service->keepers); /* it needs no trial */
}

void keepers_settle(struct service *service)
{
    if (service->pool.paused && !service->keepers.paused)
        pool_pause(&service->keepers);
    else if (!service->pool.paused && service->keepers.paused)
        pool_resume(&service->keepers, clock_ms());
}

struct child *keepers_find(const struct master *master, const struct service *service)
{
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->service == service && child->role == ROLE_KEEPER &&
            child->state <= CHILD_READY)
            return child;
    }
    return NULL;
}

void keepers_shrink(const struct master *master, const struct service *service)
{
    struct child *keeper = keepers_find(master, service);

    if (keeper && pool_surplus(&service->keepers) > 0)
        child_drain(keeper, 0);
}

static bool is_of(const struct child *child, const struct totals *totals)
{
    return child && (!totals || child->service->totals == totals);
}

static uint64_t count_held(const struct master *master, const struct totals *totals)
{
    uint64_t held = 0;

    for (unsigned slot = 0; slot < master->slots_used; slot++)
        if (is_of(master->children[slot], totals))
            held += slot_held(&master->slots[slot]);
    return held;
}

/* EXCESS of them are too many: first of those that keepers have, then of the workers'. What is told
 * is how many are to be left, which does no harm when it is told again. */
static void trim(const struct master *master, const struct totals *totals, enum role role,
                 uint64_t *excess)
{
    for (unsigned slot = 0; *excess > 0 && slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];
        uint64_t held = slot_held(&master->slots[slot]);
        uint64_t fewer = held < *excess ? held : *excess;

        if (!is_of(child, totals) || child->role != role || held == 0)
            continue;
        child_tell(child, RECORD_TRIM, (int64_t)(held - fewer));
        *excess -= fewer;
    }
}

/* Of the service of TOTALS; NULL: of all. */
static uint64_t hold_to(const struct master *master, const struct totals *totals,
                        struct crowd *crowd, uint64_t most, uint64_t now_ms)
{
    uint64_t seen = crowd->seen;
    uint64_t held;
    uint64_t excess;

    if (most == 0 || now_ms < crowd->look_ms)
        return most ? crowd->look_ms : 0;
    crowd->look_ms = now_ms + LOOK_EVERY_MS;
    /* Who is just changing places may be seen at both: two looks have to agree. */
    crowd->seen = count_held(master, totals);
    held = seen < crowd->seen ? seen : crowd->seen;
    if (held <= most)
        return crowd->look_ms;
    if (now_ms >= crowd->told_ms + TELL_EVERY_MS) {
        crowd->told_ms = now_ms;
        log_warning("max-connections", LOG_STR("service", totals ? totals->name : NULL),
                    LOG_INT("connections", held), LOG_INT("allowed", most));
    }
    excess = held - most;
    trim(master, totals, ROLE_KEEPER, &excess);
    trim(master, totals, ROLE_WORKER, &excess);
    return crowd->look_ms;
}

uint64_t keepers_limit(const struct master *master, const struct service *service, uint64_t now_ms)
{
    struct totals *totals = service->totals;

    return hold_to(master, totals, &totals->crowd, service->config->limits.max_connections, now_ms);
}

uint64_t keepers_limit_all(struct master *master, uint64_t now_ms)
{
    const struct generation *current = master->current;
    uint64_t most = current && !master->stopping ? current->config->max_connections : 0;

    return hold_to(master, NULL, &master->crowd, most, now_ms);
}

struct pool *keepers_pool(struct service *service, enum role role)
{
    struct pool *const pools[ROLE_COUNT] = {
        [ROLE_WORKER] = &service->pool,
        [ROLE_USHER] = &service->ushers,
        [ROLE_KEEPER] = &service->keepers,
    };

    return pools[role];
}
