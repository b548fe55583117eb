/*
 * What is counted, in one list: a worker adds, a slot carries, the master sums and shows. Reasons
 * for the end of a connection are counters too, so that each has its number and its word.
 */
#ifndef FRAMED_IPC_COUNTERS_H
#define FRAMED_IPC_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

enum counter {
    COUNTER_CONNECTIONS, /* accepted */
    COUNTER_MESSAGES,    /* received whole */
    COUNTER_REPLIES,
    COUNTER_BYTES_IN,
    COUNTER_BYTES_OUT,
    COUNTER_DISCARDED,      /* oversize messages that were dropped, and the connection went on */
    COUNTER_ERROR_REPLIES,  /* sent in the place of a handler's */
    COUNTER_HANDLER_FAULTS, /* programs that had to be replaced, or did not start */
    COUNTER_MOVED_IN,       /* connections taken over from another process */
    COUNTER_MOVED_OUT,      /* and given to another one */
    /* why connections ended: by us or the client in order ... */
    COUNTER_END_FIRST,
    CLOSE_CLIENT = COUNTER_END_FIRST, /* the client closed between messages */
    CLOSE_DRAIN,                      /* the worker leaves and the connection was idle */
    CLOSE_HANGUP,                     /* the handler asked for it */
    CLOSE_REPLIED,                    /* the end of the stream is the end of the reply */
    CLOSE_REJECTED,                   /* no worker had time: turned away by the usher */
    CLOSE_EVICTED,                    /* it was silent, and others needed its place */
    /* ... by a deadline ... */
    CLOSE_IDLE,
    CLOSE_FRAME,
    CLOSE_REQUEST,
    CLOSE_WRITE,
    /* ... by what was received ... */
    CLOSE_OVERSIZE,
    CLOSE_UNDERSIZE,
    CLOSE_MALFORMED,
    CLOSE_BAD_MAGIC,
    CLOSE_BAD_TRAILER,
    CLOSE_BAD_TYPE,
    CLOSE_TRUNCATED,
    CLOSE_REFUSED, /* the handler cannot take this message */
    /* ... or by a fault */
    CLOSE_RESET,            /* the connection broke */
    CLOSE_HANDLER_DIED,     /* the handler's process ended */
    CLOSE_HANDLER_PROTOCOL, /* the handler's output was not one reply */
    CLOSE_HANDLER_FAILED,   /* the handler reported an error or is not there */
    CLOSE_REPLY,            /* the reply does not fit the framing or max_reply */
    CLOSE_STOP,             /* the worker had to leave at once */
    CLOSE_MEMORY,
    CLOSE_WORKER_DIED, /* the worker ended before its connection did */
    COUNTER_COUNT
};

struct counters {
    uint64_t value[COUNTER_COUNT];
};

/* Adds FROM to TO. */
static inline void counters_add(struct counters *to, const struct counters *from)
{
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        to->value[i] += from->value[i];
}

/* The counter's word in status and log, such as "messages" or "oversize". Never NULL. */
const char *counter_word(enum counter counter);

#endif
