/*
 * A worker: accepts for itself and serves one blocking client at a time, as
 *
 *     wait (accept.c) → read (receive.c) → handle, reply (serve.c) → read …
 *
 * control.c is its line to the master, entry.c its life. What belongs to a connection is struct
 * client, small and movable; buffers and the handler's state belong to the worker.
 */
#ifndef FRAMED_WORKER_WORKER_H
#define FRAMED_WORKER_WORKER_H

#include "handler/handler.h"
#include "handler/limiter.h"
#include "ipc/counters.h"
#include "ipc/role.h"
#include "ipc/slots.h"
#include "worker/pace.h"

#include <framed/address.h>
#include <framed/conn.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* No reason to close: serving goes on. */
#define KEEP_SERVING COUNTER_COUNT

/* Replies do not wait behind a message, or a piece of a reply, that takes this long. */
#define WORKER_SLOW_MS 4

struct client {
    int fd;
    int listener; /* the descriptor it came in by; -1 for none */
    uint64_t id;
    uint64_t messages;
    uint64_t heard_ms;       /* when bytes last came or had gone, or it was accepted */
    uint64_t replies_before; /* worker_replies() when it came */
    uint64_t frame_since_ms; /* when the message that is incomplete now began */
    struct sockaddr_storage peer;
    socklen_t peer_length;
};

struct worker {
    const struct worker_start *start;
    const struct service_config *service;
    struct slot *slot;
    struct counters counters;
    struct handler_host host;
    struct handler *handler;
    struct framed_conn conn;
    struct client client;
    uint64_t next_client_id;
    int epoll_fd;
    bool watch_stale; /* the handler's descriptors have changed */
    bool may_serve;   /* the master says that its generation is the current one */
    bool serving;     /* the listeners are watched */
    bool look;        /* at the listeners, though they have not called */
    bool draining;
    bool stopping;      /* at once */
    bool finished;      /* drained: nothing more to accept */
    bool unpublished;   /* counters that the master was in the way of */
    bool orphan;        /* the master is gone */
    bool due;           /* has asked to be replaced */
    pid_t group;        /* of the handler's process; 0: none */
    bool group_untold;  /* the master knows another */
    int64_t may_accept; /* while draining: how many connections yet */
    char *forsaken;     /* while draining: `1` for each listener to accept all from; NULL: none */
    uint64_t leave_by_ms;
    struct limiter misfits; /* replies that do not fit, in the log */
    struct limiter faults;  /* of the handler, that the master is told */
    bool untaken;           /* messages may wait in the buffer: the handler is full */
    bool one_reply;         /* the connection ends with it */
    bool plain;             /* of a message the handler is told, and nobody else */
    int reply_error;        /* of the message in hand: as of framed_conn_put() */
    uint64_t handled_ms;    /* when the replies that wait began to wait */
    struct pace pace;       /* of timed messages */
    uint64_t begun_ms;      /* when those of its run had begun, at the latest */
    uint64_t coarse_ms;     /* as the coarse clock had it when the run began */
    size_t handled_bytes;   /* of the last of them */
};

/* The role's entry (see ipc/role.h). */
void worker_main(const struct worker_start *start) __attribute__((noreturn));

/* accept.c: what must be heard while idle. 0 or a negative errno. */
int worker_listen(struct worker *worker);
/* Waits for a client, or for news of another kind: true when worker->client is one. */
bool worker_wait(struct worker *worker);

/* serve.c: the client's life, from its first byte to its close. */
void worker_serve(struct worker *worker);
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
