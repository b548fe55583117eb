/*
 * What master and workers tell each other through their pipes: records of one size, below PIPE_BUF,
 * so that each is written and read whole. A worker is named by slot and generation, never by pid.
 */
#ifndef FRAMED_IPC_RECORD_H
#define FRAMED_IPC_RECORD_H

#include <limits.h>
#include <stdint.h>

enum record_type {
    /* worker to master */
    RECORD_READY = 1, /* could take connections */
    RECORD_FAILED,    /* cannot start: text says why */
    RECORD_DRAINING,  /* has seen RECORD_DRAIN: no need to repeat the signal */
    RECORD_GROUP,     /* value: the process group that must die with the worker, or 0 */
    RECORD_FAULT,     /* text: what was wrong with its handler, which it replaces; at times */
    RECORD_RECYCLE,   /* wants to be replaced, and serves on until then; value: enum due */
    /* master to worker */
    RECORD_SERVE,  /* take connections from now on */
    RECORD_DRAIN,  /* finish and leave; value: how many connections to accept yet; text: a `1` for
                      each listener that nobody else will accept from: all that wait in it */
    RECORD_YIELD,  /* the same, but others go on with its connections: they go to the keeper */
    RECORD_STOP,   /* leave at once */
    RECORD_REOPEN, /* open the log file anew */
    RECORD_WAKE,   /* look at the listeners: a wake-up may have been lost with a worker */
    RECORD_REJECT, /* to an usher: the gates say whom to turn away */
    RECORD_TRIM,   /* to a worker or keeper: end who is silent until it has VALUE connections */
    RECORD_TYPE_END
};

/* The limit that a worker has reached. */
enum due {
    DUE_REQUESTS,
    DUE_RSS,
    DUE_LIFETIME, /* that one the master sees for itself */
    DUE_COUNT
};

struct record {
    uint32_t type;
    uint32_t slot;
    uint64_t generation;
    int64_t value;
    char text[1000];
};

_Static_assert(sizeof(struct record) == 1024, "a record has no padding");
_Static_assert(sizeof(struct record) <= PIPE_BUF, "a record is written whole");

/* Writes one record. 0, -EAGAIN (the pipe is full, non-blocking), -EPIPE, or a negative errno. */
int record_send(int fd, const struct record *record);

/* The same with FD, which the reader gets a copy of, if it is not -1; over a socket only. */
int record_send_with(int socket, const struct record *record, int fd);

/*
 * Reads one record. 1 and *RECORD (its text terminated), 0 at the end of the stream, -EAGAIN, or
 * -EBADMSG for what is no record.
 */
int record_receive(int fd, struct record *record);

/* The same from a pipe or a socket; *PASSED is the descriptor that came with it, or -1. */
int record_receive_with(int fd, struct record *record, int *passed);

#endif
