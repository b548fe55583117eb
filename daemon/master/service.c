/*
 * A service of one generation: its listeners and its shelf, which it shares with the one before and
 * the one after, as far as they are the same.
 */
#include "master/master.h"

#include "base/log.h"
#include "config/config.h"
#include "master/activation.h"
#include "master/shelf.h"

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
void service_release(struct master *master, struct service *service)
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

void service_free(struct master *master, struct service *service)
{
    scaling_deinit(service);
    release_listeners(master, service);
    shelf_release(service->shelf);
    free(service->likeness);
    free(service->listeners);
    free(service->forsaken);
    free(service->listener_fds);
    free(service->gates);
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

static bool has_listeners(const struct service *service, const struct service *other)
{
    for (size_t i = 0; i < other->listener_count; i++) {
        size_t at = 0;

        while (at < service->listener_count && service->listeners[at] != other->listeners[i])
            at++;
        if (at == service->listener_count)
            return false;
    }
    return true;
}

/* The service of that name that serves now, if SERVICE can go on with its connections: each came by
 * an address that it has, too, and speaks as it does. */
static struct shelf *shelf_before(const struct master *master, const struct service *service,
                                  const char *speech)
{
    const struct generation *current = master->current;

    for (size_t i = 0; current && i < current->service_count; i++) {
        const struct service *before = &current->services[i];

        if (before->totals == service->totals && before->shelf &&
            strcmp(before->shelf->speech, speech) == 0 && has_listeners(service, before))
            return shelf_share(before->shelf);
    }
    return NULL;
}

/* What a new framed's service has to be like to go on with its connections, which speak SPEECH. */
static char *likeness_of(const struct service *service, const char *speech)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        return NULL;
    fprintf(to, "%s", speech);
    for (size_t i = 0; i < service->listener_count; i++)
        fprintf(to, " %s", service->listeners[i]->key);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

/* Where its connections wait when they change workers; none, where they cannot. */
static int find_shelf(struct master *master, struct service *service)
{
    char *speech;
    int result = 0;

    if (!config_moves(service->config))
        return 0;
    speech = config_speech(service->generation->config, service->config);
    if (!speech)
        return -ENOMEM;
    service->likeness = likeness_of(service, speech);
    service->shelf = shelf_before(master, service, speech);
    if (!service->shelf && master->inheritance.pending && service->likeness)
        service->shelf =
            inherit_shelf(&master->inheritance, service->config->name, service->likeness, speech);
    if (!service->shelf)
        result = shelf_new(speech, &service->shelf);
    free(speech);
    return result;
}

int service_prepare(struct master *master, struct generation *generation, size_t index, char *error,
                    size_t size)
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
    result = find_shelf(master, service);
    if (result < 0)
        return result;
    overload_init(service);
    keepers_init(service);
    result = scaling_init(master, service);
    if (result < 0)
        snprintf(error, size, "service \"%s\": cannot watch its listeners: %s",
                 service->config->name, log_errno_text(result));
    return result;
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

/* What its configuration wants of sockets that were there before. */
void service_settle(const struct service *service)
{
    for (size_t i = 0; i < service->listener_count; i++)
        if (!listener_is_activated(service->listeners[i]))
            listener_settle(service->listeners[i], file_of(service->config, service->listeners[i]),
                            (int)service->config->limits.backlog);
}

bool service_is_taken_over(const struct master *master, const struct service *service)
{
    const struct generation *current = master->current;

    if (!service->shelf)
        return false;
    if (master->stopping)
        return service->shelf->passed;
    for (size_t i = 0; current && i < current->service_count; i++)
        if (current->services[i].shelf == service->shelf)
            return !current->services[i].pool.paused;
    return false;
}
