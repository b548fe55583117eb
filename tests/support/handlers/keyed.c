/* A module that has settings, and that can be told to be unwell. */
#include <framed/module.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifndef KEYED_TIMES
#define KEYED_TIMES "3"
#endif

static const struct framed_key keys[] = {
    {.name = "greeting", .initial = "hello", .text = "what each message is told"},
    {.name = "place", .text = "where; may be left out"},
    {.name = "sick", .initial = "no"},
    {.name = "times", .initial = KEYED_TIMES, .type = FRAMED_NUMBER, .least = 1, .most = 9},
    {.name = "room", .initial = "1KiB", .type = FRAMED_SIZE, .least = 1},
    {.name = "wait", .type = FRAMED_TIME},
    {.name = "loud", .initial = "no", .type = FRAMED_YES_NO},
    {.name = NULL},
};

#ifdef KEYED_UNDEFINED
int defined_nowhere(void);
#endif

static int init(const struct framed_service *service, void **state, char *error, size_t size)
{
    (void)error;
    (void)size;
#ifdef KEYED_UNDEFINED
    defined_nowhere();
#endif
    memcpy(state, &service, sizeof(service)); /* nothing writes there */
    return 0;
}

/* Silent: it says nothing, and its errno has to do. */
static int probe(void *state, char *error, size_t size)
{
    const struct framed_service *service = state;
    const char *sick = framed_setting(service, "sick");

    framed_log(service, FRAMED_LOG_INFO, "probed");
    if (strcmp(sick, "no") == 0)
        return 0;
    if (strcmp(sick, "silent") != 0)
        snprintf(error, size, "sick of %s", sick);
    return -EBUSY;
}

static int reply_numbers(const struct framed_service *service, struct framed_call *call)
{
    static const char *const names[] = {"times", "room", "wait", "loud", "unheard"};
    char text[256];
    size_t used = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%llu", i > 0 ? " " : "",
                                 (unsigned long long)framed_setting_number(service, names[i]));
    return framed_reply(call, text, used);
}

static int message(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length)
{
    const struct framed_service *service = state;
    const char *place = framed_setting(service, "place");
    char text[256];
    int used;

    (void)connection;
    if (length == strlen("numbers") && memcmp(data, "numbers", length) == 0)
        return reply_numbers(service, call);
    used = snprintf(text, sizeof(text), "%s %.*s of %s, %zu given%s",
                    framed_setting(service, "greeting"), (int)length, (const char *)data,
                    place ? place : "nowhere", service->setting_count,
                    framed_setting(service, "unheard") ? "!" : "");
    return framed_reply(call, text, (size_t)used);
}

static void fini(void *state)
{
    framed_log(state, FRAMED_LOG_INFO, "ended");
}

FRAMED_MODULE(.name = "keyed", .version = "0.9", .keys = keys, .init = init, .probe = probe,
              .message = message, .fini = fini);
