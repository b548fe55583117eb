/* Clients of no manners: each connects, does one thing that is not done, and goes. */
#include "faults/chaos/chaos.h"

#include "support/until.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CROWD 1000
#define CROWD_AT_ONCE 50
#define GREED_BYTES ((size_t)8 << 20)

struct rude {
    struct ledger *ledger;
    struct random *random;
    unsigned service;
    int fd;
};

static void send_some(const struct rude *rude, const void *data, size_t length)
{
    (void)!send(rude->fd, data, length, MSG_NOSIGNAL);
}

/* As much as may be taken for messages: FRAMED counts what comes to its end. */
static void count_messages(const struct rude *rude, unsigned long most)
{
    rude->ledger->rude[rude->service].messages += most;
}

/* One message in its framing: its length. */
static size_t frame(const struct rude *rude, uint8_t out[64])
{
    static const uint8_t framed[] = "\0\0\0\5hello";
    static const uint8_t line[] = "hello\n";

    if (services[rude->service].lines) {
        memcpy(out, line, sizeof(line) - 1);
        return sizeof(line) - 1;
    }
    memcpy(out, framed, sizeof(framed) - 1);
    return sizeof(framed) - 1;
}

/* Somebody who is served must come to an end, one way or another. */
static void see_out(const struct rude *rude)
{
    uint64_t began = now_ms();
    uint8_t scrap[4096];
    ssize_t got;

    do {
        got = recv(rude->fd, scrap, sizeof(scrap), 0);
    } while (got > 0);
    if (got < 0 && (errno == EAGAIN || now_ms() - began > PATIENCE_MS) &&
        !rude->ledger->rude_troubled) {
        snprintf(rude->ledger->rude_trouble, sizeof(rude->ledger->rude_trouble),
                 "a rude client of %s is not shown the door", services[rude->service].name);
        rude->ledger->rude_troubled = true;
    }
}

static void go(const struct rude *rude)
{
    (void)rude;
}

static void dribble(const struct rude *rude)
{
    uint8_t message[64];
    size_t length = frame(rude, message);

    count_messages(rude, 1);
    for (size_t i = 0; i < length; i++) {
        send_some(rude, message + i, 1);
        nap(random_below(rude->random, 10));
    }
    shutdown(rude->fd, SHUT_WR);
    see_out(rude);
}

static void half_and_reset(const struct rude *rude)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uint8_t message[64];
    size_t length = frame(rude, message);

    send_some(rude, message, random_between(rude->random, 1, (unsigned)length - 1));
    nap(random_below(rude->random, 20));
    setsockopt(rude->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

static void half_and_end(const struct rude *rude)
{
    uint8_t message[64];

    count_messages(rude, 1);
    send_some(rude, message, frame(rude, message) - 1);
    shutdown(rude->fd, SHUT_WR);
    see_out(rude);
}

static void ask_and_reset(const struct rude *rude)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    uint8_t message[64];

    count_messages(rude, 1);
    send_some(rude, message, frame(rude, message));
    nap(random_below(rude->random, 3));
    setsockopt(rude->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Nothing that is an order of the test handlers: that begins with `!`. */
static void talk_nonsense(const struct rude *rude)
{
    uint8_t noise[2000];
    unsigned long lines = 1;

    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (uint8_t)random_next(rude->random);
        if (noise[i] == '!')
            noise[i] = '?';
        lines += noise[i] == '\n';
    }
    noise[0] = 0xff; /* a length beyond all bounds */
    count_messages(rude, services[rude->service].lines ? lines : 0);
    send_some(rude, noise, sizeof(noise));
    shutdown(rude->fd, SHUT_WR);
    see_out(rude);
}

/* Asks and asks, and takes no reply: until nothing more is taken of it. */
static void never_read(const struct rude *rude)
{
    const struct timeval patience = {.tv_usec = 500000};
    uint8_t message[64];
    size_t length = frame(rude, message);
    uint8_t many[64 * 256];
    size_t count = sizeof(many) / length;

    for (size_t i = 0; i < count; i++)
        memcpy(many + i * length, message, length);
    setsockopt(rude->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    for (size_t sent = 0; sent < GREED_BYTES; sent += count * length) {
        count_messages(rude, count);
        if (send(rude->fd, many, count * length, MSG_NOSIGNAL) < (ssize_t)(count * length))
            break;
    }
    /* With the write deadline the connection breaks: that is all it waits for. */
    nap(2500);
}

static void say_nothing(const struct rude *rude)
{
    nap(random_below(rude->random, 1000));
}

static bool enter(struct rude *rude)
{
    char peer[64];

    rude->fd = client_connect(rude->service, peer, sizeof(peer));
    if (rude->fd >= 0)
        rude->ledger->rude[rude->service].connections++;
    return rude->fd >= 0;
}

void rude_run(struct ledger *ledger, struct random *random)
{
    static void (*const manners[])(const struct rude *rude) = {
        go,         dribble,       half_and_reset, half_and_end, ask_and_reset,
        never_read, talk_nonsense, say_nothing};
    struct rude rude = {.ledger = ledger, .random = random};
    unsigned which = random_below(random, sizeof(manners) / sizeof(manners[0]));

    rude.service = random_below(random, SERVICES);
    if (enter(&rude)) {
        manners[which](&rude);
        close(rude.fd);
    }
}

/* A thousand who connect and go, some of them together. */
void rude_crowd(struct ledger *ledger, struct random *random)
{
    struct rude rude = {.ledger = ledger, .random = random};
    int fds[CROWD_AT_ONCE];

    rude.service = random_below(random, SERVICES);
    for (unsigned i = 0; i < CROWD; i += CROWD_AT_ONCE) {
        unsigned count = 0;

        while (count < CROWD_AT_ONCE && enter(&rude))
            fds[count++] = rude.fd;
        while (count > 0)
            close(fds[--count]);
    }
}
