/*
 * Generations: a reload builds the next one beside the current one, and swaps once. It starts one
 * worker for each service, the canary, and the others only when every canary is ready: a handler
 * that does not start fails once, and takes no more memory than that. Until every worker of the new
 * one is ready, nothing of the old one is touched; whatever fails before, the current one goes on
 * as if nothing had been asked.
 *
 * Neither stage lasts for ever: each worker has its start deadline, and of those that were ready
 * and died only so many are replaced.
 */
#include "master/master.h"

#include "base/log.h"
#include "config/config.h"
#include "master/activation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void generation_free(struct master *master, struct generation *generation)
{
    for (size_t i = 0; i < generation->service_count; i++)
        service_free(master, &generation->services[i]);
    config_free(generation->config);
    free(generation->services);
    free(generation);
}

static struct generation *new_generation(struct master *master, struct config *config)
{
    struct generation *generation = calloc(1, sizeof(*generation));
    struct service *services = calloc(config->service_count, sizeof(*services));

    if (!generation || !services) {
        free(generation);
        free(services);
        config_free(config);
        return NULL;
    }
    generation->config = config;
    generation->services = services;
    generation->service_count = config->service_count;
    generation->number = master->generation_number + 1;
    return generation;
}

int generation_prepare(struct master *master, struct config *config, struct generation **generation,
                       char *error, size_t size)
{
    struct generation *made = new_generation(master, config);
    int result = made ? 0 : -ENOMEM;

    snprintf(error, size, "out of memory");
    if (!made)
        return result;
    for (size_t i = 0; result == 0 && i < made->service_count; i++)
        result = service_prepare(master, made, i, error, size);
    if (result < 0)
        generation_free(master, made);
    else
        *generation = made;
    return result;
}

void generation_launch(struct master *master, struct generation *generation)
{
    generation->next = master->generations;
    master->generations = generation;
    master->next = generation;
}

bool generation_is_starting(const struct generation *generation)
{
    return generation->phase <= GENERATION_FILLING;
}

static bool has_listener(const struct generation *generation, const struct listener *listener)
{
    for (size_t s = 0; s < generation->service_count; s++)
        for (size_t i = 0; i < generation->services[s].listener_count; i++)
            if (generation->services[s].listeners[i] == listener)
                return true;
    return false;
}

/* Only now: until the swap no client has met the new configuration. */
static void open_doors(struct master *master, const struct generation *generation)
{
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->service->generation == generation && child->state == CHILD_READY &&
            !child->service->pool.paused)
            child_serve(child);
    }
}

/*
 * Whether nobody will accept from LISTENER any more. When we stop, that is all but what systemd
 * keeps, or a new framed has: who waits there is served by the next one.
 */
static bool is_forsaken(const struct master *master, const struct listener *listener)
{
    if (master->upgrade.phase == UPGRADE_DONE)
        return !listener->passed;
    if (master->stopping)
        return !listener_is_activated(listener);
    return !has_listener(master->current, listener);
}

static void find_forsaken(const struct master *master, const struct generation *generation)
{
    for (size_t s = 0; s < generation->service_count; s++) {
        const struct service *service = &generation->services[s];

        for (size_t i = 0; i < service->listener_count; i++)
            service->forsaken[i] = is_forsaken(master, service->listeners[i]) ? '1' : '0';
    }
}

/* What only a start can change, and the new configuration would have otherwise. */
static void note_fixed(void *context, const char *key, const char *running, const char *configured)
{
    struct generation *generation = context;
    size_t length = strlen(generation->needs_restart);

    log_warning("reload-needs-restart", LOG_STR("key", key), LOG_STR("running", running),
                LOG_STR("configured", configured));
    snprintf(generation->needs_restart + length, sizeof(generation->needs_restart) - length, "%s%s",
             length > 0 ? ", " : "", key);
}

void generation_commit(struct master *master, struct generation *generation)
{
    const struct log_settings settings = config_log_settings(generation->config);
    struct generation *old = master->current;

    generation->phase = GENERATION_CURRENT;
    master->generation_number = generation->number;
    master->current = generation;
    master->next = NULL;
    master->listeners.lookups.closed = true;
    for (size_t i = 0; i < generation->service_count; i++) {
        scaling_settle(&generation->services[i]);
        overload_settle(master, &generation->services[i]);
    }
    open_doors(master, generation);
    for (size_t i = 0; (old || master->inheritance.any) && i < generation->service_count; i++)
        service_settle(&generation->services[i]);
    if (old) {
        log_change(&settings);
        config_keep_fixed(generation->config, old->config, note_fixed, generation);
        generation_drain(master, old, ACCEPT_LAST);
    }
    activation_report_unused(&master->listeners);
    master_reloaded(master, NULL);
}

/* Whether every service has as many workers that are ready as its stage asks for. */
static bool is_complete(const struct generation *generation)
{
    for (size_t i = 0; i < generation->service_count; i++) {
        const struct pool *pool = &generation->services[i].pool;

        if (pool->ready < (pool->trial ? 1 : pool->target))
            return false;
    }
    return true;
}

void generation_progress(struct master *master, struct generation *generation)
{
    if (!generation_is_starting(generation) || !is_complete(generation))
        return;
    if (generation->phase == GENERATION_TRIAL) {
        generation->phase = GENERATION_FILLING;
        for (size_t i = 0; i < generation->service_count; i++)
            pool_proven(&generation->services[i].pool);
        log_info("canaries-ready", LOG_INT("generation", generation->number));
    }
    /* Where one is enough, the canaries were all. */
    if (is_complete(generation) && !inherit_offer(master))
        generation_commit(master, generation);
}

void generation_abandon(struct master *master, const char *reason)
{
    struct generation *generation = master->next;

    if (!generation)
        return;
    master->next = NULL;
    generation_drain(master, generation, 0);
    master_reloaded(master, reason);
}

void generation_drain(struct master *master, struct generation *generation, int64_t may_accept)
{
    generation->phase = GENERATION_LEAVING;
    /* Where nobody else will accept, they take all that wait. */
    if (may_accept > 0)
        find_forsaken(master, generation);
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (child && child->service->generation == generation && child->state != CHILD_KILLED)
            child_drain(child, may_accept);
    }
    for (size_t i = 0; i < generation->service_count; i++)
        scaling_deinit(&generation->services[i]);
    /* While stopping, connections that wait are still to be taken: the sockets stay to the end. */
    for (size_t i = 0; !master->stopping && i < generation->service_count; i++)
        service_release(master, &generation->services[i]);
}

void generation_collect(struct master *master)
{
    struct generation **link = &master->generations;

    while (*link) {
        struct generation *generation = *link;

        if (generation->phase == GENERATION_LEAVING && generation->children == 0) {
            *link = generation->next;
            if (generation == master->current)
                master->current = NULL;
            if (generation == master->next)
                master->next = NULL;
            generation_free(master, generation);
        } else {
            link = &generation->next;
        }
    }
}
