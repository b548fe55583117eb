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

static struct totals *totals_of(struct master *master, const char *name)
{
    struct totals *totals = master->totals;

    while (totals && strcmp(totals->name, name) != 0)
        totals = totals->next;
    if (totals)
        return totals;
    totals = calloc(1, sizeof(*totals));
    if (!totals)
        return NULL;
    totals->drained = inherit_is_drained(&master->inheritance, name);
    snprintf(totals->name, sizeof(totals->name), "%s", name);
    totals->next = master->totals;
    master->totals = totals;
    return totals;
}

static void release_listeners(struct master *master, struct service *service)
{
    for (size_t i = 0; i < service->listener_count; i++)
        listeners_release(&master->listeners, service->listeners[i]);
    service->listener_count = 0;
}

/*
 * An address without a file is taken until the last worker that has the socket is gone. So long we
 * keep it, too: a reload that wants the address again finds the socket instead of a refusal. A file
 * makes room for another one at once, and what is systemd's stays anyway.
 */
static void release_most_listeners(struct master *master, struct service *service)
{
    size_t kept = 0;

    for (size_t i = 0; i < service->listener_count; i++) {
        struct listener *listener = service->listeners[i];

        if (listener_path(listener) || listener_is_activated(listener))
            listeners_release(&master->listeners, listener);
        else
            service->listeners[kept++] = listener;
    }
    service->listener_count = kept;
}

void generation_free(struct master *master, struct generation *generation)
{
    for (size_t i = 0; i < generation->service_count; i++) {
        struct service *service = &generation->services[i];

        scaling_deinit(service);
        release_listeners(master, service);
        free(service->listeners);
        free(service->forsaken);
        free(service->listener_fds);
        free(service->gates);
    }
    config_free(generation->config);
    free(generation->services);
    free(generation);
}

/* Adds the sockets of the INDEX-th address. How many, or a negative errno with a message. */
static int acquire(struct master *master, struct service *service, size_t index, char *error,
                   size_t size)
{
    const struct service_config *config = service->config;
    const struct listen_config *listen = &config->listen[index];
    struct listener **found = service->listeners + service->listener_count;
    char prefix[64];

    if (listen->fd_name)
        return activation_acquire(&master->listeners, listen->fd_name, found,
                                  master->listeners.activated, error, size);
    snprintf(prefix, sizeof(prefix), "%s/%zu/", config->name, index);
    return listeners_acquire(&master->listeners, &listen->address, prefix,
                             (int)config->limits.backlog, found, FRAMED_ENDPOINTS_MAX, error, size);
}

static int bind_service(struct master *master, struct service *service, char *error, size_t size)
{
    const struct service_config *config = service->config;
    size_t most = config->listen_count * FRAMED_ENDPOINTS_MAX + master->listeners.activated;

    service->listeners = calloc(most, sizeof(struct listener *));
    service->listener_fds = calloc(most, sizeof(int));
    service->gates = calloc(most, sizeof(struct gate *));
    service->forsaken = calloc(most + 1, 1);
    if (!service->listeners || !service->listener_fds || !service->gates || !service->forsaken)
        return -ENOMEM;
    for (size_t i = 0; i < config->listen_count; i++) {
        char reason[256] = "out of memory";
        int got = acquire(master, service, i, reason, sizeof(reason));

        if (got < 0) {
            snprintf(error, size, "service \"%s\": listen: %s", config->name, reason);
            return got;
        }
        for (; got > 0; got--, service->listener_count++)
            service->listener_fds[service->listener_count] =
                service->listeners[service->listener_count]->fd;
    }
    for (size_t i = 0; i < service->listener_count; i++) {
        service->gates[i] = listener_gate(service->listeners[i]);
        if (!service->gates[i])
            return -ENOMEM;
    }
    return 0;
}

static int prepare_service(struct master *master, struct generation *generation, size_t index,
                           char *error, size_t size)
{
    struct service *service = &generation->services[index];
    int result;

    service->config = &generation->config->services[index];
    service->generation = generation;
    service->totals = totals_of(master, service->config->name);
    if (!service->totals)
        return -ENOMEM;
    result = bind_service(master, service, error, size);
    if (result < 0)
        return result;
    overload_init(service);
    result = scaling_init(master, service);
    if (result < 0)
        snprintf(error, size, "service \"%s\": cannot watch its listeners: %s",
                 service->config->name, log_errno_text(result));
    return result;
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
        result = prepare_service(master, made, i, error, size);
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

/* What the configuration says of the LISTENER's file; NULL: it has none. */
static const struct framed_address *file_of(const struct service_config *config,
                                            const struct listener *listener)
{
    const char *path = listener_path(listener);

    for (size_t i = 0; path && i < config->listen_count; i++) {
        const struct framed_address *address = &config->listen[i].address;

        if (address->kind == FRAMED_ADDRESS_UNIX && !address->abstract &&
            strcmp(path, address->path) == 0)
            return address;
    }
    return NULL;
}

/* What the new configuration wants of sockets that were there before. */
static void settle_listeners(const struct generation *generation)
{
    for (size_t s = 0; s < generation->service_count; s++) {
        const struct service *service = &generation->services[s];

        for (size_t i = 0; i < service->listener_count; i++)
            if (!listener_is_activated(service->listeners[i]))
                listener_settle(service->listeners[i],
                                file_of(service->config, service->listeners[i]),
                                (int)service->config->limits.backlog);
    }
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
    if (old || master->inheritance.any)
        settle_listeners(generation);
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
        release_most_listeners(master, &generation->services[i]);
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
