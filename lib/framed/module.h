/*
 * Handler modules: a shared object that framed loads into its workers and that answers messages.
 *
 *     #include <framed/module.h>
 *
 *     static int answer(void *state, void *connection, struct framed_call *call,
 *                       const void *data, size_t length)
 *     {
 *         return framed_reply(call, data, length);
 *     }
 *
 *     FRAMED_MODULE(.name = "echo", .message = answer);
 *
 * Each worker is a process of its own, so nothing here needs a lock. Callbacks run one at a time
 * and may block; the service's `request` deadline bounds how long. Signals that framed sends its
 * own workers may interrupt a blocking system call (EINTR). Several connections may be open at a
 * time: what belongs to one is kept in what open() makes for it.
 */
#ifndef FRAMED_MODULE_H
#define FRAMED_MODULE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when something below changes in a way that old modules cannot live with. */
#define FRAMED_MODULE_ABI 2

/* The length of a reply that is not known before its end (see framed_reply_begin). */
#define FRAMED_LENGTH_UNKNOWN SIZE_MAX

/* One message that is being handled; valid until `message` returns. */
struct framed_call;

/* Syslog's levels (RFC 5424), as far as modules need them. */
enum framed_log_level {
    FRAMED_LOG_ERROR = 3,
    FRAMED_LOG_WARNING = 4,
    FRAMED_LOG_INFO = 6,
    FRAMED_LOG_DEBUG = 7
};

/* What framed offers to a module: use the functions at the end of this header. */
struct framed_host {
    uint32_t abi;
    uint32_t size;
    int (*reply)(struct framed_call *call, const void *data, size_t length);
    void (*hangup)(struct framed_call *call);
    void (*log)(enum framed_log_level level, const char *text);
    int64_t (*deadline)(struct framed_call *call);
    int (*reply_begin)(struct framed_call *call, size_t length);
    int (*reply_write)(struct framed_call *call, const void *data, size_t length);
    int (*reply_end)(struct framed_call *call);
};

/* What a value may be. */
enum framed_type {
    FRAMED_TEXT,   /* anything */
    FRAMED_NUMBER, /* digits */
    FRAMED_SIZE,   /* bytes: 4096, 64KiB, 1MiB, 1GiB */
    FRAMED_TIME,   /* milliseconds: 500ms, 30s, 5m, 1h */
    FRAMED_YES_NO  /* yes or no */
};

/* A setting that a module understands; a table of them ends with one whose name is NULL. What its
 * value may not be is refused before any of the module is called. */
struct framed_key {
    const char *name;
    const char *initial; /* its value where it is not given; NULL: none, and it need not be given */
    const char *text;    /* one line, for people; may be NULL */
    enum framed_type type;
    uint64_t least; /* of a number, a size, a time */
    uint64_t most;  /* 0: any */
};

/* A setting that was given: of `module { NAME = VALUE }`, or of --set NAME=VALUE. */
struct framed_setting {
    const char *name;
    const char *value;
};

/* The service that a module is loaded for; valid from `init` to after `fini`. */
struct framed_service {
    const struct framed_host *host;
    const char *name;                      /* of the service, as in the configuration */
    unsigned worker;                       /* this worker's slot */
    size_t max_message;                    /* bytes: no message is larger */
    size_t max_reply;                      /* bytes: no reply may be larger */
    const struct framed_key *keys;         /* the module's own, or NULL */
    const struct framed_setting *settings; /* as given, each a known one; see framed_setting() */
    size_t setting_count;
    const uint64_t *numbers; /* one for each key in its turn; see framed_setting_number() */
};

/* Who is connected; valid from `open` to after `close`. */
struct framed_peer {
    uint64_t connection; /* unique within one run of framed */
    const char *address; /* "tcp:127.0.0.1:40312", "unix:" */
    const char *local;   /* the address it came in by */
    int has_credentials; /* a Unix socket: the next three are known */
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

/* Bytes that may go along with a connection (see `save`). */
#define FRAMED_SAVED_MAX 4096

/* What a module exports, under the name framed_module (see FRAMED_MODULE). */
struct framed_module {
    uint32_t abi;  /* FRAMED_MODULE_ABI; checked at load */
    uint32_t size; /* sizeof(struct framed_module); checked at load */
    const char *name;
    const char *version; /* of the module, for people; may be NULL */

    /* What the service may set; NULL: nothing. What is not in here is refused before `init`. */
    const struct framed_key *keys;

    /*
     * Once in each worker, before it takes connections: *STATE is handed to all others. 0, or a
     * negative errno with a message in ERROR (SIZE bytes): the worker then does not start. May be
     * NULL.
     */
    int (*init)(const struct framed_service *service, void **state, char *error, size_t size);

    /*
     * After `init`, before the worker says that it is ready, and before the service's own probe
     * (`handler { probe }`), if there is one: whether what the module needs is there. 0, or a
     * negative errno with a message in ERROR (SIZE bytes): `fini` is called, the worker does not
     * start, and a reload fails with that message. May be NULL.
     */
    int (*probe)(void *state, char *error, size_t size);

    /* A client has connected: *CONNECTION is handed to message and close. 0, or negative: the
     * client is closed, and `close` is not called. May be NULL. */
    int (*open)(void *state, const struct framed_peer *peer, void **connection);

    /*
     * One message, without its framing; DATA is valid until the return and not terminated. Call
     * framed_reply() zero, one or many times. 0, or a negative errno: the client is closed, after
     * the replies so far. Soon after the service's `request` deadline whatever it waits in is
     * interrupted (EINTR): it should return an error then, or is killed. Required.
     */
    int (*message)(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length);

    /* The client has gone, or has moved (see `save`). May be NULL. */
    void (*close)(void *state, void *connection);

    /*
     * Between messages: CONNECTION goes on with another worker. Writes into DATA (SIZE bytes:
     * FRAMED_SAVED_MAX) what `restore` needs there; returns how many bytes, or a negative errno: it
     * cannot go, and is closed in order should its worker have to leave. `close` follows where it
     * has gone; where nobody could take it there may be another `save`. With `restore`, or both
     * NULL: then connections of a module with `open` or `close` stay with their worker.
     */
    int (*save)(void *state, void *connection, void *data, size_t size);

    /* Instead of `open`, for one that was saved: DATA (LENGTH bytes) is what `save` has written, in
     * a worker of another start of the service, perhaps by another version of the module. As of
     * `open`. */
    int (*restore)(void *state, const struct framed_peer *peer, const void *data, size_t length,
                   void **connection);

    /* The worker leaves in order (not when it is killed). May be NULL. */
    void (*fini)(void *state);
};

#if defined(__GNUC__)
#define FRAMED_MODULE_EXPORT __attribute__((visibility("default")))
#else
#define FRAMED_MODULE_EXPORT
#endif

/* Defines the module: the fields of struct framed_module, by name. */
#define FRAMED_MODULE(...)                                                                         \
    FRAMED_MODULE_EXPORT const struct framed_module framed_module = {                              \
        .abi = FRAMED_MODULE_ABI, .size = sizeof(struct framed_module), __VA_ARGS__}

/* Every call starts with its host, so that a module needs no symbol of the daemon. */
struct framed_call_head {
    const struct framed_host *host;
};

static inline const struct framed_host *framed_call_host(struct framed_call *call)
{
    return ((const struct framed_call_head *)(const void *)call)->host;
}

/*
 * Sends DATA (LENGTH bytes) to the client as one message; it is copied or sent before the return.
 * 0, or a negative errno: -EMSGSIZE (larger than max_reply, or than the framing can say), -EINVAL
 * (the framing cannot carry these bytes), or what the connection says.
 */
static inline int framed_reply(struct framed_call *call, const void *data, size_t length)
{
    return framed_call_host(call)->reply(call, data, length);
}

/*
 * A reply of any length, in pieces: begin, write as often as you like, end; then perhaps more
 * replies. LENGTH is that of the whole reply, or FRAMED_LENGTH_UNKNOWN. Small pieces are copied and
 * leave together, large ones are sent before the return: memory does not grow with the reply, which
 * max_reply does not bound. The service's `write` deadline is for each piece, and its `request`
 * deadline begins anew behind each.
 *
 * Each 0 or a negative errno. framed_reply_begin(): -ENOTSUP: this framing must see the whole
 * reply, or its length, first: nothing has begun, and framed_reply() will do; -EBUSY: one has begun
 * already (framed_reply() then says so, too); else as framed_reply(). framed_reply_write():
 * -EMSGSIZE (more than LENGTH), -EINVAL (the framing cannot carry these bytes), -ECANCELED (the
 * worker has to leave), -EPROTO (none has begun), or what the connection says. framed_reply_end():
 * the same, and -EINVAL: fewer than LENGTH.
 *
 * A client that has got a part of a reply can only be closed: after an error of write or end, all
 * later calls fail, and where `message` returns before the end, the log says so. Who reads to the
 * end of the stream (framings `eof` and `raw`) gets a reset over TCP, not an end.
 */
static inline int framed_reply_begin(struct framed_call *call, size_t length)
{
    return framed_call_host(call)->reply_begin(call, length);
}

static inline int framed_reply_write(struct framed_call *call, const void *data, size_t length)
{
    return framed_call_host(call)->reply_write(call, data, length);
}

static inline int framed_reply_end(struct framed_call *call)
{
    return framed_call_host(call)->reply_end(call);
}

/* Closes the client after this message's replies. */
static inline void framed_hangup(struct framed_call *call)
{
    framed_call_host(call)->hangup(call);
}

/*
 * What is left of the service's `request` deadline for this message, in ms (monotonic): 0 when it
 * is over, -1 when there is none. Soon after it, see `message`.
 */
static inline int64_t framed_deadline(struct framed_call *call)
{
    return framed_call_host(call)->deadline(call);
}

/* The value of the setting NAME: as given, else its key's initial one, else NULL. Valid as SERVICE
 * is. */
static inline const char *framed_setting(const struct framed_service *service, const char *name)
{
    for (size_t i = 0; i < service->setting_count; i++)
        if (strcmp(service->settings[i].name, name) == 0)
            return service->settings[i].value;
    for (const struct framed_key *key = service->keys; key && key->name; key++)
        if (strcmp(key->name, name) == 0)
            return key->initial;
    return NULL;
}

/* The same as a number, of a key that has a type: bytes of a size, milliseconds of a time, 1 for
 * yes. 0 where there is no value. */
static inline uint64_t framed_setting_number(const struct framed_service *service, const char *name)
{
    for (size_t i = 0; service->keys && service->keys[i].name; i++)
        if (strcmp(service->keys[i].name, name) == 0)
            return service->numbers[i];
    return 0;
}

/* Writes one line to framed's log, with the service's name and the worker's. */
static inline void framed_log(const struct framed_service *service, enum framed_log_level level,
                              const char *text)
{
    service->host->log(level, text);
}

#ifdef __cplusplus
}
#endif
#endif
