/* A module that answers each message with itself, and does what no module should when the message
 * is one of the orders below. In a service of the name "drowsy" it takes its time to start, and
 * fails when that is disturbed. */
#include <framed/module.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More than a Unix socket takes at once, so that each waits for the client. */
#define PARTS 10
#define PART_SIZE ((size_t)256 * 1024)
#define DROWSY_MS 500

static int start(const struct framed_service *service, void **state, char *error, size_t size)
{
    (void)state;
    if (strcmp(service->name, "drowsy") != 0 || poll(NULL, 0, DROWSY_MS) == 0)
        return 0;
    snprintf(error, size, "disturbed");
    return -EINTR;
}

static int do_never(struct framed_call *call)
{
    (void)call;
    while (pause() < 0)
        ;
    return 0;
}

static int do_error(struct framed_call *call)
{
    (void)call;
    return -EIO;
}

static int do_exit(struct framed_call *call)
{
    (void)call;
    _exit(0);
}

/* Replies when a signal has come. */
static int do_pause(struct framed_call *call)
{
    pause();
    return framed_reply(call, "paused", strlen("paused"));
}

static int do_pause_and_hang_up(struct framed_call *call)
{
    framed_hangup(call);
    return do_pause(call);
}

static int do_parts(struct framed_call *call)
{
    static char part[PART_SIZE];
    int result = 0;

    memset(part, 'x', sizeof(part));
    for (int i = 0; i < PARTS && result == 0; i++)
        result = framed_reply(call, part, sizeof(part));
    return result;
}

static const struct {
    const char *word;
    int (*act)(struct framed_call *call);
} orders[] = {
    {"!never", do_never}, {"!error", do_error}, {"!exit", do_exit},
    {"!pause", do_pause}, {"!parts", do_parts}, {"!pause, hang up", do_pause_and_hang_up},
};

static int answer(void *state, void *connection, struct framed_call *call, const void *data,
                  size_t length)
{
    (void)state;
    (void)connection;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (length == strlen(orders[i].word) && memcmp(data, orders[i].word, length) == 0)
            return orders[i].act(call);
    return framed_reply(call, data, length);
}

FRAMED_MODULE(.name = "stuck", .init = start, .message = answer);
