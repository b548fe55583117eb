#include "master/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int pidfile_write(int fd)
{
    char text[32];
    int length = snprintf(text, sizeof(text), "%d\n", (int)getpid());

    /* Not where another process that has it open has left off. */
    return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0 ? -errno : 0;
}

int pidfile_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    int result = 0;

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        result = errno == EWOULDBLOCK ? -EBUSY : -errno;
    else
        result = pidfile_write(fd);
    if (result < 0) {
        close(fd);
        return result;
    }
    return fd;
}

/* Somebody may have removed ours, and the next framed have put its own there. */
static bool is_ours(const char *path, int fd)
{
    struct stat there, ours;

    return lstat(path, &there) == 0 && fstat(fd, &ours) == 0 && there.st_dev == ours.st_dev &&
           there.st_ino == ours.st_ino;
}

void pidfile_close(const char *path, int fd)
{
    if (fd < 0)
        return;
    /* Whose folder we cannot write to any more keeps an empty file. */
    if (is_ours(path, fd) && unlink(path) < 0 && ftruncate(fd, 0) < 0)
        return;
    close(fd);
}
