/*
 * Handlers that are a shared object, called in the worker itself (see framed/module.h). What is
 * checked at load is what can be: a module is part of its worker, and can do there what it likes.
 */
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "handler/kinds.h"
#include "handler/module_keys.h"
#include "handler/module_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* Most bytes of a module's log text that are logged. */
#define LOG_TEXT_MAX 1024
/* What it may say of why it does not start, with the NUL. */
#define TEXT_SIZE 512

struct module {
    struct handler base;
    void *library;
    const struct framed_module *descriptor; /* NULL: not loaded */
    struct framed_service service;
    struct module_settings settings;
    void *state;
};

struct framed_call {
    struct framed_call_head head; /* first: framed_reply() finds its host by it */
    const struct handler_host *host;
    uint64_t deadline_ms; /* 0: none */
    int broken;           /* a negative errno: the connection takes no more replies */
    bool streaming;       /* a reply has begun */
    bool hangup;
};

/* What came of a reply, in a module's words. */
static int learn(struct framed_call *call, int result)
{
    if (result < 0)
        call->broken = result;
    if (result > 0)
        return result == FRAMED_OVERSIZE ? -EMSGSIZE : -EINVAL;
    return result;
}

static int call_reply(struct framed_call *call, const void *data, size_t length)
{
    if (call->broken < 0)
        return call->broken;
    if (call->streaming)
        return -EBUSY;
    return learn(call, call->host->reply(call->host->context, data, length));
}

static int call_reply_begin(struct framed_call *call, size_t length)
{
    int result;

    if (call->broken < 0)
        return call->broken;
    if (call->streaming)
        return -EBUSY;
    result = call->host->stream->begin(call->host->context, length);
    if (result == -ENOTSUP)
        return result;
    call->streaming = result == 0;
    return learn(call, result);
}

/* A reply of which a part is lost cannot go on; else the deadline begins anew, as the master has
 * it. */
static int go_on(struct framed_call *call, int result)
{
    uint64_t request_ms = call->host->service->deadlines.request_ms;

    if (result != 0)
        call->broken = learn(call, result);
    else if (call->deadline_ms)
        call->deadline_ms = clock_ms_of(clock_ns()) + request_ms;
    return call->broken;
}

static int call_reply_write(struct framed_call *call, const void *data, size_t length)
{
    if (call->broken < 0)
        return call->broken;
    if (!call->streaming)
        return -EPROTO;
    return go_on(call, call->host->stream->piece(call->host->context, data, length));
}

static int call_reply_end(struct framed_call *call)
{
    int result;

    if (call->broken < 0)
        return call->broken;
    if (!call->streaming)
        return -EPROTO;
    result = go_on(call, call->host->stream->end(call->host->context));
    call->streaming = result < 0;
    return result;
}

static void call_hangup(struct framed_call *call)
{
    call->hangup = true;
}

static int64_t call_deadline(struct framed_call *call)
{
    uint64_t now_ms;

    if (!call->deadline_ms)
        return -1;
    now_ms = clock_ms();
    return now_ms < call->deadline_ms ? (int64_t)(call->deadline_ms - now_ms) : 0;
}

/* The level comes from outside, and the log's own is an index. */
static int known_level(enum framed_log_level level)
{
    switch (level) {
    case FRAMED_LOG_ERROR:
    case FRAMED_LOG_WARNING:
    case FRAMED_LOG_INFO:
    case FRAMED_LOG_DEBUG:
        return (int)level;
    }
    return LOG_INFO;
}

static void module_log(enum framed_log_level level, const char *text)
{
    log_write(known_level(level), "module-log",
              LOG_FIELDS(LOG_BYTES("text", text, strnlen(text, LOG_TEXT_MAX))));
}

static const struct framed_host module_host = {
    .abi = FRAMED_MODULE_ABI,
    .size = sizeof(struct framed_host),
    .reply = call_reply,
    .hangup = call_hangup,
    .log = module_log,
    .deadline = call_deadline,
    .reply_begin = call_reply_begin,
    .reply_write = call_reply_write,
    .reply_end = call_reply_end,
};

/* What one of the module's own functions has told, or what its errno says. */
static int tell(const struct module *module, const char *function, const char *text, int result,
                char *error, size_t size)
{
    module_refuse(error, size, "module %s: %s: %s", module->base.host->service->handler.module,
                  function, text[0] ? text : log_errno_text(result));
    return result;
}

static int init(struct module *module, char *error, size_t size)
{
    const struct service_config *service = module->base.host->service;
    char text[TEXT_SIZE] = "";
    int result = module_settings_make(&service->settings, module->descriptor->keys,
                                      &module->settings, text, sizeof(text));

    if (result < 0) {
        module_refuse(error, size, "module %s: %s", service->handler.module, text);
        return result;
    }
    module->service = (struct framed_service){
        .host = &module_host,
        .name = service->name,
        .worker = module->base.host->slot,
        .max_message = service->limits.max_message,
        .max_reply = service->limits.max_reply,
        .keys = module->descriptor->keys,
        .settings = module->settings.all,
        .setting_count = service->settings.count,
        .numbers = module->settings.numbers,
    };
    if (!module->descriptor->init)
        return 0;
    result = module->descriptor->init(&module->service, &module->state, text, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    return result < 0 ? tell(module, "init", text, result, error, size) : 0;
}

static int probe(struct module *module, char *error, size_t size)
{
    char text[TEXT_SIZE] = "";
    int result;

    if (!module->descriptor->probe)
        return 0;
    result = module->descriptor->probe(module->state, text, sizeof(text));
    text[sizeof(text) - 1] = '\0';
    return result < 0 ? tell(module, "probe", text, result, error, size) : 0;
}

static void fini(struct module *module)
{
    if (module->descriptor->fini)
        module->descriptor->fini(module->state);
}

static void unload(struct module *module)
{
    if (module->library)
        dlclose(module->library);
    module->library = NULL;
    module->descriptor = NULL;
    module_settings_free(&module->settings);
}

static int start(struct handler *handler, char *error, size_t size)
{
    struct module *module = (struct module *)handler;
    int result = module_open(handler->host->service->handler.module, error, size, &module->library,
                             &module->descriptor);

    if (result < 0)
        return result;
    result = init(module, error, size);
    if (result == 0) {
        result = probe(module, error, size);
        if (result < 0)
            fini(module);
    }
    if (result < 0) {
        unload(module);
        return result;
    }
    handler->saves = module->descriptor->save != NULL;
    handler->sticky = !handler->saves && (module->descriptor->open || module->descriptor->close);
    return 0;
}

static int open_connection(struct handler *handler, const struct framed_peer *peer)
{
    struct module *module = (struct module *)handler;

    handler->connection = NULL;
    if (!module->descriptor->open)
        return 0;
    return module->descriptor->open(module->state, peer, &handler->connection);
}

static void close_connection(struct handler *handler)
{
    struct module *module = (struct module *)handler;

    if (module->descriptor->close)
        module->descriptor->close(module->state, handler->connection);
    handler->connection = NULL;
}

static int save_connection(struct handler *handler, void *data, size_t size)
{
    struct module *module = (struct module *)handler;
    int length = module->descriptor->save(module->state, handler->connection, data, size);

    return length >= 0 && (size_t)length > size ? -EMSGSIZE : length;
}

static int restore_connection(struct handler *handler, const struct framed_peer *peer,
                              const void *data, size_t length)
{
    struct module *module = (struct module *)handler;

    handler->connection = NULL;
    return module->descriptor->restore(module->state, peer, data, length, &handler->connection);
}

static enum handler_outcome message(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms)
{
    struct module *module = (struct module *)handler;
    struct framed_call call = {
        .head.host = &module_host, .host = handler->host, .deadline_ms = deadline_ms};
    int result =
        module->descriptor->message(module->state, handler->connection, &call, data, length);

    /* The deadline is the master's to hold; SIGTERM from it ends what waits in a module. */
    if (call.broken < 0)
        return HANDLER_IO;
    if (result < 0 && call.deadline_ms && clock_ms() >= call.deadline_ms)
        return HANDLER_TIMEOUT;
    if (result < 0) {
        log_warning("module-error", LOG_STR("module", module->descriptor->name), LOG_ERRNO(result));
        return HANDLER_ERROR;
    }
    if (call.streaming)
        return HANDLER_PROTOCOL;
    return call.hangup ? HANDLER_HANGUP : HANDLER_OK;
}

static void stop(struct handler *handler, unsigned grace_ms)
{
    struct module *module = (struct module *)handler;

    (void)grace_ms;
    if (module->descriptor)
        fini(module);
    unload(module);
}

const struct handler_ops handler_module = {
    .name = "module",
    .size = sizeof(struct module),
    .start = start,
    .open = open_connection,
    .close = close_connection,
    .save = save_connection,
    .restore = restore_connection,
    .message = message,
    .stop = stop,
};
