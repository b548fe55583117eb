/*
 * How many connections wait at a listener, and how many may: the kernel's word, without a wait and
 * without touching any of them.
 */
#ifndef FRAMED_MASTER_DEPTH_H
#define FRAMED_MASTER_DEPTH_H

struct depth {
    unsigned waiting;
    unsigned limit; /* what listen(2) was given, or less; 0: unknown */
};

/* A socket to ask of Unix listeners; -1 where the kernel does not tell of them. */
int depth_open(void);

/* Of the listener FD. Where the kernel tells no number: 1 when somebody waits. */
struct depth depth_measure(int diag_fd, int fd);

#endif
