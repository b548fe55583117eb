/* A module that has settings, and that can be told to be unwell. */
#include <framed/module.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct framed_key keys[] = {
    {"greeting", "hello", "what each message is told"},
    {"place", NULL, "where; may be left out"},
    {"sick", "no", "the probe says so"},
    {NULL, NULL, NULL},
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

static int message(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length)
{
    const struct framed_service *service = state;
    const char *place = framed_setting(service, "place");
    char text[256];
    int used;

    (void)connection;
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

FRAMED_MODULE(.name = "keyed", .keys = keys, .init = init, .probe = probe, .message = message,
              .fini = fini);
