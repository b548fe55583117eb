/*
 * What a keeper has, and what becomes of it: kept.c. keeper.c is the keeper's own life, and its
 * line to the master.
 */
#ifndef FRAMED_KEEPER_KEPT_H
#define FRAMED_KEEPER_KEPT_H

#include "base/guests.h"
#include "config/config.h"
#include "ipc/counters.h"
#include "ipc/held.h"
#include "ipc/role.h"

#include <stdbool.h>
#include <stdint.h>

/* What an event is of; the other half of its data is an index or a descriptor. */
enum caller {
    CALLER_GUEST, /* as guests_add() has it */
    CALLER_CLIENT,
    CALLER_INTAKE,
    CALLER_CONTROL,
    CALLER_ROOM, /* there is some where connections go */
};

/* Where connections go, and whether there is room. */
struct way {
    int fd; /* -1: there is none */
    bool full;
    uint64_t again_ms; /* full, and nobody tells when it is not; 0: somebody does */
    size_t under_way;  /* bytes of unfinished messages, since it was empty */
};

struct keeper {
    const struct worker_start *start;
    const struct service_config *service;
    struct counters counters;
    struct held held;
    struct guests guests;
    struct way shelf; /* for who has called */
    struct way heir;  /* for all, when the keeper leaves */
    int epoll_fd;
    bool listening;    /* to the intake */
    uint64_t again_ms; /* when to listen to it again; 0: it does, or never */
    uint64_t told_ms;  /* when it last had no descriptors */
    bool leaving;
    uint64_t leave_by_ms;
    bool unpublished; /* counters that the master was in the way of */
};

/* Hears of FD from now on. 0 or a negative errno. */
int kept_watch(const struct keeper *keeper, int fd, uint32_t events, enum caller caller);
void kept_unwatch(const struct keeper *keeper, int fd);

/* Publishes the counters; when the master is reading them just now, later. */
void kept_publish(struct keeper *keeper);

/* Takes in what workers have given, or leaves it where it is. */
void kept_listen(struct keeper *keeper, bool listen);
void kept_take_in(struct keeper *keeper);

/* The connection FD has called: it goes to the shelf before others. */
void kept_called(struct keeper *keeper, int fd);

/* Gives away those who have called; and all others to the heir: as many as there is room for. */
void kept_give_called(struct keeper *keeper);
void kept_give_all(struct keeper *keeper);
/* There is room again on WAY. */
void kept_stop_waiting(struct keeper *keeper, struct way *way);

/* Ends who has been silent for the longest, until so many are left. */
void kept_trim(struct keeper *keeper, unsigned count);
/* Ends all, in order. */
void kept_end_all(struct keeper *keeper);
/* Ends those whose time is over; when the next one's is (monotonic ms; 0: there is none). Who has
 * called waits for a worker, and has its own deadlines there. */
uint64_t kept_check(struct keeper *keeper, uint64_t now_ms);

#endif
