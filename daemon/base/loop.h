/*
 * The master's event loop: descriptors and what to call when they are ready. One epoll set, no
 * timers: who needs one tells loop_wait() how long to wait at most.
 */
#ifndef FRAMED_BASE_LOOP_H
#define FRAMED_BASE_LOOP_H

#include <stdint.h>

struct watch;

/* EVENTS as of epoll(7). May remove and free its own watch, and any other. */
typedef void watch_ready(struct watch *watch, uint32_t events);

/* Embedded in what is watched; zeroed means: not watched. */
struct watch {
    watch_ready *ready;
    struct loop *loop;
    int fd;
};

struct loop {
    int epoll_fd;
    int taken;            /* events of this round that are still to be handed out */
    struct watch **round; /* their watches; loop_remove() takes a watch out of here too */
};

/* 0 or a negative errno. */
int loop_init(struct loop *loop);
void loop_deinit(struct loop *loop);

/* Calls READY when FD has EVENTS, until loop_remove(). 0 or a negative errno. */
int loop_add(struct loop *loop, struct watch *watch, int fd, uint32_t events, watch_ready *ready);

/* Changes the events of a watch. */
void loop_change(struct watch *watch, uint32_t events);

/* Stops watching; harmless on a zeroed watch. Does not close the descriptor. */
void loop_remove(struct watch *watch);

/* Waits at most TIMEOUT_MS (-1: for ever) and calls what is ready. */
void loop_wait(struct loop *loop, int timeout_ms);

#endif
