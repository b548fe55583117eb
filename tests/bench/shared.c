/*
 * The relay (relay.c) with a child that is spoken to by shared memory and semaphores: what a codec
 * of that kind could bring at most.
 *
 *     shared [-u]     prints the address, and serves until it is killed; -u: a Unix socket
 */
#include "pool.h"

#include <framed/byteorder.h>

#include <semaphore.h>
#include <sys/mman.h>

#define SIZE ((size_t)2 << 20)

struct shared {
    sem_t asked;
    sem_t answered;
    size_t size; /* of the message with its length */
    uint8_t request[SIZE];
    uint8_t reply[SIZE];
};

static struct shared *make_shared(void)
{
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED || sem_init(&shared->asked, 1, 0) < 0 ||
        sem_init(&shared->answered, 1, 0) < 0)
        err(1, "shared memory");
    return shared;
}

static void answer(struct shared *shared)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        sem_wait(&shared->asked);
        memcpy(shared->reply, shared->request, shared->size);
        sem_post(&shared->answered);
    }
}

/* One message at a time: a client has one under way. */
static bool receive(int fd, struct shared *shared)
{
    size_t have = 0;

    shared->size = 4;
    while (have < shared->size) {
        ssize_t got = recv(fd, shared->request + have, SIZE - have, 0);

        if (got <= 0)
            return false;
        have += (size_t)got;
        if (have >= 4)
            shared->size = 4 + (size_t)framed_get_u32be(shared->request);
        if (shared->size > SIZE)
            return false;
    }
    return true;
}

static void serve(int fd, struct shared *shared)
{
    while (receive(fd, shared)) {
        sem_post(&shared->asked);
        sem_wait(&shared->answered);
        if (!pool_send(fd, shared->reply, shared->size))
            return;
    }
}

int main(int argc, char **argv)
{
    struct shared *shared = make_shared();
    int listener;
    pid_t child = fork();

    if (child < 0)
        err(1, "fork");
    if (child == 0)
        answer(shared);
    listener = pool_listen(argc == 2 && strcmp(argv[1], "-u") == 0);
    for (;;) {
        int fd = pool_accept(listener);

        serve(fd, shared);
        close(fd);
    }
}
