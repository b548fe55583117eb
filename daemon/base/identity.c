#include "base/identity.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* An account may be given as a number that has no name. */
static bool as_number(const char *text, unsigned *number)
{
    char *end;
    unsigned long value;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || *end || value >= UINT32_MAX)
        return false;
    *number = (unsigned)value;
    return true;
}

static int lookup_user(const char *user, struct identity *identity, char *error, size_t size)
{
    unsigned number;
    struct passwd *entry = as_number(user, &number) ? getpwuid(number) : getpwnam(user);

    if (!entry && !as_number(user, &number)) {
        snprintf(error, size, "user: found \"%s\", allowed: an account of this system", user);
        return -ENOENT;
    }
    identity->uid = entry ? entry->pw_uid : number;
    identity->gid = entry ? entry->pw_gid : getgid();
    snprintf(identity->user, sizeof(identity->user), "%s", entry ? entry->pw_name : "");
    return 0;
}

static int lookup_group(const char *group, struct identity *identity, char *error, size_t size)
{
    unsigned number;
    struct group *entry = as_number(group, &number) ? getgrgid(number) : getgrnam(group);

    if (!entry && !as_number(group, &number)) {
        snprintf(error, size, "group: found \"%s\", allowed: a group of this system", group);
        return -ENOENT;
    }
    identity->gid = entry ? entry->gr_gid : number;
    return 0;
}

int identity_lookup(const char *user, const char *group, struct identity *identity, char *error,
                    size_t size)
{
    struct identity found = {.uid = getuid(), .gid = getgid()};
    int result = 0;

    if (user)
        result = lookup_user(user, &found, error, size);
    if (result == 0 && group)
        result = lookup_group(group, &found, error, size);
    if (result < 0)
        return result;
    found.change = found.uid != geteuid() || found.gid != getegid();
    *identity = found;
    return 0;
}

/* The raw calls: two sets of 32 capabilities, of which all but the first few are unused here. */
static int get_capabilities(struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(SYS_capget, &header, data);
}

static int set_capabilities(const struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

    return (int)syscall(SYS_capset, &header, data);
}

#define BIND (1U << CAP_NET_BIND_SERVICE)
#define OTHERS (1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL)

static int keep_capabilities(enum identity_keep keep)
{
    static const uint32_t kept[] = {
        [IDENTITY_KEEP_NONE] = 0,
        [IDENTITY_KEEP_BIND] = BIND,
        [IDENTITY_KEEP_OTHERS] = BIND | OTHERS,
    };
    struct __user_cap_data_struct data[2];

    if (get_capabilities(data) < 0)
        return -errno;
    data[0].permitted &= kept[keep];
    data[0].effective = data[0].permitted;
    data[0].inheritable = 0;
    memset(&data[1], 0, sizeof(data[1]));
    return set_capabilities(data) < 0 ? -errno : 0;
}

int identity_become(const struct identity *identity, enum identity_keep keep, char *error,
                    size_t size)
{
    int result = 0;

    if (!identity->change)
        return 0;
    /* Capabilities survive setresuid only when told so, and are then cut to the few. */
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        result = -errno;
    else if (identity->user[0] && initgroups(identity->user, identity->gid) < 0)
        result = -errno;
    else if (!identity->user[0] && setgroups(0, NULL) < 0)
        result = -errno;
    else if (setresgid(identity->gid, identity->gid, identity->gid) < 0)
        result = -errno;
    else if (setresuid(identity->uid, identity->uid, identity->uid) < 0)
        result = -errno;
    else if (identity->uid != 0)
        result = keep_capabilities(keep);
    if (result < 0)
        snprintf(error, size, "cannot become uid %u, gid %u: %s", (unsigned)identity->uid,
                 (unsigned)identity->gid, strerrordesc_np(-result));
    return result;
}

bool identity_commands_others(void)
{
    struct __user_cap_data_struct data[2];

    return get_capabilities(data) == 0 && (data[0].effective & OTHERS) == OTHERS;
}

void identity_bequeath(void)
{
    static const unsigned long all[] = {CAP_NET_BIND_SERVICE, CAP_SETUID, CAP_SETGID, CAP_KILL};
    struct __user_cap_data_struct data[2];

    /* Root's need no help. */
    if (geteuid() == 0 || get_capabilities(data) < 0)
        return;
    data[0].inheritable |= data[0].permitted & (BIND | OTHERS);
    if (set_capabilities(data) < 0)
        return;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, all[i], 0, 0);
}

void identity_renounce(void)
{
    struct __user_cap_data_struct none[2];

    if (geteuid() == 0)
        return;
    memset(none, 0, sizeof(none));
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    set_capabilities(none);
}
