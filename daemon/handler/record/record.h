/*
 * The codec `record` (framed-record(5)): a program with many requests in flight. Nothing here
 * waits but the start and the stop: the worker polls, and calls when there is something to do.
 *
 * No reply can go to another client than the one that asked, since each names its request; so the
 * program serves one client after the other, and all that tells them apart is ids.
 */
#ifndef FRAMED_HANDLER_RECORD_RECORD_H
#define FRAMED_HANDLER_RECORD_RECORD_H

#include "handler/pairs.h"
#include "handler/program.h"
#include "handler/record/window.h"
#include "handler/record/wire.h"

struct record_output {
    uint8_t *data;
    size_t start; /* bytes start..end are not yet written */
    size_t end;
    size_t size;
    bool blocked; /* the pipe was full, last time */
};

struct record_handler {
    struct handler base;
    struct program program;
    struct window window;
    struct record_output output;
    struct limiter logs;
    bool one_way;
    bool ready;                   /* it has said so; until then only HELLO goes out */
    uint64_t ready_by_ms;         /* monotonic, as are all */
    int timer_fd;                 /* readable when something is due */
    uint64_t armed_ms;            /* when that is; 0: never */
    uint32_t connection;          /* of the client; 0: none */
    uint32_t newest;              /* the last one that was given out */
    bool engaged;                 /* the process has had to do with the client */
    uint32_t used;                /* bits: the types it has written, and WIRE_MORE */
    struct pairs introduction;    /* of the client: what its OPEN holds */
    enum handler_outcome verdict; /* on the client: anything but OK closes it */
    uint64_t write_by_ms;         /* it must have read something; 0: nothing waits for that */
    char failure[256];            /* what it said when it gave up */
};

/* output.c: what goes to it. */

/* Queues RECORD. 0 or -ENOMEM. */
int record_put(struct record_handler *record, const struct wire_record *wire);
/* Queues the client's OPEN. */
void record_put_open(struct record_handler *record);
/* Writes what is queued, as far as the pipe takes it. 0, also when something is left, or a negative
 * errno. */
int record_write(struct record_handler *record);
/* Bytes that are queued. */
size_t record_unwritten(const struct record_handler *record);
/* Writes HELLO, at once: the pipe of a new process has room. 0 or a negative errno. */
int record_greet(struct record_handler *record);
/* Makes the introduction of PEER. */
void record_introduce(struct record_handler *record, const struct framed_peer *peer);

/* Tells the client of its first REQUEST, which has had no part of a reply, that there will be none.
 * False: that cannot be told. */
bool record_excuse(struct record_handler *record, const struct window_request *request);

/* input.c: acts on the records that have been read. HANDLER_OK, or why the process has to go, with
 * coprocess.reason. */
enum handler_outcome record_take(struct record_handler *record);

/* life.c: its start, replacement and end. */

/* As of struct handler_ops. */
int record_start(struct handler *handler, char *error, size_t size);
void record_stop(struct handler *handler, unsigned grace_ms);
/* Makes sure that a program runs, if it is time for one; a new one is told who is there. */
bool record_begin(struct record_handler *record);
/* Ends it because of OUTCOME, and begins with the next. */
void record_fail(struct record_handler *record, enum handler_outcome outcome);
void record_fail_because(struct record_handler *record, enum handler_outcome outcome,
                         const char *reason);
/* Reads what there is, until its end when it is ENDING. HANDLER_OK, or why it has to go. */
enum handler_outcome record_hear(struct record_handler *record, bool ending);
/* record_write(), and what follows if it does not read. */
void record_write_all(struct record_handler *record);

/* due.c: deadlines. */

/* Has the timer call at WHEN_MS (0: never) or before. */
void record_arm(struct record_handler *record, uint64_t when_ms);
/* The earliest time by which a cancelled request has to be answered; 0: there is none. */
uint64_t record_cancelled_due(const struct record_handler *record);
/* The timer has called: something may be late, though it need not be any more. */
void record_check_time(struct record_handler *record);

#endif
