/*
 * A module with all that one can have; leave out what yours does not need. It answers each message
 * with itself, as it is told to:
 *
 *     framed run -l tcp:127.0.0.1:7000 -F line --module "$PWD/options.so" --set prefix="> "
 */
#include <framed/module.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What may stand in `module { }`, with the value of what does not. */
static const struct framed_key keys[] = {
    {.name = "prefix", .initial = "", .text = "what stands before each reply"},
    {.name = "repeat",
     .initial = "1",
     .text = "how many replies each message gets",
     .type = FRAMED_NUMBER,
     .most = 1000},
    {.name = NULL},
};

struct options {
    const struct framed_service *service;
    const char *prefix;
    uint64_t repeat;
};

struct client {
    unsigned long messages;
};

/* In each worker, before it serves. The settings are known by then to be what they may be. */
static int init(const struct framed_service *service, void **state, char *error, size_t size)
{
    struct options *options = malloc(sizeof(*options));

    (void)error; /* for more than an errno has to say */
    (void)size;
    if (!options)
        return -ENOMEM;
    *options = (struct options){service, framed_setting(service, "prefix"),
                                framed_setting_number(service, "repeat")};
    *state = options;
    return 0;
}

/* Whether it could serve: a module that needs a database would ask it something here. */
static int probe(void *state, char *error, size_t size)
{
    const struct options *options = state;

    if (strlen(options->prefix) < options->service->max_reply)
        return 0;
    snprintf(error, size, "prefix: found more than limits.max_reply");
    return -EMSGSIZE;
}

static int open_client(void *state, const struct framed_peer *peer, void **connection)
{
    (void)state;
    (void)peer; /* who it is: to refuse it, return a negative errno */
    *connection = calloc(1, sizeof(struct client));
    return *connection ? 0 : -ENOMEM;
}

static int message(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length)
{
    const struct options *options = state;
    struct client *client = connection;
    size_t prefix = strlen(options->prefix);
    char *reply = malloc(prefix + length + 1);
    int result = 0;

    if (!reply)
        return -ENOMEM;
    client->messages++;
    memcpy(reply, options->prefix, prefix);
    memcpy(reply + prefix, data, length);
    for (uint64_t i = 0; i < options->repeat && result == 0; i++)
        result = framed_reply(call, reply, prefix + length);
    free(reply);
    return result;
}

static void close_client(void *state, void *connection)
{
    const struct options *options = state;
    const struct client *client = connection;
    char text[64];

    snprintf(text, sizeof(text), "a client has gone after %lu messages", client->messages);
    framed_log(options->service, FRAMED_LOG_DEBUG, text);
    free(connection);
}

static void fini(void *state)
{
    free(state);
}

FRAMED_MODULE(.name = "options", .version = "1.0", .keys = keys, .init = init, .probe = probe,
              .open = open_client, .message = message, .close = close_client, .fini = fini);
