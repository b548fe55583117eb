/*
 * Generations: a reload builds the next one beside the current one, and swaps once. Until every
 * worker of the new one is ready, nothing of the old one is touched; whatever fails before, the
 * current one goes on as if nothing had been asked.
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

static int start_workers(struct master *master, struct service *service, char *error, size_t size)
{
    for (unsigned i = 0; i < service->pool.target; i++) {
        int result = child_start(master, service, ROLE_WORKER);

        if (result < 0) {
            snprintf(error, size, "service \"%s\": cannot start a worker: %s",
                     service->config->name, log_errno_text(result));
            return result;
        }
    }
    return 0;
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

int generation_launch(struct master *master, struct generation *generation, char *error,
                      size_t size)
{
    int result = 0;

    generation->next = master->generations;
    master->generations = generation;
    master->next = generation;
    for (size_t i = 0; result == 0 && i < generation->service_count; i++)
        result = start_workers(master, &generation->services[i], error, size);
    if (result < 0) {
        master->next = NULL;
        generation_drain(master, generation, 0);
    }
    return result;
}

/* How many references of GENERATION keep LISTENER. */
static unsigned holds(const struct generation *generation, const struct listener *listener)
{
    unsigned count = 0;

    for (size_t s = 0; s < generation->service_count; s++)
        for (size_t i = 0; i < generation->services[s].listener_count; i++)
            count += generation->services[s].listeners[i] == listener;
    return count;
}

/* The permissions that the new configuration wants for sockets that were there before. */
static void settle_listeners(const struct generation *generation)
{
    for (size_t s = 0; s < generation->service_count; s++) {
        const struct service *service = &generation->services[s];

        for (size_t i = 0; i < service->listener_count; i++)
            for (size_t a = 0; a < service->config->listen_count; a++) {
                const struct framed_address *address = &service->config->listen[a].address;

                if (address->kind == FRAMED_ADDRESS_UNIX && !address->abstract &&
                    strcmp(service->listeners[i]->text + strlen("unix:"), address->path) == 0)
                    listener_settle(service->listeners[i], address,
                                    (int)service->config->limits.backlog);
            }
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
 * Whether nobody will accept from LISTENER once GENERATION has left. When we stop, that is all but
 * what systemd keeps, or a new framed has: who waits there is served by the next one.
 */
static bool is_forsaken(const struct master *master, const struct generation *generation,
                        const struct listener *listener)
{
    if (master->upgrade.phase == UPGRADE_DONE)
        return !listener->passed;
    if (master->stopping)
        return !listener_is_activated(listener);
    return listener_users(listener) == holds(generation, listener);
}

static void find_forsaken(const struct master *master, const struct generation *generation)
{
    for (size_t s = 0; s < generation->service_count; s++) {
        const struct service *service = &generation->services[s];

        for (size_t i = 0; i < service->listener_count; i++)
            service->forsaken[i] =
                is_forsaken(master, generation, service->listeners[i]) ? '1' : '0';
    }
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
        generation_drain(master, old, ACCEPT_LAST);
    }
    activation_report_unused(&master->listeners);
    master_reloaded(master, NULL);
}

void generation_progress(struct master *master, struct generation *generation)
{
    if (generation->phase != GENERATION_STARTING || generation != master->next)
        return;
    for (size_t i = 0; i < generation->service_count; i++)
        if (generation->services[i].pool.ready < generation->services[i].pool.target)
            return;
    if (!inherit_offer(master))
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
        release_listeners(master, &generation->services[i]);
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
