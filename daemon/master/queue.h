/*
 * Queue policy: how long those who connected have been waiting to be accepted, and what to make of
 * it. Pure: it knows what was seen and what time it is, and does nothing itself.
 *
 * A listener's queue is first in, first out. Who is last in it at some moment, with DEPTH in it and
 * ACCEPTED so far, is accepted as number ACCEPTED + DEPTH. So a few marks (this number was there at
 * this time) tell at any later time how many have waited how long at least. What is told is never
 * too long, but for a moment after one who accepted died before it could count.
 *
 * At rest nobody looks. A connection knocks; then the queue is looked at now and then, until
 * nothing has come between two looks. A busy service costs one look a second; one that rejects, a
 * few for each time that its clients may wait.
 */
#ifndef FRAMED_MASTER_QUEUE_H
#define FRAMED_MASTER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_MARKS 32
/* Who waits this long is worth a line in the log. */
#define QUEUE_LONG_MS 1000
/* All workers may be busy for a moment, and who waits for no longer is not kept waiting: it takes
 * them some time to see that a client has gone. */
#define QUEUE_MOMENT_MS 10

struct queue_mark {
    uint64_t number; /* was the last in the queue ... */
    uint64_t seen_ms;
};

/* A listener's, from one look to the next; starts zeroed. */
struct queue {
    struct queue_mark marks[QUEUE_MARKS]; /* the oldest first, of those who wait */
    unsigned count;
    unsigned depth;
    uint64_t accepted;
};

/* A look: ACCEPTED is to have been read before DEPTH. */
void queue_see(struct queue *queue, uint64_t accepted, unsigned depth, uint64_t now_ms);

/* Of those seen with the last look: how many had come AGE_MS before NOW_MS, or earlier. */
unsigned queue_older(const struct queue *queue, uint64_t age_ms, uint64_t now_ms);

/* For how long the first of them waits. */
uint64_t queue_longest_ms(const struct queue *queue, uint64_t now_ms);

/* A service's: all its listeners. */
struct pressure {
    uint64_t look_ms; /* when to look; 0: not before somebody knocks */
    bool listens;     /* wants to hear of a connection that waits */
    uint64_t accepted;
    bool told; /* somebody has waited for long, and the log says so */
    uint64_t told_ms;
    uint64_t since_ms; /* when the first of them came */
    unsigned deepest;
    uint64_t longest_ms;
};

/* What a service does about those who wait. */
struct pressure_rules {
    bool rejects;      /* else they just wait */
    uint64_t limit_ms; /* with rejects: who has waited this long */
};

struct pressure_sight {
    uint64_t accepted;
    unsigned depth;
    uint64_t longest_ms;
};

enum pressure_news {
    PRESSURE_NONE,
    PRESSURE_LONG, /* somebody has waited QUEUE_LONG_MS */
    PRESSURE_OVER, /* nobody does any more: PRESSURE has how deep and how long it was */
};

/* Somebody knocks, or the listeners are others: look now. */
void pressure_knocked(struct pressure *pressure, uint64_t now_ms);

bool pressure_is_curious(const struct pressure *pressure, uint64_t now_ms);

/* What SIGHT is worth telling; and when to look again. */
enum pressure_news pressure_look(struct pressure *pressure, const struct pressure_rules *rules,
                                 const struct pressure_sight *sight, uint64_t now_ms);

#endif
