#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t memory_resident(pid_t pid)
{
    char text[128];
    char *second;
    ssize_t length;
    int fd;

    if (pid > 0)
        snprintf(text, sizeof(text), "/proc/%d/statm", (int)pid);
    fd = open(pid > 0 ? text : "/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    strtoull(text, &second, 10); /* the first number is the size */
    return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}
