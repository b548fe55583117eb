/*
 * A module for the tests: what a message says is what is done. FIXTURE_ABI, FIXTURE_SIZE and the
 * other names below make from the same source modules that must not be loaded.
 */
#include <framed/module.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef FIXTURE_ABI
#define FIXTURE_ABI FRAMED_MODULE_ABI
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(struct framed_module)
#endif

struct state {
    const struct framed_service *service;
    unsigned opened, restored;
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

#define PIECE_MAX ((size_t)256 * 1024)
#define LETTERS 26

/* The bytes of a reply from the AT-th on, at most PIECE_MAX: letters in their order. */
static const char *spell(size_t at)
{
    static char text[PIECE_MAX + LETTERS];

    for (size_t i = 0; text[0] == '\0' && i < sizeof(text); i++)
        text[sizeof(text) - 1 - i] = (char)('a' + (sizeof(text) - 1 - i) % LETTERS);
    return text + at % LETTERS;
}

static int reply_number(struct framed_call *call, int64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)number);
    return reply_text(call, text);
}

static void stay(void)
{
    for (;;)
        pause();
}

/* What comes behind the last piece of a reply. */
static int finish(struct framed_call *call, const char *how)
{
    if (strcmp(how, "return") == 0)
        return 0;
    if (strcmp(how, "fail") == 0)
        return -EIO;
    if (strcmp(how, "die") == 0)
        raise(SIGKILL);
    if (strcmp(how, "stay") == 0)
        stay();
    if (strcmp(how, "last") == 0 && framed_reply_end(call) == 0)
        raise(SIGKILL);
    if (strcmp(how, "left") == 0 && framed_reply_end(call) == 0)
        return reply_number(call, framed_deadline(call));
    if (strcmp(how, "begin") == 0)
        return framed_reply_begin(call, 1);
    if (strcmp(how, "reply") == 0)
        return reply_text(call, "another");
    if (strcmp(how, "lf") == 0)
        return framed_reply_write(call, "\n", 1);
    return framed_reply_end(call);
}

/* "stream ANNOUNCED|? TOTAL PIECE HOW": announces a reply, and writes it in pieces. */
static int stream(struct framed_call *call, const char *text)
{
    char announced[24], how[16];
    size_t total, size;
    int result;

    if (sscanf(text, "stream %23s %zu %zu %15s", announced, &total, &size, how) != 4 || size == 0 ||
        size > PIECE_MAX)
        return -EBADMSG;
    result = framed_reply_begin(call, *announced == '?' ? FRAMED_LENGTH_UNKNOWN
                                                        : (size_t)strtoull(announced, NULL, 10));
    if (result == -ENOTSUP)
        return strcmp(how, "stay") == 0 ? finish(call, how) : reply_text(call, "unsupported");
    for (size_t at = 0; result == 0 && at < total; at += size) {
        size = size < total - at ? size : total - at;
        result = framed_reply_write(call, spell(at), size);
        if (strcmp(how, "slow") == 0)
            usleep(10000);
    }
    return result < 0 ? result : finish(call, how);
}

/* Does not hear that there is nobody any more. */
static int insist(struct framed_call *call)
{
    framed_reply_begin(call, FRAMED_LENGTH_UNKNOWN);
    framed_reply_write(call, "x", 1);
    framed_reply_write(call, "y", 1);
    framed_reply_end(call);
    framed_reply_begin(call, FRAMED_LENGTH_UNKNOWN);
    framed_reply(call, "z", 1);
    return 0;
}

/* The messages that ask for more than an echo. */
static int obey(struct state *state, unsigned *messages, struct framed_call *call, const char *text)
{
    char answer[128];

    if (strcmp(text, "none") == 0)
        return 0;
    if (strcmp(text, "many") == 0)
        return reply_text(call, "one") | reply_text(call, "two") | reply_text(call, "three");
    if (strncmp(text, "stream ", 7) == 0)
        return stream(call, text);
    if (strcmp(text, "deadline") == 0)
        return reply_number(call, framed_deadline(call));
    if (strcmp(text, "write") == 0)
        return framed_reply_write(call, "x", 1);
    if (strcmp(text, "end") == 0)
        return framed_reply_end(call);
    if (strcmp(text, "insist") == 0)
        return insist(call);
    if (strcmp(text, "leave") == 0) {
        framed_hangup(call);
        return 0;
    }
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
    else if (strcmp(text, "restored") == 0)
        snprintf(answer, sizeof(answer), "%u and %u", *messages, state->restored);
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

#ifdef FIXTURE_SAVES
static int save(void *state, void *connection, void *data, size_t size)
{
    (void)state;
    (void)size;
    /* After seven messages it will not go, and after nine it gives more than there is room for. */
    if (*(unsigned *)connection == 7)
        return -EBUSY;
    if (*(unsigned *)connection == 9)
        return FRAMED_SAVED_MAX + 1;
    memcpy(data, connection, sizeof(unsigned));
    return sizeof(unsigned);
}

/* Left out by FIXTURE_NO_RESTORE. */
__attribute__((unused)) static int restore(void *state, const struct framed_peer *peer,
                                           const void *data, size_t length, void **connection)
{
    struct state *mine = state;

    (void)peer;
    if (length != sizeof(unsigned))
        return -EINVAL;
    *connection = malloc(length);
    if (!*connection)
        return -ENOMEM;
    memcpy(*connection, data, length);
    mine->restored++;
    return 0;
}
#endif

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
#ifdef FIXTURE_SAVES
    .save = save,
#ifndef FIXTURE_NO_RESTORE
    .restore = restore,
#endif
#endif
    .fini = fini,
};

#endif
