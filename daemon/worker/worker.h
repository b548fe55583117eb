/*
 * A worker: accepts for itself, and serves one client at a time, with blocking calls, as
 *
 *     wait (wait.c) → read (receive.c) → handle, reply (serve.c) → wait …
 *
 * Only the waiting is for all clients that it has (held.h); while there is no more than one, that
 * one's next bytes are waited for with the bare recv, and now and then the worker looks around.
 * turn.c is a client's life, keep.c and move.c when and how it changes to another worker. control.c
 * is the line to the master, entry.c the worker's own life. What belongs to a connection is struct
 * client, small and movable; buffers and the handler's state belong to the worker.
 */
#ifndef FRAMED_WORKER_WORKER_H
#define FRAMED_WORKER_WORKER_H

#include "base/guests.h"
#include "handler/handler.h"
#include "handler/limiter.h"
#include "ipc/counters.h"
#include "ipc/held.h"
#include "ipc/role.h"
#include "ipc/slots.h"
#include "worker/pace.h"

#include <framed/address.h>
#include <framed/conn.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* No reason to close: serving goes on, ... */
#define KEEP_SERVING COUNTER_COUNT
/* ... or it is others' turn. */
#define CLIENT_RESTS (COUNTER_COUNT + 1)

/* How many may call at once. */
#define WORKER_EVENTS 64

/* Replies do not wait behind a message, or a piece of a reply, that takes this long. */
#define WORKER_SLOW_MS 4

struct worker {
    const struct worker_start *start;
    const struct service_config *service;
    struct slot *slot;
    struct counters counters;
    struct handler_host host;
    struct handler *handler;
    struct framed_conn conn;
    struct framed_transport transport; /* its own */
    struct client *client;             /* in hand; NULL: none */
    struct held held;                  /* all that it has */
    const struct client *last;         /* that was in hand; NULL: it has gone */
    unsigned room;                     /* for how many */
    unsigned trim_to;                  /* so many, by the master's order; UINT_MAX: as they are */
    struct guests guests;              /* were closed, and have not closed their side yet */
    uint64_t next_client_id;
    int epoll_fd;
    struct epoll_event events[WORKER_EVENTS];
    int event_count;                          /* of these, */
    int next_event;                           /* who has called and was not attended to yet */
    bool called;                              /* the master has */
    uint64_t aside_until_ms;                  /* no new clients before: they would fail */
    uint64_t trim_ms;                         /* then its buffer, which is large (coarse) */
    uint64_t looked_ms;                       /* when it last looked around, by the coarse clock */
    struct pollfd watched[HANDLER_WATCH_MAX]; /* the handler's, as they are in the epoll set */
    int watched_count;
    bool watch_stale;        /* the handler's descriptors have changed */
    bool may_serve;          /* the master says that its generation is the current one */
    bool serving;            /* the listeners are watched */
    uint64_t share_again_ms; /* nobody took what it could have shared: not before then (coarse) */
    bool last_in_line;       /* at them, since it has accepted: others come before it */
    uint64_t crowded_ms;     /* full, and the keeper, too: until then (coarse) */
    bool look;               /* at the listeners, though they have not called */
    bool draining;
    bool yielding;        /* and others go on with its connections */
    bool stopping;        /* at once */
    bool refusing;        /* drained: accepts nobody any more */
    bool finished;        /* and has nobody */
    bool unpublished;     /* counters that the master was in the way of */
    bool orphan;          /* the master is gone */
    bool due;             /* has asked to be replaced */
    bool client_ended;    /* since its memory was measured, */
    uint64_t measured_ms; /* then */
    pid_t group;          /* of the handler's process; 0: none */
    bool group_untold;    /* the master knows another */
    int64_t may_accept;   /* while draining: how many connections yet */
    char *forsaken;       /* while draining: `1` for each listener to accept all from; NULL: none */
    uint64_t leave_by_ms;
    struct limiter misfits; /* replies that do not fit, in the log */
    struct limiter faults;  /* of the handler, that the master is told */
    bool untaken;           /* messages may wait in the buffer: the handler is full */
    bool pausing;           /* no more is read of the client in hand: others wait */
    unsigned reads;         /* of its turn */
    bool one_reply;         /* the connection ends with it */
    bool plain;             /* of a message the handler is told, and nobody else */
    int reply_error;        /* of the message in hand: as of framed_conn_put() */
    uint64_t handled_ms;    /* when the replies that wait began to wait */
    struct pace pace;       /* of timed messages */
    uint64_t begun_ms;      /* when those of its run had begun, at the latest */
    uint64_t coarse_ms;     /* as the coarse clock had it when the run began */
    size_t handled_bytes;   /* of the last of them */
    double typical_us;      /* from a read to the replies' being sent, if it is measured */
};

/* The role's entry (see ipc/role.h). */
void worker_main(const struct worker_start *start) __attribute__((noreturn));

/* wait.c: what must be heard while idle. 0 or a negative errno. */
int worker_listen(struct worker *worker);
/* Waits for a client, or for news of another kind: true when worker->client is one. */
bool worker_wait(struct worker *worker);
/* Waits once for anybody, and notes who has called. */
void worker_rest_until_called(struct worker *worker);
/* The master is gone. */
void worker_unwatch_master(const struct worker *worker);
/* CLIENT, in hand, is heard from now on while others are served. 0 or a negative errno. */
int worker_watch(struct worker *worker, struct client *client);
void worker_unwatch(struct worker *worker, struct client *client);

/* accept.c: what to make of ERROR (errno), for which nobody could be taken. */
void worker_accept_failed(const struct worker *worker, int error);
/* Takes who waits at LISTENER, an index, or at any of them, in hand. */
bool worker_accept(struct worker *worker, size_t listener);
bool worker_accept_any(struct worker *worker);
/* While it drains: what is in the queues already, as far as it may. */
bool worker_accept_last(struct worker *worker);

/* share.c: whether others are to be tried; and that: the COUNT clients of CALLED wait for us at
 * once, and those who are free get some. */
bool worker_may_share(const struct worker *worker);
void worker_share(struct worker *worker, struct client *const *called, size_t count);

/* turn.c: a client's life. Takes who is held in hand. */
void worker_take(struct worker *worker, struct client *client);
/* Takes a new one in hand, which is the worker's from now on. False: there is no memory for it. */
bool worker_admit(struct worker *worker, struct client *client);
/* Serves the client in hand for as long as it is its turn, or to its end. */
void worker_serve(struct worker *worker);
/* Ends the client in hand, for REASON. */
void worker_end(struct worker *worker, enum counter reason);

/* CLIENT is no longer the worker's. */
void worker_free(struct worker *worker, struct client *client);
/* Lets go of CLIENT, which is held, without a word: somebody else has it. */
void worker_forget(struct worker *worker, struct client *client);

/* move.c: whether others go on with CLIENT from here on. */
bool worker_may_give(const struct worker *worker, const struct client *client);
/* Takes one that has called elsewhere in hand. */
bool worker_adopt(struct worker *worker);
/* Sends CLIENT, which is not in hand, by WAY: to the keeper, or to the shelf. 0, or a negative
 * errno: it stays. */
int worker_give(struct worker *worker, struct client *client, int way);
/* What is left to do for a worker that is to leave. True: it has a client in hand. */
bool worker_drain(struct worker *worker);
/* Ends all that are held: the worker leaves at once. */
void worker_drop_all(struct worker *worker);

/* patience.c: the message in hand keeps the worker waiting; as of struct handler_host. */
void worker_waits(void *context);
/* What is sent keeps nobody else waiting. The connection is initialised. */
void worker_set_patience(struct worker *worker);

/* keep.c: a batch of messages took TOOK_MS, as the coarse clock has it. */
void worker_note_pace(struct worker *worker, uint64_t took_ms);
/* Whether no others are to wait while one is served, ... */
bool worker_keeps(const struct worker *worker);
/* ... and they go to the keeper; */
void worker_make_way(struct worker *worker);
/* Whether there are any who might; */
bool worker_has_others(const struct worker *worker);
/* or one of them, when the worker is full: whether there is room then, as far as is known, */
bool worker_has_room(const struct worker *worker);
/* and makes it for who calls at FD. */
bool worker_make_room(struct worker *worker, int fd);
/* Ends whose messages have been unfinished for the longest, should those that wait have too much
 * memory; with no client in hand. */
void worker_mind_memory(struct worker *worker);
/* Ends who has been silent for the longest, as the master has asked for; with no client in hand. */
void worker_trim(struct worker *worker);

/* serve.c: messages of the client in hand. CLIENT_RESTS, or why it is to be closed. */
enum counter worker_serve_messages(struct worker *worker);
/* Whether the handler has taken and answered all that it was sent: what it has not cannot wait. */
bool worker_is_at_rest(const struct worker *worker);
/* What all its clients have been answered so far. */
uint64_t worker_replies(const struct worker *worker);
/* Publishes the counters; when the master is reading them just now, the next time. */
void worker_publish(struct worker *worker);

/* Why the client is to be closed after OUTCOME, or KEEP_SERVING. */
enum counter worker_reason(const struct worker *worker, enum handler_outcome outcome);
/* A message of LENGTH bytes was TOOK_MS in the handler: tells when that is long. */
void worker_log_slow(const struct worker *worker, size_t length, uint64_t took_ms);

/* reply.c: the host's calls for handlers, */
int worker_reply(void *context, const void *data, size_t length);
int worker_flush(void *context);
/* and the worker's own: sends the replies that wait. KEEP_SERVING, or why the client is to be
 * closed. */
enum counter worker_send(struct worker *worker);
/* A reply of LENGTH bytes does not fit, as VERDICT says. */
void worker_log_misfit(struct worker *worker, size_t length, int verdict);

/* timed.c: messages with a clock beside them. KEEP_SERVING, or why the client is to be closed. */
enum counter worker_handle_timed(struct worker *worker, const struct framed_message *message);
/* No more messages just now: what comes next is not the handler's time. */
void worker_rest(struct worker *worker);

/* stream.c: replies in pieces. */
extern const struct handler_stream worker_stream;
/* The message in hand has ended, with REASON to close the client, in the middle of such a reply:
 * tells so. REASON. */
enum counter worker_cut(struct worker *worker, enum counter reason);
/* For as long as it is RESETTING, a close is a reset, where a reply that was cut would look whole.
 */
void worker_arm(const struct worker *worker, bool resetting);
/* Whether the client, closed for REASON, would take what it has got of a reply for all of it: its
 * close is then a reset. */
bool worker_resets(const struct worker *worker, enum counter reason);

/* excuse.c: what becomes of a client that gets no reply to its message. */
/* The message in hand has ended with OUTCOME; there had been REPLIES (the counter) before it. Tells
 * the client, if need be. KEEP_SERVING, or why it is to be closed. */
enum counter worker_settle(struct worker *worker, enum handler_outcome outcome, uint64_t replies);
/* The host's excuse call for handlers. */
bool worker_excuse(void *context);

/* deliver.c: for handlers with pump(), which answer later. */
/* Lets it move on, as pump() says, and sends what it has answered. KEEP_SERVING, or why not. */
enum counter worker_pump(struct worker *worker, const struct pollfd *ready, int count);
/* Behind a batch of messages; or, when REASON is not KEEP_SERVING, before the close that it asks
 * for: waits for what the client is owed where it is to have that. KEEP_SERVING or a reason. */
enum counter worker_deliver(struct worker *worker, enum counter reason);
/* The slot's state while the worker waits. */
void worker_set_waiting(struct worker *worker);
/* The host's answered call for handlers. */
void worker_answered(void *context, uint64_t began_ns, size_t length);

/* lend.c: for handlers with serve(), which take the connection over. Why it is to be closed. */
enum counter worker_lend(struct worker *worker);

/* peer.c: who the client is. 0 or a negative errno. */
struct introduction {
    struct framed_peer peer;
    char address[FRAMED_ADDRESS_TEXT_SIZE];
    char local[FRAMED_ADDRESS_TEXT_SIZE];
};
int worker_introduce(const struct worker *worker, struct introduction *introduction);

/* receive.c: waits for more bytes of the client. KEEP_SERVING, or why the client is to be closed.
 */
enum counter worker_receive(struct worker *worker);
/* Waits once for the handler's replies, and for the client to go. KEEP_SERVING or a reason. */
enum counter worker_await_replies(struct worker *worker);

/* recycle.c: asks to be replaced when a limit of `workers { }` is reached. */
void worker_check_due(struct worker *worker);

/* close.c: ends the connection as its reason asks for, and logs what is worth it. */
void worker_close(struct worker *worker, enum counter reason);

/* control.c: signals, and the pipes to and from the master. */
int worker_control_init(struct worker *worker);
/* Around calls that may block elsewhere than in the worker's own waits. */
void worker_set_in_handler(bool in);
/* True when a signal asks for worker_attend(). */
extern volatile sig_atomic_t worker_signalled;
static inline bool worker_poked(void)
{
    return worker_signalled;
}
/* Reads what the master has to say, or that it is gone. */
void worker_attend(struct worker *worker);
/* Tells the master; TEXT may be NULL. 0, or -EAGAIN: it has not read for long. */
int worker_report(struct worker *worker, unsigned type, int64_t value, const char *text);

#endif
