#include "base/kin.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

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

uint64_t kin_mark_of(pid_t pid)
{
    struct rlimit limit;

    return prlimit(pid, RLIMIT_LOCKS, NULL, &limit) < 0 ? KIN_NO_MARK : limit.rlim_cur;
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
