/*
 * A lane: a place for one connection, with its messages under way. It sends and receives without
 * waiting; load.c tells it when. After a fault it connects anew, and goes on with the next message.
 * lane_send.c has the sending half, lane.c the rest.
 */
#ifndef FRAMED_TOOLS_FRAMEBENCH_LANE_H
#define FRAMED_TOOLS_FRAMEBENCH_LANE_H

#include "tools/framebench/buffer.h"
#include "tools/framebench/tally.h"
#include "tools/framebench/text.h"

#include <framed/address.h>
#include <framed/framing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Messages of this size are sent from where they lie, and received where they stay. */
#define LANE_LARGE ((size_t)16 * 1024)

enum lane_state {
    LANE_CLOSED,     /* to be opened */
    LANE_CONNECTING, /* writable when it is done */
    LANE_OPEN,
};

struct lane {
    int fd;
    enum lane_state state;
    uint32_t number;
    bool writing;       /* bytes wait for room in the socket */
    bool large;         /* they are the rest of a large message; otherwise they are in out */
    bool waits;         /* its next message is due, and there is no room for it */
    bool rests;         /* the last connection came to a bad end: not at once again */
    size_t gone;        /* bytes of a large message that the socket has taken */
    size_t greeting;    /* bytes that the server still has to say before the first reply */
    size_t verified;    /* bytes of a reply that comes in fragments */
    uint64_t sent;      /* messages, on all its connections; those that were given up included */
    uint64_t settled;   /* of them: answered or given up */
    uint64_t first;     /* the first message of this connection */
    uint64_t opened_ns; /* when this connection was begun */
    uint64_t heard_ns;  /* when it last had no reason to complain */
    uint64_t due_ns;    /* when the next message is to be sent, in an open loop */
    uint64_t *begun_ns; /* of message N at N & ring_mask: when it was sent, or was due */
    struct framed_decoder decoder;
    struct framed_envelope envelope; /* of a large message */
    struct buffer in;                /* the beginning of a reply */
    struct buffer out;               /* what the socket has not yet taken */
};

/* What all lanes share. */
struct lanes {
    const struct plan *plan;
    struct text text;
    struct framed_endpoint endpoint;
    int epoll_fd;
    bool counting;      /* answers count for the rate */
    bool timing;        /* and their times for the percentiles */
    bool lone;          /* there is one lane, which may wait in recv(2) */
    uint64_t ring_mask; /* the power of two that holds a depth, less 1 */
    uint64_t allowed;   /* messages that may still be begun */
    uint64_t owed;      /* of all lanes */
    struct buffer in;   /* where a lane without the beginning of a reply receives */
    struct buffer out;  /* what is put together for one send */
    struct tally tally;
};

/* Messages that are under way. */
static inline uint64_t lane_owed(const struct lane *lane)
{
    return lane->sent - lane->settled;
}

/* Whether it can take one more. */
static inline bool lane_has_room(const struct lanes *lanes, const struct lane *lane)
{
    return lane->state == LANE_OPEN && !lane->writing && lanes->allowed > 0 &&
           lane_owed(lane) < lanes->plan->depth &&
           !(lanes->plan->connects && lane->sent > lane->first);
}

/* Begins to connect, at NOW_NS; or counts why not, and stays closed. */
void lane_open(struct lanes *lanes, struct lane *lane, uint64_t now_ns);

/* Takes FD, which is connected. */
void lane_adopt(struct lanes *lanes, struct lane *lane, int fd, uint64_t now_ns);

/* Sends COUNT messages that began at BEGUN_NS, or as many as there is room for: how many. */
uint64_t lane_send(struct lanes *lanes, struct lane *lane, uint64_t count, uint64_t begun_ns,
                   uint64_t now_ns);

/* Sends what waits for room in its socket. */
void lane_flush(struct lanes *lanes, struct lane *lane);

/* Its socket is writable. */
void lane_writable(struct lanes *lanes, struct lane *lane, uint64_t now_ns);

/* Its socket has something to read, or it is lone and waits for that. The time when it was read. */
uint64_t lane_readable(struct lanes *lanes, struct lane *lane);

/* At NOW_NS: gives up a connection, or what is owed on it, that has taken too long. */
void lane_check(struct lanes *lanes, struct lane *lane, uint64_t now_ns);

/* Gives up the connection: what is owed on it has come to nothing. */
void lane_close(struct lanes *lanes, struct lane *lane);

/* What epoll tells of its socket: as OPERATION, whether it is WRITING. */
void lane_watch(const struct lanes *lanes, const struct lane *lane, int operation, bool writing);

void lane_deinit(struct lane *lane);

#endif
