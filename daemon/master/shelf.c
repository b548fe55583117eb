#include "master/shelf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for some hundreds of connections: who has more to put there waits until some are taken. */
#define ROOM_BYTES (1024 * 1024)

struct shelf *shelf_adopt(const char *speech, struct shelf_ends workers, struct shelf_ends keeper)
{
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    char *copy = strdup(speech);

    if (!shelf || !copy) {
        free(shelf);
        free(copy);
        return NULL;
    }
    *shelf = (struct shelf){.references = 1, .workers = workers, .keeper = keeper, .speech = copy};
    return shelf;
}

static int make_ends(struct shelf_ends *ends)
{
    const int room = ROOM_BYTES;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    *ends = (struct shelf_ends){.out = fds[0], .in = fds[1]};
    return 0;
}

static void close_ends(struct shelf_ends ends)
{
    close(ends.out);
    close(ends.in);
}

int shelf_new(const char *speech, struct shelf **shelf)
{
    struct shelf_ends workers = {-1, -1};
    struct shelf_ends keeper = {-1, -1};
    int result = make_ends(&workers);

    if (result < 0)
        return result;
    result = make_ends(&keeper);
    if (result == 0) {
        *shelf = shelf_adopt(speech, workers, keeper);
        if (*shelf)
            return 0;
        result = -ENOMEM;
        close_ends(keeper);
    }
    close_ends(workers);
    return result;
}

struct shelf *shelf_share(struct shelf *shelf)
{
    shelf->references++;
    return shelf;
}

void shelf_release(struct shelf *shelf)
{
    if (!shelf || --shelf->references > 0)
        return;
    close_ends(shelf->workers);
    close_ends(shelf->keeper);
    free(shelf->speech);
    free(shelf);
}
