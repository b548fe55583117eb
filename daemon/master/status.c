/* What framectl status shows, as JSON. */
#include "master/master.h"

#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"

#include <unistd.h>

static json_t *counters_json(const struct counters *counters)
{
    json_t *all = json_object();
    json_t *closed = json_object();

    for (int i = 0; i < COUNTER_COUNT; i++)
        json_object_set_new(i < COUNTER_END_FIRST ? all : closed, counter_word((enum counter)i),
                            json_integer((json_int_t)counters->value[i]));
    json_object_set_new(all, "closed", closed);
    return all;
}

static const char *child_state_word(enum child_state state)
{
    static const char *const words[] = {
        [CHILD_STARTING] = "starting",
        [CHILD_READY] = "ready",
        [CHILD_DRAINING] = "draining",
        [CHILD_KILLED] = "killed",
    };

    return words[state];
}

/* Whom it serves, as far as that can be told without asking it; "": nobody, or over a Unix socket.
 */
static const char *peer_text(const struct child *child, char text[FRAMED_ADDRESS_TEXT_SIZE])
{
    struct sockaddr_in6 peer;
    socklen_t length = slot_last_peer(&child->master->slots[child->slot], &peer);

    text[0] = '\0';
    if (length > 0)
        framed_address_format((const struct sockaddr *)&peer, length, text,
                              FRAMED_ADDRESS_TEXT_SIZE);
    return text;
}

/* A worker is ours until we bury it: its pid is nobody else's. Of its program that is only nearly
 * so, which makes a number wrong for a moment. */
static void add_details(json_t *worker, const struct child *child)
{
    char peer[FRAMED_ADDRESS_TEXT_SIZE];

    json_object_set_new(worker, "peer", json_string(peer_text(child, peer)));
    json_object_set_new(worker, "rss", json_integer((json_int_t)memory_resident(child->pid)));
    json_object_set_new(
        worker, "handler_rss",
        json_integer(child->group > 0 ? (json_int_t)memory_resident(child->group) : 0));
}

/* A consistent snapshot, or, marked stale, the last one that was to be had. */
static json_t *child_json(const struct child *child, bool stale, uint64_t now_ms)
{
    const struct slot *slot = &child->master->slots[child->slot];
    uint64_t since_ms;
    enum slot_state activity = slot_get(slot, &since_ms);
    json_t *worker;

    worker = json_pack("{s:s, s:i, s:I, s:i, s:s, s:s, s:I, s:I, s:b, s:i, s:i, s:o}", "service",
                       child->service->config->name, "slot", (int)child->slot, "generation",
                       (json_int_t)child->generation, "pid", (int)child->pid, "state",
                       child_state_word(child->state), "activity", slot_state_word(activity),
                       "for_ms", (json_int_t)(now_ms > since_ms ? now_ms - since_ms : 0), "age_ms",
                       (json_int_t)(now_ms - child->started_ms), "stale", stale, "handler_group",
                       (int)child->group, "held", (int)slot_held(slot), "counters",
                       counters_json(&child->last));
    add_details(worker, child);
    return worker;
}

/* To have connections that say nothing, or half of it, keeps only those busy that can have one. */
static bool is_busy(const struct child *child)
{
    uint64_t since_ms;
    enum slot_state activity = slot_get(&child->master->slots[child->slot], &since_ms);

    return activity > SLOT_RECEIVING ||
           (activity >= SLOT_READING && config_room(child->service->config) == 1);
}

struct census {
    unsigned starting, ready, draining, busy, held, kept;
    struct counters counters;
    struct histogram latency;
};

static void take_census(const struct master *master, const struct service *service,
                        struct census *census)
{
    *census =
        (struct census){.counters = service->totals->counters, .latency = service->totals->latency};
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        const struct child *child = master->children[slot];

        if (!child || child->service->totals != service->totals)
            continue;
        counters_add(&census->counters, &child->last);
        if (child->role == ROLE_KEEPER)
            census->kept += slot_held(&master->slots[slot]);
        if (child->role != ROLE_WORKER)
            continue;
        histogram_merge(&census->latency, &master->slots[slot].latency);
        census->held += slot_held(&master->slots[slot]);
        census->starting += child->state == CHILD_STARTING;
        census->ready += child->state == CHILD_READY;
        census->draining += child->state == CHILD_DRAINING;
        census->busy += child->state == CHILD_READY && is_busy(child);
    }
}

static json_t *latency_json(const struct histogram *latency)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)histogram_total(latency),
                     "p50", (json_int_t)histogram_percentile(latency, 50), "p90",
                     (json_int_t)histogram_percentile(latency, 90), "p99",
                     (json_int_t)histogram_percentile(latency, 99), "max",
                     (json_int_t)latency->max_us);
}

/* Where it listens; ACTIVATED gets which of these sockets came by which name. */
static json_t *listen_json(const struct service *service, json_t *activated)
{
    json_t *listen = json_array();

    for (size_t i = 0; i < service->listener_count; i++) {
        const struct listener *listener = service->listeners[i];

        json_array_append_new(listen, json_string(listener->text));
        if (listener_is_activated(listener))
            json_object_set_new(activated, listener->text, json_string(listener->key));
    }
    return listen;
}

/* On their way are those that one has given and another not yet taken: nearly all of them have
 * called, and wait for a worker. */
static void add_keeping(json_t *json, const struct master *master, const struct service *service,
                        const struct census *census)
{
    const struct child *keeper = keepers_find(master, service);
    uint64_t out = census->counters.value[COUNTER_MOVED_OUT];
    uint64_t in = census->counters.value[COUNTER_MOVED_IN];

    json_object_set_new(json, "kept", json_integer((json_int_t)census->kept));
    json_object_set_new(json, "moving", json_integer((json_int_t)(out > in ? out - in : 0)));
    json_object_set_new(json, "keeper", json_integer(keeper ? (json_int_t)keeper->pid : 0));
}

static json_t *service_json(const struct master *master, const struct service *service)
{
    const struct service_config *config = service->config;
    const struct pressure_sight waiting = overload_see(master, service);
    const struct child *usher = overload_usher(master, service);
    json_t *activated = json_object();
    struct census census;
    json_t *json;

    take_census(master, service, &census);
    json = json_pack(
        "{s:s, s:o, s:o, s:s, s:s, s:{s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:i, s:i}, s:I, s:I, s:I, "
        "s:I, s:I, s:I, s:i, s:o, s:o}",
        "name", config->name, "listen", listen_json(service, activated), "activated", activated,
        "framing", config_framing_shown(config), "handler",
        config_handler_type_name(config->handler.type), "workers", "mode",
        config_workers_mode_name(config->workers.mode), "drained", service->totals->drained,
        "configured", (int)config->workers.max, "limit", (int)service->pool.rules.max, "target",
        (int)service->pool.target, "ready", (int)census.ready, "busy", (int)census.busy, "starting",
        (int)census.starting, "draining", (int)census.draining, "started",
        (json_int_t)service->totals->started, "crashed", (json_int_t)service->totals->crashed,
        "held", (json_int_t)census.held, "queue", (json_int_t)waiting.depth, "queue_ms",
        (json_int_t)waiting.longest_ms, "rejected",
        (json_int_t)census.counters.value[CLOSE_REJECTED], "usher", usher ? (int)usher->pid : 0,
        "latency_us", latency_json(&census.latency), "counters", counters_json(&census.counters));
    add_keeping(json, master, service, &census);
    return json;
}

/* Nothing where nothing went wrong. */
static void add_last_error(json_t *object, const char *why, uint64_t since_ms, uint64_t now_ms)
{
    json_object_set_new(object, "last_error", json_string(why));
    if (why[0])
        json_object_set_new(object, "last_error_ago_ms",
                            json_integer((json_int_t)(now_ms - since_ms)));
}

static json_t *services_json(const struct master *master, uint64_t now_ms)
{
    const struct generation *current = master->current;
    json_t *services = json_array();

    for (size_t i = 0; current && i < current->service_count; i++) {
        const struct totals *totals = current->services[i].totals;
        json_t *service = service_json(master, &current->services[i]);

        add_last_error(service, totals->last_error, totals->failed_ms, now_ms);
        json_array_append_new(services, service);
    }
    return services;
}

static const char *state_word(const struct master *master)
{
    return master->stopping                         ? "stopping"
           : upgrade_is_under_way(&master->upgrade) ? "upgrading"
           : master->next                           ? "reloading"
                                                    : "running";
}

json_t *status_make(struct master *master)
{
    json_t *workers = json_array();
    json_t *status;
    uint64_t now = clock_ms();

    /* First the workers: that brings their snapshots up to date for the sums. */
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];
        bool stale = child && slot_snapshot(&master->slots[slot], &child->last) < 0;

        if (child && child->role == ROLE_WORKER)
            json_array_append_new(workers, child_json(child, stale, now));
    }
    status = json_pack(
        "{s:b, s:s, s:i, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:s}", "ok", 1, "version",
        FRAMED_VERSION, "pid", (int)getpid(), "state", state_word(master), "monotonic_ms",
        (json_int_t)now, "uptime_ms", (json_int_t)(now - master->started_ms), "generation",
        (json_int_t)master->generation_number, "reloads", (json_int_t)master->reloads, "services",
        services_json(master, now), "workers", workers, "last_try", master->last_try);
    add_last_error(status, master->last_error, master->tried_ms, now);
    json_object_set_new(status, "needs_restart",
                        json_string(master->current ? master->current->needs_restart : ""));
    return status;
}
