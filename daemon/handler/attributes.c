#include "handler/attributes.h"

#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    __rlimit_resource_t number;
    const char *key;
} resources[RESOURCE_COUNT] = {
    [RESOURCE_AS] = {RLIMIT_AS, "resources.as"},
    [RESOURCE_CORE] = {RLIMIT_CORE, "resources.core"},
    [RESOURCE_CPU] = {RLIMIT_CPU, "resources.cpu"},
    [RESOURCE_FSIZE] = {RLIMIT_FSIZE, "resources.fsize"},
    [RESOURCE_NOFILE] = {RLIMIT_NOFILE, "resources.nofile"},
    [RESOURCE_NPROC] = {RLIMIT_NPROC, "resources.nproc"},
    [RESOURCE_STACK] = {RLIMIT_STACK, "resources.stack"},
};

_Static_assert(RLIM_INFINITY == (rlim_t)CONFIG_INFINITY, "CONFIG_INFINITY");

static bool has_program(const struct service_config *service)
{
    return service->handler.type == HANDLER_COMMAND;
}

static int set_limits(const struct process_config *process, const char **what)
{
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        const rlim_t value = (rlim_t)process->resources[i].value;
        const struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

        *what = resources[i].key;
        if (process->resources[i].given && setrlimit(resources[i].number, &limit) < 0)
            return -errno;
    }
    return 0;
}

/* Only who is privileged may raise a hard limit; whoever is not will see when the limit is set. */
static void make_room(const struct process_config *process)
{
    for (int i = 0; i < RESOURCE_COUNT; i++) {
        const rlim_t value = (rlim_t)process->resources[i].value;
        struct rlimit limit;

        if (!process->resources[i].given || getrlimit(resources[i].number, &limit) < 0 ||
            value <= limit.rlim_max)
            continue;
        limit.rlim_max = value;
        setrlimit(resources[i].number, &limit);
    }
}

static int settle(const struct process_config *process, const char **what)
{
    if (process->umask.given)
        umask((mode_t)process->umask.value);
    *what = "process.directory";
    return process->directory && chdir(process->directory) < 0 ? -errno : 0;
}

/* Neighbours in the table of slots, and so the workers of a pool, come to different CPUs. */
static int pin(unsigned slot)
{
    cpu_set_t allowed, one;
    unsigned left;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return -errno;
    left = slot % (unsigned)CPU_COUNT(&allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || left-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
    }
    return -ENODEV;
}

static int explain(int result, const char *what, char *error, size_t size)
{
    if (result < 0)
        snprintf(error, size, "cannot set %s: %s%s", what, log_errno_text(result),
                 result == -EPERM || result == -EACCES ? "; framed itself may not" : "");
    return result;
}

int attributes_take(const struct service_config *service, unsigned slot, char *error, size_t size)
{
    const struct process_config *process = &service->process;
    const char *what = "";
    int result = 0;

    if (process->pin)
        result = explain(pin(slot), "process.pin", error, size);
    if (result == 0 && process->nice.given &&
        setpriority(PRIO_PROCESS, 0, (int)process->nice.value) < 0)
        result = explain(-errno, "process.nice", error, size);
    if (result == 0 && process->scheduling != SCHED_OTHER &&
        sched_setscheduler(0, process->scheduling, &(struct sched_param){0}) < 0)
        result = explain(-errno, "process.scheduling", error, size);
    if (result < 0)
        return result;
    if (has_program(service)) {
        make_room(process);
        return 0;
    }
    result = set_limits(process, &what);
    return explain(result, what, error, size);
}

int attributes_settle(const struct service_config *service, char *error, size_t size)
{
    const char *what = "";
    int result = has_program(service) ? 0 : settle(&service->process, &what);

    return explain(result, what, error, size);
}

int attributes_apply(const struct process_config *process, const char **what)
{
    int result = set_limits(process, what);

    return result < 0 ? result : settle(process, what);
}
