/* A handler of the codec record, and clients for it: what a worker does, without one. */
#ifndef FRAMED_TRY_SESSION_H
#define FRAMED_TRY_SESSION_H

#include "handler/record/record.h"
#include "try/try.h"

struct session {
    const struct subject *subject;
    struct handler_host host;
    struct handler *handler;
    struct record_handler *record; /* the same */
    uint64_t ready_ms;             /* from the start to READY */
    unsigned replies;              /* and pushes */
    unsigned answered;             /* requests */
    bool mixed;                    /* they were not answered in their order */
    uint32_t used;                 /* as record_handler's, when it has been stopped */
    uint64_t newest_ns;
    double *took_us; /* room for what each request has taken; NULL: not wanted */
    size_t took_max;
    bool ended;  /* by itself */
    bool failed; /* the process is gone, because of: */
    char failure[300];
};

/* Starts a process, up to READY. 0, or a negative errno with a message in ERROR: session_stop() all
 * the same. */
int session_start(struct session *session, const struct subject *subject, char *error, size_t size);

/* A client comes, sends a message (the INDEX-th sample; or these bytes), and goes. */
void session_open(struct session *session);
void session_send_sample(struct session *session, unsigned index);
void session_send(struct session *session, const void *data, size_t length);
void session_close(struct session *session);

/* Goes on until each message has its last reply, cancelled ones too. False: it failed, or it is too
 * late. */
bool session_answer(struct session *session);

/* Goes on for a while in which nothing is to happen. False: it failed. */
bool session_rest(struct session *session);

/* Ends it, as a worker does, within GRACE_MS (0: at once). Whether it ended by itself. */
bool session_stop(struct session *session, unsigned grace_ms);

#endif
