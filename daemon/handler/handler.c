/* From the configuration to the kind of handler, and what all kinds share. */
#include "handler/handler.h"

#include "config/config.h"
#include "handler/kinds.h"
#include "handler/probe.h"

#include <stdlib.h>

static const struct handler_ops *const builtins[] = {
    [BUILTIN_ECHO] = &handler_echo,
    [BUILTIN_DISCARD] = &handler_discard,
};

static const struct handler_ops *const types[] = {
    [HANDLER_MODULE] = &handler_module,
    [HANDLER_COMMAND] = &handler_command,
};

static const char *const words[] = {
    [HANDLER_OK] = "handler-ok",           [HANDLER_HANGUP] = "handler-hangup",
    [HANDLER_REFUSED] = "handler-refused", [HANDLER_TIMEOUT] = "handler-timeout",
    [HANDLER_DIED] = "handler-died",       [HANDLER_PROTOCOL] = "handler-protocol",
    [HANDLER_FAILED] = "handler-failed",   [HANDLER_ERROR] = "handler-error",
    [HANDLER_IO] = "handler-io",
};
_Static_assert(sizeof(words) / sizeof(words[0]) == HANDLER_OUTCOME_COUNT,
               "each outcome has its word");

struct handler *handler_new(const struct handler_host *host)
{
    const struct handler_config *config = &host->service->handler;
    const struct handler_ops *ops = types[config->type];
    struct handler *handler;

    if (config->type == HANDLER_BUILTIN)
        ops = builtins[config->builtin];
    else if (config->type == HANDLER_COMMAND && config->per_connection)
        ops = &handler_per_connection;
    else if (config->type == HANDLER_COMMAND && config->codec == CODEC_RECORD)
        ops = &handler_record;
    else if (config->type == HANDLER_COMMAND && config->batch > 1)
        ops = &handler_batch;
    handler = calloc(1, ops->size);
    if (!handler)
        return NULL;
    handler->ops = ops;
    handler->host = host;
    return handler;
}

int handler_start(struct handler *handler, char *error, size_t size)
{
    int result = handler->ops->start(handler, error, size);

    return result < 0 || handler->ops->probes ? result : probe_handler(handler, error, size);
}

void handler_free(struct handler *handler)
{
    free(handler);
}

const char *handler_outcome_word(enum handler_outcome outcome)
{
    return words[outcome];
}
