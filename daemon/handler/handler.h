/*
 * Handlers: what turns a message into replies. The worker knows this interface and nothing of what
 * is behind it; builtin.c, module.c and command.c are the rows of one table.
 *
 * One handler belongs to one worker and serves one client at a time:
 *
 *     handler_new → start → { open → { message }* → close }* → stop → free
 */
#ifndef FRAMED_HANDLER_HANDLER_H
#define FRAMED_HANDLER_HANDLER_H

#include <framed/module.h>

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct service_config;

/* Most descriptors that a handler wants watched while its worker waits. */
#define HANDLER_WATCH_MAX 5

/*
 * One reply that is put in pieces, as framed_conn_put_begin() and its kin say; 0, an encoding
 * verdict or a negative errno. A message that ends while a reply is not at its end closes the
 * client.
 */
struct handler_stream {
    int (*begin)(void *context, size_t length);
    int (*piece)(void *context, const void *data, size_t length);
    int (*end)(void *context);
};

/* What the worker does for a handler. All pointers stay valid for the handler's life. */
struct handler_host {
    const struct service_config *service;
    unsigned slot;
    uint64_t start_by_ms; /* when start must be done (monotonic ms); 0: it does not matter */
    void *context;        /* handed back to the calls below */

    /* Queues or sends one reply to the client whose message is being handled. As framed_conn_put():
     * 0, an encoding verdict above 0, or a negative errno. */
    int (*reply)(void *context, const void *data, size_t length);
    const struct handler_stream *stream; /* NULL: replies are whole */

    /* Sends what reply() has queued, before a long wait: 0 or a negative errno. May be NULL. */
    int (*flush)(void *context);

    /* The message in hand keeps the worker waiting for longer than others should. May be NULL. */
    void (*waits)(void *context);

    /* A message of LENGTH bytes that message() took at BEGAN_NS (clock_ns()) has got its last
     * reply. Called by handlers with pump() only. May be NULL. */
    void (*answered)(void *context, uint64_t began_ns, size_t length);

    /* Queues for the client, in the place of a reply, the error_reply of the service. False: there
     * is none, or it cannot be sent. Called by handlers with pump() only, each in its turn; for the
     * others the worker sees to it. May be NULL. */
    bool (*excuse)(void *context);

    /* The handler's program had to be replaced, or could not be: WHY, for people. May be NULL. */
    void (*faulted)(void *context, const char *why);

    /* A signal has interrupted a wait: looks whether the worker has to leave. Returns the time by
     * which all must be done (monotonic ms), or 0. May be NULL. */
    uint64_t (*interrupted)(void *context);

    /* A process group that must die with this worker has started (GROUP > 0) or ended (0). */
    void (*group_changed)(void *context, pid_t group);
};

/* How a message ended. Anything but OK and HANGUP closes the client with the reason logged. */
enum handler_outcome {
    HANDLER_OK,      /* answered */
    HANDLER_HANGUP,  /* answered; the handler asks for the client to be closed */
    HANDLER_REFUSED, /* this message cannot be handled (a LF for codec line); the handler is well */
    HANDLER_TIMEOUT, /* the request deadline has passed */
    HANDLER_DIED,    /* the handler's process ended before it answered */
    HANDLER_PROTOCOL, /* stray, short or oversize output */
    HANDLER_FAILED,   /* the handler gave up or could not be started */
    HANDLER_ERROR,    /* the handler says that it has no answer to this message; it is well */
    HANDLER_IO,       /* the reply could not be sent; the connection is the cause */
    HANDLER_OUTCOME_COUNT
};

/* Why a client goes, in broad terms; told to handlers that want to know. */
enum handler_farewell {
    FAREWELL_CLIENT,   /* it closed its side, and was answered */
    FAREWELL_ORDER,    /* framed closed in order: a stop, a hang-up */
    FAREWELL_DEADLINE, /* one has passed */
    FAREWELL_MESSAGE,  /* it sent what is no message, or what the handler cannot take */
    FAREWELL_FAULT,    /* the connection broke, or the handler failed */
    FAREWELL_MOVED,    /* it does not: another worker goes on with it */
};

struct handler;

struct handler_ops {
    const char *name;
    bool immediate; /* answers at once: needs no clock beside each message */
    bool alone;     /* has one client at a time, from its first message to its last */
    bool probes;    /* start puts the probe to it as well */
    size_t size;    /* bytes of the handler's own structure, which starts with struct handler */

    /* Makes ready. 0, or a negative errno with a message for people in ERROR. */
    int (*start)(struct handler *handler, char *error, size_t size);
    /* A client has connected / has gone. open: 0, or a negative errno: refuse it. May be NULL. */
    int (*open)(struct handler *handler, const struct framed_peer *peer);
    void (*close)(struct handler *handler);
    /* Handles one message until DEADLINE_MS (monotonic; 0: none); replies through the host. */
    enum handler_outcome (*message)(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms);
    /*
     * For handlers that answer later; NULL: message() returns after the reply. Here message() may
     * only take the message, while !full, and this moves on what can be moved without waiting:
     * writes requests, reads replies and hands them to the host, each client's in its order. READY
     * has the COUNT descriptors of watch() with what poll(2) said; COUNT is 0 behind a batch of
     * messages. Anything but OK: the client is to be closed, as of message(); after HANGUP it gets
     * first what it is owed.
     */
    enum handler_outcome (*pump)(struct handler *handler, const struct pollfd *ready, int count);
    /* What goes along with the client in hand, between its messages, when it moves: into DATA (SIZE
     * bytes: HANDLER_SAVED_MAX); how many bytes, or negative: it cannot. And what is there for it
     * instead of open(). Both NULL, or both called only while handler->saves. */
    int (*save)(struct handler *handler, void *data, size_t size);
    int (*restore)(struct handler *handler, const struct framed_peer *peer, const void *data,
                   size_t length);
    /*
     * For handlers that take the connection over; NULL: the worker reads messages. FD, the client's
     * blocking socket, is theirs until this returns, at the end of what they do with it, at
     * DEADLINE_MS (0: none), or when the host's interrupted() says so. Only start and stop are
     * called beside it. HANDLER_OK: the client was served.
     */
    enum handler_outcome (*serve)(struct handler *handler, int fd, const struct framed_peer *peer,
                                  uint64_t deadline_ms);
    /* Fills WATCH with what must be watched while waiting for clients; how many. May be NULL. */
    int (*watch)(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX]);
    /* Something watched is ready, or a timer may be due: log stderr, replace a dead process. Never
     * blocks. May be NULL. */
    void (*attend)(struct handler *handler);
    /* Messages would fail until then (monotonic ms), since its program is not started before; 0: it
     * can answer. May be NULL. */
    uint64_t (*down_until)(const struct handler *handler);
    /* Ends in order within GRACE_MS (0: at once); frees what start made. May be NULL. */
    void (*stop)(struct handler *handler, unsigned grace_ms);
};

struct handler {
    const struct handler_ops *ops;
    const struct handler_host *host;
    /* Of handlers with pump(), for the worker to read: */
    size_t owed;            /* messages of the client that still are to be answered */
    uint64_t owed_since_ms; /* when the oldest of them was taken */
    bool full;              /* no more messages now */
    /* and to write: the time that was spent on the client and is not the handler's, in all; and
     * before close(), why. */
    uint64_t away_ms;
    enum handler_farewell farewell;
    /* What open() has made for the client in hand: the worker keeps it while others are served. */
    void *connection;
    /* The client in hand is not the one of the message before: the worker says so, and the handler
     * may note that it knows. */
    bool other_client;
    bool sticky; /* its connections cannot go to another worker; set by start() */
    bool saves;  /* they can with what save() gives them; set by start() */
};

/* A handler as HOST->service says, not started. NULL without memory. Free with handler_free(). */
struct handler *handler_new(const struct handler_host *host);

/* Starts HANDLER, and has it answer the probe. 0, or a negative errno with a message in ERROR. */
int handler_start(struct handler *handler, char *error, size_t size);

/* Frees a handler that was stopped or never started; NULL is harmless. */
void handler_free(struct handler *handler);

/* The word for an outcome in the log, such as "handler-timeout". */
const char *handler_outcome_word(enum handler_outcome outcome);

#endif
