#include "base/guests.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Nobody is heard for longer than this: who sends so much does not mean to leave. */
#define HEARD_MAX ((size_t)4 * 1024 * 1024)

static void leave(struct guest *guest)
{
    if (guest->fd < 0)
        return;
    shutdown(guest->fd, SHUT_RDWR); /* a program that was lent the socket keeps nobody waiting */
    close(guest->fd);
    guest->fd = -1;
}

void guests_drop_first(struct guests *guests)
{
    if (guests->count == 0)
        return;
    leave(&guests->all[guests->first]);
    guests->first = (guests->first + 1) % GUESTS_MAX;
    guests->count--;
}

void guests_add(struct guests *guests, int fd, int epoll_fd, uint64_t until_ms)
{
    struct epoll_event event = {.events = EPOLLIN};
    unsigned index;

    if (guests->count == GUESTS_MAX)
        guests_drop_first(guests);
    index = (guests->first + guests->count) % GUESTS_MAX;
    event.data.u32 = index;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        close(fd);
        return;
    }
    guests->all[index] = (struct guest){.fd = fd, .until_ms = until_ms};
    guests->count++;
}

void guests_attend(struct guests *guests, unsigned index)
{
    static uint8_t scrap[16 * 1024];
    struct guest *guest = &guests->all[index];
    ssize_t got;

    if (guest->fd < 0)
        return;
    got = recv(guest->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    guest->heard += got > 0 ? (size_t)got : 0;
    if (got <= 0 || guest->heard > HEARD_MAX)
        leave(guest);
}

uint64_t guests_check(struct guests *guests, uint64_t now_ms)
{
    while (guests->count > 0) {
        const struct guest *guest = &guests->all[guests->first];

        if (guest->fd >= 0 && guest->until_ms > now_ms)
            return guest->until_ms;
        guests_drop_first(guests);
    }
    return 0;
}
