/*
 * What framectl asks for: the peers of the control socket (control.c) on one side, what their
 * requests come to (requests.c) on the other.
 */
#ifndef FRAMED_MASTER_REQUESTS_H
#define FRAMED_MASTER_REQUESTS_H

#include "base/loop.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct totals;

#define REQUEST_MAX 256

/* One framectl. */
struct peer {
    struct watch watch; /* first, see on_peer() */
    struct control *control;
    struct peer *next;
    int fd;
    uint64_t deadline_ms; /* 0 while it waits for what may take its time */
    bool may_command;
    enum {
        WAITS_FOR_NOTHING,
        WANTS_RELOAD,
        WAITS_FOR_RELOAD,
        WAITS_FOR_STOP,
        WAITS_FOR_UPGRADE,
        WAITS_FOR_DRAIN,
        WAITS_FOR_RESUME
    } waits_for;
    const struct totals *totals; /* of the service that it waits for */
    uint8_t request[REQUEST_MAX];
    size_t request_length;
    uint8_t *reply;
    size_t reply_length;
    size_t reply_sent;
};

/* Does what REQUEST says; the peer may be gone then. */
void request_obey(struct peer *peer, const char *request);

/* Answers PEER if what it waits for has come; it may be gone then. */
void request_check(struct peer *peer);

/* Sends REPLY, whose reference it takes, or what WHY says; the peer may be gone then. */
void request_answer(struct peer *peer, json_t *reply);
void request_refuse(struct peer *peer, const char *why);

#endif
