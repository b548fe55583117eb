/* What `process { }` of a service names outside the configuration. */
#include "config/check.h"

#include "base/identity.h"
#include "config/draft.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOKUP_ERROR_SIZE 256

static struct place place_of(const struct service_config *service, enum schema_key key)
{
    return (struct place){service->file, service->line, service->name, schema_row(key)};
}

/* An account may be given as a number that has no name. */
void check_user(const char *name, const struct place *place, struct report *report)
{
    char quoted[REPORT_QUOTED_SIZE];

    if (name && !isdigit((unsigned char)*name) && !getpwnam(name))
        report_add(report, place, "found \"%s\", allowed: an account of this system",
                   report_quote(name, quoted));
}

void check_group(const char *name, const struct place *place, struct report *report)
{
    char quoted[REPORT_QUOTED_SIZE];

    if (name && !isdigit((unsigned char)*name) && !getgrnam(name))
        report_add(report, place, "found \"%s\", allowed: a group of this system",
                   report_quote(name, quoted));
}

static void check_directory(const struct service_config *service, struct report *report)
{
    const struct place place = place_of(service, KEY_DIRECTORY);
    const char *directory = service->process.directory;
    char quoted[REPORT_QUOTED_SIZE];
    struct stat about;
    int result;

    if (!directory)
        return;
    result = stat(directory, &about) < 0 ? -errno : S_ISDIR(about.st_mode) ? 0 : -ENOTDIR;
    /* It may be closed to us and open to the service's own user. */
    if (result < 0 && !(result == -EACCES && service->process.user))
        report_status(report, result, &place, "found \"%s\", %s, allowed: a directory",
                      report_quote(directory, quoted), strerror(-result));
}

static bool lookup(const struct service_config *service, struct identity *identity)
{
    const struct process_config *process = &service->process;
    char error[LOOKUP_ERROR_SIZE];

    return (process->user || process->group) &&
           identity_lookup(process->user, process->group, identity, error, sizeof(error)) == 0;
}

static void check_identity(const struct service_config *service, struct report *report)
{
    const struct process_config *process = &service->process;
    const struct place user = place_of(service, KEY_PROCESS_USER);
    const struct place group = place_of(service, KEY_PROCESS_GROUP);
    char quoted[REPORT_QUOTED_SIZE];
    struct identity identity;

    check_user(process->user, &user, report);
    check_group(process->group, &group, report);
    if (lookup(service, &identity) && identity.change && !identity_commands_others())
        report_status(report, -EPERM, process->user ? &user : &group,
                      "found \"%s\", allowed: only who framed is itself (uid %u), unless it is "
                      "started with CAP_SETUID, CAP_SETGID and CAP_KILL, and with such a service",
                      report_quote(process->user ? process->user : process->group, quoted),
                      (unsigned)geteuid());
}

void check_process(const struct service_config *service, struct report *report)
{
    check_directory(service, report);
    check_identity(service, report);
}

bool config_has_other_users(const struct config *config, const struct identity *us)
{
    struct identity identity;

    for (size_t i = 0; i < config->service_count; i++)
        if (lookup(&config->services[i], &identity) &&
            (identity.uid != us->uid || identity.gid != us->gid))
            return true;
    return false;
}
