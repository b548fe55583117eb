/* Reloads, from the wish to the result; the first start ends here too. */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Workers of earlier generations that are still leaving. */
static size_t leaving(const struct master *master)
{
    size_t count = 0;

    for (const struct generation *g = master->generations; g; g = g->next)
        if (g->phase == GENERATION_LEAVING)
            count += g->children;
    return count;
}

static size_t pool_size(const struct generation *generation)
{
    size_t count = 0;

    for (size_t i = 0; generation && i < generation->service_count; i++)
        count += generation->services[i].pool.rules.max;
    return count;
}

static void reload_now(struct master *master)
{
    char reason[REASON_SIZE] = "";
    struct generation *generation;
    struct config *config;
    int result;

    master->reload_wanted = false;
    log_info("reload", LOG_INT("generation", master->generation_number + 1));
    notify_phase(master, NOTIFY_RELOADING);
    control_reloading(&master->control);
    result = master->options->load(master->options->context, &config, reason, sizeof(reason));
    if (result == 0)
        result = generation_prepare(master, config, &generation, reason, sizeof(reason));
    if (result == 0)
        generation_launch(master, generation);
    else
        master_reloaded(master, reason);
}

void master_reload(struct master *master)
{
    if (!master->stopping)
        master->reload_wanted = true;
}

/*
 * One reload at a time, and no third generation while more workers are leaving than a pool has:
 * reloads that come faster than that become one.
 */
void master_reload_if_wanted(struct master *master)
{
    if (master->reload_wanted && master->current && !master->next && !master->stopping &&
        !upgrade_is_under_way(&master->upgrade) && leaving(master) <= pool_size(master->current))
        reload_now(master);
}

/* A pipe that was given to us full, or a terminal that was told to wait, stops nobody. */
static void announce(const struct master *master)
{
    struct pollfd taker = {.fd = STDOUT_FILENO, .events = POLLOUT};

    if (poll(&taker, 1, 0) == 0) {
        log_warning("announce", LOG_STR("error", "nobody reads standard output"));
        return;
    }
    for (size_t s = 0; s < master->current->service_count; s++)
        for (size_t i = 0; i < master->current->services[s].listener_count; i++)
            puts(master->current->services[s].listeners[i]->text);
    fflush(stdout);
}

static void log_listeners(const struct master *master)
{
    for (size_t s = 0; s < master->current->service_count; s++) {
        const struct service *service = &master->current->services[s];

        for (size_t i = 0; i < service->listener_count; i++) {
            const struct listener *listener = service->listeners[i];

            log_info("listen", LOG_STR("service", service->config->name),
                     LOG_STR("address", listener->text),
                     LOG_STR("framing", config_framing_shown(service->config)),
                     LOG_STR("activated", listener_is_activated(listener) ? listener->key : NULL));
        }
    }
}

static void started(struct master *master)
{
    log_listeners(master);
    log_notice("start", LOG_STR("version", FRAMED_VERSION), LOG_INT("pid", getpid()),
               LOG_INT("services", master->current->service_count),
               LOG_INT("start_ms", clock_ms() - master->started_ms));
    notify_phase(master, NOTIFY_RUNNING);
    if (master->options->announce && !master->inheritance.any)
        announce(master);
}

void reason_note(char reason[REASON_SIZE], const char *why)
{
    snprintf(reason, REASON_SIZE, "%s", why ? why : "");
    for (char *byte = reason; *byte; byte++)
        if (*byte & 0x80)
            *byte = '?';
}

void master_start_failed(struct master *master, const char *reason)
{
    log_error("start-failed", LOG_STR("reason", reason));
    inherit_refuse(master, reason);
    reason_note(master->last_error, reason);
    master->exit_status = EXIT_FAILURE;
    master_stop(master, true);
}

void master_reloaded(struct master *master, const char *reason)
{
    if (!reason && master->generation_number == 1) {
        started(master);
        return;
    }
    if (!master->current) {
        master_start_failed(master, reason);
        return;
    }
    master->reloads++;
    master->last_try = "reload";
    master->tried_ms = clock_ms();
    reason_note(master->last_error, reason);
    if (reason)
        log_error("reload-failed", LOG_STR("reason", reason));
    else
        log_notice("reloaded", LOG_INT("generation", master->generation_number));
    if (!master->stopping)
        notify_phase(master, NOTIFY_RUNNING);
    control_reloaded(&master->control, reason ? master->last_error : NULL);
}
