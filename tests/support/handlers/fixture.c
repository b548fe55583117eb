/*
 * A module for the tests: what a message says is what is done. FIXTURE_ABI, FIXTURE_SIZE and the
 * other names below make from the same source modules that must not be loaded.
 */
#include <framed/module.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef FIXTURE_ABI
#define FIXTURE_ABI FRAMED_MODULE_ABI
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(struct framed_module)
#endif

struct state {
    const struct framed_service *service;
    unsigned opened;
};

#ifndef FIXTURE_NO_SYMBOL

static int init(const struct framed_service *service, void **state, char *error, size_t size)
{
    struct state *made = calloc(1, sizeof(*made));

    (void)error;
    (void)size;
    if (!made)
        return -ENOMEM;
#ifdef FIXTURE_INIT_TEXT
    free(made);
    snprintf(error, size, "%s", FIXTURE_INIT_TEXT);
    return -EACCES;
#endif
    made->service = service;
    *state = made;
    return 0;
}

static int open_peer(void *state, const struct framed_peer *peer, void **connection)
{
    struct state *mine = state;

    if (peer->has_credentials && peer->uid == 666)
        return -EPERM;
    mine->opened++;
    *connection = malloc(sizeof(unsigned));
    if (!*connection)
        return -ENOMEM;
    **(unsigned **)connection = 0;
    return 0;
}

static int reply_text(struct framed_call *call, const char *text)
{
    return framed_reply(call, text, strlen(text));
}

/* The messages that ask for more than an echo. */
static int obey(struct state *state, unsigned *messages, struct framed_call *call, const char *text)
{
    char answer[128];

    if (strcmp(text, "none") == 0)
        return 0;
    if (strcmp(text, "many") == 0)
        return reply_text(call, "one") | reply_text(call, "two") | reply_text(call, "three");
    if (strcmp(text, "hangup") == 0) {
        framed_hangup(call);
        return reply_text(call, "bye");
    }
    if (strcmp(text, "fail") == 0)
        return -EIO;
    if (strcmp(text, "log") == 0) {
        framed_log(state->service, FRAMED_LOG_WARNING, "a word\nof warning");
        framed_log(state->service, (enum framed_log_level)77, "of no level");
        return 0;
    }
    if (strcmp(text, "count") == 0)
        snprintf(answer, sizeof(answer), "%u of %u", *messages, state->opened);
    else if (strcmp(text, "deadline") == 0)
        snprintf(answer, sizeof(answer), "%lld", (long long)framed_deadline(call));
    else if (strcmp(text, "service") == 0)
        snprintf(answer, sizeof(answer), "%s #%u %zu %zu", state->service->name,
                 state->service->worker, state->service->max_message, state->service->max_reply);
    else /* what becomes of a reply, told by the next one */
        snprintf(answer, sizeof(answer), "%s", text);
    return reply_text(call, answer);
}

/* Left out of the module by FIXTURE_NO_MESSAGE. */
__attribute__((unused)) static int message(void *state, void *connection, struct framed_call *call,
                                           const void *data, size_t length)
{
    unsigned *messages = connection;
    char text[64];

    (*messages)++;
    if (length >= sizeof(text))
        return framed_reply(call, data, length);
    memcpy(text, data, length);
    text[length] = '\0';
    return obey(state, messages, call, text);
}

static void close_peer(void *state, void *connection)
{
    (void)state;
    free(connection);
}

static void fini(void *state)
{
    free(state);
}

FRAMED_MODULE_EXPORT const struct framed_module framed_module = {
    .abi = FIXTURE_ABI,
    .size = FIXTURE_SIZE,
    .name = "fixture",
    .init = init,
    .open = open_peer,
#ifndef FIXTURE_NO_MESSAGE
    .message = message,
#endif
    .close = close_peer,
    .fini = fini,
};

#endif
