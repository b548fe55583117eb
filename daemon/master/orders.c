/* Who may give orders through the control socket, and those to single workers. */
#include "master/master.h"

#include "base/log.h"
#include "config/config.h"

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
