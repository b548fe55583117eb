/* Who may give orders through the control socket, and those to workers and pools. */
#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/check.h"
#include "config/schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUPS_MAX 256

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
    gid_t groups[GROUPS_MAX];
    socklen_t size = sizeof(groups);

    if (primary == wanted)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
        return false;
    for (size_t i = 0; i < size / sizeof(gid_t); i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

/* The file's mode says who may connect and look; who may command is asked of the kernel. */
bool order_is_permitted(const struct control *control, int fd)
{
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return false;
    return credentials.uid == 0 || credentials.uid == geteuid() ||
           (control->has_group && in_group(fd, credentials.gid, control->group));
}

static struct child *find_child(const struct master *master, const char *service, size_t length,
                                unsigned long slot)
{
    struct child *child = slot < master->slots_used ? master->children[slot] : NULL;
    const char *name = child ? child->service->config->name : "";

    return strlen(name) == length && memcmp(name, service, length) == 0 ? child : NULL;
}

/* One that starts is left alone: its end would be taken for a failure of what it starts with. */
static bool can_be_replaced(const struct child *child)
{
    return child->state == CHILD_READY || child->state == CHILD_DRAINING;
}

int order_kill_worker(struct master *master, const char *words, char *error, size_t size)
{
    size_t length = strcspn(words, " ");
    const char *digits = words[length] ? words + length + 1 : "";
    struct child *child;
    char *end;
    unsigned long slot;

    if (length == 0 || *digits < '0' || *digits > '9') {
        snprintf(error, size, "found \"%s\", allowed: SERVICE SLOT", words);
        return -EINVAL;
    }
    slot = strtoul(digits, &end, 10);
    child = *end ? NULL : find_child(master, words, length, slot);
    if (!child || !can_be_replaced(child)) {
        snprintf(error, size,
                 child ? "the worker in slot %s of service \"%.*s\" is not yet, or no more, one to "
                         "kill: allowed: a worker that is ready or draining"
                       : "no worker in slot %s of service \"%.*s\", allowed: one that framectl "
                         "workers shows",
                 digits, (int)length, words);
        return -ESRCH;
    }
    log_notice("kill-worker", LOG_STR("service", child->service->config->name),
               LOG_INT("slot", child->slot), LOG_INT("pid", child->pid));
    child_kill(child, "framectl");
    return 0;
}

/* The service of the current generation whose name has LENGTH bytes of NAME; NULL: none. */
static struct service *find_service(const struct master *master, const char *name, size_t length,
                                    char *error, size_t size)
{
    struct generation *current = master->current;

    for (size_t i = 0; current && i < current->service_count; i++) {
        const char *found = current->services[i].config->name;

        if (strlen(found) == length && memcmp(found, name, length) == 0)
            return &current->services[i];
    }
    snprintf(error, size, "no service \"%.*s\", allowed: one that framectl status shows",
             (int)length, name);
    return NULL;
}

/* "4", "+1", "-1": *SIZE, which was BEFORE. */
static bool parse_size(const char *text, unsigned before, long *size)
{
    bool relative = *text == '+' || *text == '-';
    size_t digits = strspn(text + relative, "0123456789");

    if (digits < 1 || digits > 9 || text[relative + digits])
        return false;
    *size = strtol(text, NULL, 10) + (relative ? (long)before : 0);
    return true;
}

/* How large the pool of SERVICE may become, beside the others. */
static long most_for(const struct service *service)
{
    const struct generation *generation = service->generation;
    long most = CHECK_WORKERS_MAX;

    for (size_t i = 0; i < generation->service_count; i++)
        if (&generation->services[i] != service)
            most -= (long)generation->services[i].pool.rules.max;
    return most < (long)schema_row(KEY_WORKERS_MAX)->max ? most
                                                         : (long)schema_row(KEY_WORKERS_MAX)->max;
}

static int resize(const struct master *master, struct service *service, long wanted,
                  const char *who, char *error, size_t size)
{
    struct pool *pool = &service->pool;
    long most = most_for(service);
    unsigned before = pool->rules.max;

    if (wanted < 1 || wanted > most) {
        snprintf(error, size, "service \"%s\" has a pool of %u, allowed: 1 to %ld%s",
                 service->config->name, before, most,
                 wanted == 0 ? "; drain leaves it without workers" : "");
        return -ERANGE;
    }
    if (master->next) {
        snprintf(error, size, "a reload is under way, which sets all sizes anew: try again later");
        return -EBUSY;
    }
    /* Slots are for so many, those that take their time to leave included. */
    if (wanted > (long)before &&
        pool->leaving + wanted > 2 * (long)schema_row(KEY_WORKERS_MAX)->max) {
        snprintf(error, size, "%u workers of service \"%s\" have not left yet: try again later",
                 pool->leaving, service->config->name);
        return -EBUSY;
    }
    pool_resize(pool, (unsigned)wanted, clock_ms());
    log_notice("scale", LOG_STR("service", service->config->name), LOG_INT("before", before),
               LOG_INT("after", wanted), LOG_STR("by", who));
    return 0;
}

int order_scale(struct master *master, const char *words, unsigned *before, unsigned *after,
                char *error, size_t size)
{
    size_t length = strcspn(words, " ");
    struct service *service = find_service(master, words, length, error, size);
    unsigned old;
    long wanted;
    int result;

    if (!service)
        return -ESRCH;
    old = service->pool.rules.max;
    if (!parse_size(words[length] ? words + length + 1 : "", old, &wanted)) {
        snprintf(error, size, "found \"%s\", allowed: SERVICE N, SERVICE +N, or SERVICE -N", words);
        return -EINVAL;
    }
    result = resize(master, service, wanted, "framectl", error, size);
    if (result < 0)
        return result;
    *before = old;
    *after = service->pool.rules.max;
    return 0;
}

void order_scale_all(struct master *master, int step)
{
    char error[REASON_SIZE];

    for (size_t i = 0; master->current && !master->stopping && i < master->current->service_count;
         i++) {
        struct service *service = &master->current->services[i];

        if (resize(master, service, (long)service->pool.rules.max + step, "signal", error,
                   sizeof(error)) < 0)
            log_info("scale-refused", LOG_STR("reason", error));
    }
}

int order_drain(struct master *master, const char *service, bool drain, struct totals **totals,
                char *error, size_t size)
{
    struct service *found = find_service(master, service, strlen(service), error, size);

    if (!found)
        return -ESRCH;
    if (found->totals->drained != drain)
        log_notice(drain ? "drain" : "resume", LOG_STR("service", service));
    found->totals->drained = drain;
    scaling_settle(found);
    *totals = found->totals;
    return 0;
}

int order_drained(const struct master *master, const struct totals *totals, char *error,
                  size_t size)
{
    if (!totals->drained) {
        snprintf(error, size, "service \"%s\" was resumed before all workers had left",
                 totals->name);
        return -ECANCELED;
    }
    /* Those that a reload tries out serve nobody, and an usher stays. */
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        const struct child *child = master->children[slot];

        if (child && child->service->totals == totals && child->role == ROLE_WORKER &&
            !generation_is_starting(child->service->generation))
            return 0;
    }
    return 1;
}

int order_resumed(const struct master *master, const struct totals *totals, char *error,
                  size_t size)
{
    const struct service *service =
        find_service(master, totals->name, strlen(totals->name), error, size);

    if (!service)
        return -ESRCH;
    if (totals->drained || master->stopping) {
        snprintf(error, size, "service \"%s\" %s", totals->name,
                 master->stopping ? "is stopping" : "was drained again before it was ready");
        return -ECANCELED;
    }
    if (service->pool.failures) {
        snprintf(error, size, "service \"%s\" is resumed but not ready: %s; it goes on trying",
                 totals->name, totals->last_error);
        return -EAGAIN;
    }
    return service->pool.ready >= service->pool.target;
}
