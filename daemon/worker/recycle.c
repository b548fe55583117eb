/* When to ask the master for a replacement. The worker serves on until it is told to leave. */
#include "worker/worker.h"

#include "base/log.h"
#include "config/config.h"
#include "ipc/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What is resident of PID (0: of us), in bytes; 0 and errno when that cannot be told. */
static uint64_t resident(pid_t pid)
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

/* Its own and its program's. */
static bool is_too_large(const struct worker *worker)
{
    static bool told; /* once is enough */
    uint64_t own = resident(0);

    if (own == 0 && !told)
        log_warning("max-rss", LOG_ERRNO(errno));
    told = own == 0;
    return own + (worker->group > 0 ? resident(worker->group) : 0) >
           worker->service->workers.max_rss;
}

void worker_check_due(struct worker *worker)
{
    uint64_t most = worker->start->max_requests;

    if (worker->due || worker->draining)
        return;
    if (most && worker->counters.value[COUNTER_MESSAGES] >= most)
        worker_report(worker, RECORD_RECYCLE, DUE_REQUESTS, NULL);
    else if (worker->service->workers.max_rss && is_too_large(worker))
        worker_report(worker, RECORD_RECYCLE, DUE_RSS, NULL);
    else
        return;
    worker->due = true;
}
