#include "ipc/role.h"

#include "base/identity.h"
#include "base/log.h"
#include "base/sink.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

int role_become_user(const struct worker_start *start, char *error, size_t size)
{
    const struct process_config *process = &start->service->process;
    struct identity identity;
    int result;

    if (!process->user && !process->group)
        return 0;
    result = identity_lookup(process->user, process->group, &identity, error, size);
    if (result < 0)
        return result;
    return identity_become(&identity, IDENTITY_KEEP_NONE, error, size);
}

void role_reopen_log(int passed)
{
    int result = 0;

    if (passed >= 0)
        sink_adopt(passed);
    else
        result = log_reopen();
    if (result < 0)
        log_error("log-reopen", LOG_ERRNO(result));
}

int role_close_foreign(const struct worker_start *start)
{
    size_t count = start->listener_count + 6 + SINK_DESCRIPTORS;
    int *keep = calloc(count, sizeof(*keep));
    int next = STDERR_FILENO + 1;

    if (!keep)
        return -ENOMEM;
    memcpy(keep, start->listeners, start->listener_count * sizeof(*keep));
    count = start->listener_count;
    keep[count++] = start->control_fd;
    keep[count++] = start->status_fd;
    if (start->shelf_in >= 0) {
        keep[count++] = start->shelf_in;
        keep[count++] = start->shelf_out;
        keep[count++] = start->keeper_in;
        keep[count++] = start->keeper_out;
    }
    count += sink_descriptors(keep + count);
    qsort(keep, count, sizeof(*keep), compare);
    for (size_t i = 0; i < count; i++) {
        if (keep[i] > next)
            close_range((unsigned)next, (unsigned)keep[i] - 1, 0);
        if (keep[i] >= next)
            next = keep[i] + 1;
    }
    closefrom(next);
    free(keep);
    return 0;
}
