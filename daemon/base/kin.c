#include "base/kin.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* In /proc/PID/limits. */
static const char locks_line[] = "Max file locks ";

int kin_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int kin_mark(uint64_t mark)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_LOCKS, &limit) < 0)
        return -errno;
    limit.rlim_cur = mark;
    return setrlimit(RLIMIT_LOCKS, &limit) < 0 ? -errno : 0;
}

/* What prlimit(2) does not tell of another user's process, anybody may read. */
static uint64_t read_mark(pid_t pid)
{
    uint64_t mark = KIN_NO_MARK;
    char path[32];
    char line[128];
    FILE *limits;

    snprintf(path, sizeof(path), "/proc/%d/limits", (int)pid);
    limits = fopen(path, "re");
    while (limits && fgets(line, sizeof(line), limits))
        if (strncmp(line, locks_line, strlen(locks_line)) == 0)
            mark = strtoull(line + strlen(locks_line), NULL, 10);
    if (limits)
        fclose(limits);
    return mark > 0 ? mark : KIN_NO_MARK; /* "unlimited" is no number */
}

uint64_t kin_mark_of(pid_t pid)
{
    struct rlimit limit;

    if (prlimit(pid, RLIMIT_LOCKS, NULL, &limit) == 0)
        return limit.rlim_cur;
    return errno == EPERM ? read_mark(pid) : KIN_NO_MARK;
}

void kin_each(void (*take)(void *context, pid_t child), void *context)
{
    char word[24];
    char path[64];
    FILE *children;

    /* Orphans go to the first thread, which is the one that has our own children, too. */
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "re");
    if (!children)
        return;
    while (fscanf(children, "%23s", word) == 1)
        take(context, (pid_t)strtol(word, NULL, 10));
    fclose(children);
}

void kin_kill(pid_t child)
{
    pid_t group = getpgid(child);

    if (group > 1 && getsid(child) != getsid(0))
        kill(-group, SIGKILL);
    kill(child, SIGKILL);
}
