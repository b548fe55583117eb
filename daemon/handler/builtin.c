/* The handlers inside framed: they show that the way to the handler works, and what it costs. */
#include "config/config.h"
#include "handler/kinds.h"

static int start(struct handler *handler, char *error, size_t size)
{
    (void)handler;
    (void)error;
    (void)size;
    return 0;
}

static enum handler_outcome echo(struct handler *handler, const void *data, size_t length,
                                 uint64_t deadline_ms)
{
    const struct handler_host *host = handler->host;
    int result = host->reply(host->context, data, length);

    (void)deadline_ms;
    if (result == 0)
        return HANDLER_OK;
    return result < 0 ? HANDLER_IO : HANDLER_FAILED;
}

static enum handler_outcome discard(struct handler *handler, const void *data, size_t length,
                                    uint64_t deadline_ms)
{
    (void)handler;
    (void)data;
    (void)length;
    (void)deadline_ms;
    return HANDLER_OK;
}

const struct handler_ops handler_echo = {
    .name = "echo",
    .immediate = true,
    .size = sizeof(struct handler),
    .start = start,
    .message = echo,
};

const struct handler_ops handler_discard = {
    .name = "discard",
    .immediate = true,
    .size = sizeof(struct handler),
    .start = start,
    .message = discard,
};
