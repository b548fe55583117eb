#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

int pidfile_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    int result = 0;

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        result = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", getpid()) < 0)
        result = -errno;
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

void pidfile_close(const char *path, int fd)
{
    if (fd < 0)
        return;
    /* Whose folder we cannot write to any more keeps an empty file. */
    if (unlink(path) < 0 && ftruncate(fd, 0) < 0)
        return;
    close(fd);
}
