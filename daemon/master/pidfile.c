#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int pidfile_write(const char *path, uid_t uid, gid_t gid)
{
    char temporary[PATH_MAX];
    int result = 0;
    int fd;

    if (snprintf(temporary, sizeof(temporary), "%s.%d", path, getpid()) >= (int)sizeof(temporary))
        return -ENAMETOOLONG;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    if (dprintf(fd, "%d\n", getpid()) < 0 || fchown(fd, uid, gid) < 0)
        result = -errno;
    close(fd);
    if (result == 0 && rename(temporary, path) < 0)
        result = -errno;
    if (result < 0)
        unlink(temporary);
    return result;
}

void pidfile_remove(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[32] = "";

    if (!file)
        return;
    if (fgets(line, sizeof(line), file) && strtol(line, NULL, 10) == getpid())
        unlink(path);
    fclose(file);
}
