/* A module that answers each message with itself, and does what no module should when the message
 * is one of the orders below. In a service of the name "drowsy" it takes its time to start, and
 * fails when that is disturbed; in "lobby", "parting" and "last" its open, close and fini never
 * return. */
#include <framed/module.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* More than a Unix socket takes at once, so that each waits for the client. */
#define PARTS 10
#define PART_SIZE ((size_t)256 * 1024)
#define DROWSY_MS 500
#define NAP_MS 300
/* Its cgroup allows less. */
#define EATEN_MAX ((size_t)2048 * 1024 * 1024)
#define BITE ((size_t)1024 * 1024)

static const char *name;

static int start(const struct framed_service *service, void **state, char *error, size_t size)
{
    (void)state;
    name = service->name;
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

static int do_spin(struct framed_call *call)
{
    (void)call;
    for (volatile unsigned turn = 0;; turn++)
        ;
    return 0;
}

/* Reads where nothing comes, and lets nothing disturb it. */
static int do_read(struct framed_call *call)
{
    int ends[2];
    char byte;

    (void)call;
    if (pipe(ends) < 0)
        return -errno;
    while (read(ends[0], &byte, 1) < 0)
        ;
    return 0;
}

/* As do_read(), but with manners. */
static int do_wait(struct framed_call *call)
{
    (void)call;
    pause();
    return -errno;
}

static int do_nap(struct framed_call *call)
{
    const char *text = poll(NULL, 0, NAP_MS) == 0 ? "rested" : "disturbed";

    return framed_reply(call, text, strlen(text));
}

/* All the memory there is. */
static int do_eat(struct framed_call *call)
{
    for (size_t eaten = 0; eaten < EATEN_MAX; eaten += BITE) {
        char *bite = mmap(NULL, BITE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (bite == MAP_FAILED)
            break;
        memset(bite, 1, BITE);
    }
    return framed_reply(call, "sated", strlen("sated"));
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
    {"!spin", do_spin},   {"!read", do_read},   {"!wait", do_wait},
    {"!nap", do_nap},     {"!eat", do_eat},
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

static void stay_in(const char *service)
{
    if (strcmp(name, service) == 0)
        do_never(NULL);
}

static int open_connection(void *state, const struct framed_peer *peer, void **connection)
{
    (void)state;
    (void)peer;
    (void)connection;
    stay_in("lobby");
    return 0;
}

static void close_connection(void *state, void *connection)
{
    (void)state;
    (void)connection;
    stay_in("parting");
}

static void finish(void *state)
{
    (void)state;
    stay_in("last");
}

FRAMED_MODULE(.name = "stuck", .init = start, .open = open_connection, .message = answer,
              .close = close_connection, .fini = finish);
