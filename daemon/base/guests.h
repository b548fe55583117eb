/*
 * Those who were turned away and have not left yet. All may stay as long as each other, so the
 * first to come is the first whose time is over; when there are too many, the first makes room.
 */
#ifndef FRAMED_BASE_GUESTS_H
#define FRAMED_BASE_GUESTS_H

#include <stddef.h>
#include <stdint.h>

#define GUESTS_MAX 512

struct guest {
    int fd; /* -1: has left */
    uint64_t until_ms;
    size_t heard; /* bytes, of which nobody took notice */
};

/* A ring. */
struct guests {
    struct guest all[GUESTS_MAX];
    unsigned first;
    unsigned count; /* from the first on; some of them may have left */
};

/* Takes FD, which epoll_fd then tells of by the guest's index. */
void guests_add(struct guests *guests, int fd, int epoll_fd, uint64_t until_ms);

/* Hears what the guest INDEX has to say: perhaps it was the last. */
void guests_attend(struct guests *guests, unsigned index);

/* Sees off the first. */
void guests_drop_first(struct guests *guests);

/* Sees off those whose time is over; when the next one's is (monotonic ms; 0: there is none). */
uint64_t guests_check(struct guests *guests, uint64_t now_ms);

#endif
