#include "base/loop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Events taken from the kernel in one round: bounds how long one kind can keep the others waiting.
 */
#define ROUND 64

int loop_init(struct loop *loop)
{
    *loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_deinit(struct loop *loop)
{
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, watch_ready *ready)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return -errno;
    *watch = (struct watch){.ready = ready, .loop = loop, .fd = fd};
    return 0;
}

void loop_change(struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->loop)
        epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_remove(struct watch *watch)
{
    struct loop *loop = watch->loop;

    if (!loop)
        return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = 0; i < loop->taken; i++)
        if (loop->round[i] == watch)
            loop->round[i] = NULL;
    *watch = (struct watch){0};
}

void loop_wait(struct loop *loop, int timeout_ms)
{
    struct epoll_event events[ROUND];
    struct watch *round[ROUND];
    int count = epoll_wait(loop->epoll_fd, events, ROUND, timeout_ms);

    for (int i = 0; i < count; i++)
        round[i] = events[i].data.ptr;
    loop->round = round;
    loop->taken = count;
    for (int i = 0; i < count; i++)
        if (round[i])
            round[i]->ready(round[i], events[i].events);
    loop->taken = 0;
    loop->round = NULL;
}
