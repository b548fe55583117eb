/*
 * A client that knows what it is owed. All services echo, and reply in the framing of the request:
 * what comes back must be, byte for byte, what was sent, and no two messages are alike.
 */
#include "faults/chaos/chaos.h"

#include "support/until.h"

#include <framed/address.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BATCH_SIZE ((size_t)1 << 20)

struct client {
    struct ledger *ledger;
    struct account *account;
    unsigned number;
    unsigned service;
    struct random random;
    unsigned long message;
    int fd;
    char peer[64];
    unsigned long answered; /* on this connection */
    /* The requests that are under way, framed, and how far they have got. */
    uint8_t *batch;
    size_t length;
    size_t sent;
    size_t received;
    size_t ends[OUTSTANDING_MAX];
    unsigned count;
};

static void trouble(struct client *client, const char *what)
{
    struct account *account = client->account;

    if (account->troubled)
        return;
    snprintf(account->trouble, sizeof(account->trouble),
             "client %u of %s, %s, after %lu replies: %s (%zu sent, %zu received of %zu)",
             client->number, services[client->service].name, client->peer, client->answered, what,
             client->sent, client->received, client->length);
    account->troubled = true;
}

/* Unix sockets get a name, so that the log can name them. */
static int name_socket(int fd, char *peer, size_t size)
{
    static unsigned long count;
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "chaos-%d-%lu",
                          (int)getpid(), count++);

    snprintf(peer, size, "unix:@%s", name.sun_path + 1);
    return bind(fd, (const struct sockaddr *)&name,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length));
}

int client_connect(unsigned service, char *peer, size_t size)
{
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    struct framed_address address;
    struct framed_endpoint endpoint;
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof(name);
    char error[200];
    int result = 0;
    int fd;

    if (framed_address_parse(addresses[service], &address, error, sizeof(error)) < 0 ||
        framed_address_resolve(&address, false, &endpoint, 1, error, sizeof(error)) < 1)
        return -EINVAL;
    fd = socket(endpoint.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if ((endpoint.address.ss_family == AF_UNIX && name_socket(fd, peer, size) < 0) ||
        connect(fd, (const struct sockaddr *)&endpoint.address, endpoint.length) < 0) {
        result = -errno;
        close(fd);
        return result;
    }
    if (endpoint.address.ss_family != AF_UNIX) {
        getsockname(fd, (struct sockaddr *)&name, &length);
        framed_address_format((const struct sockaddr *)&name, length, peer, size);
    }
    return fd;
}

static size_t draw_size(struct random *random)
{
    unsigned kind = random_below(random, 100);

    return kind < 80 ? random_between(random, 0, 200)
                     : random_between(random, 0, kind < 98 ? 8000 : 200000);
}

/* A head that no other message has, then letters. */
static void add_message(struct client *client)
{
    uint8_t *at = client->batch + client->length;
    size_t head = services[client->service].lines ? 0 : 4;
    char name[64];
    size_t length =
        (size_t)snprintf(name, sizeof(name), "%u.%lu.", client->number, client->message++);
    size_t more = draw_size(&client->random);
    uint32_t total = htonl((uint32_t)(length + more));

    memcpy(at, &total, head);
    memcpy(at + head, name, length);
    at += head + length;
    for (size_t i = 0; i < more; i++)
        at[i] = (uint8_t)('a' + random_below(&client->random, 26));
    client->length += head + length + more;
    if (head == 0)
        client->batch[client->length++] = '\n';
    client->ends[client->count++] = client->length;
}

static void make_batch(struct client *client, unsigned count)
{
    client->length = client->sent = client->received = 0;
    client->count = 0;
    while (count-- > 0 && client->length < BATCH_SIZE / 2)
        add_message(client);
    client->account->sent += client->count;
}

static void push(struct client *client)
{
    ssize_t sent = send(client->fd, client->batch + client->sent, client->length - client->sent,
                        MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        client->sent += (size_t)sent;
    else if (errno != EAGAIN && errno != EINTR)
        client->sent = client->length; /* it takes no more: what it has to say, reading tells */
}

enum news {
    GOING_ON,
    OVER, /* the stream has ended */
    BROKEN,
    WRONG
};

static enum news pull(struct client *client)
{
    uint8_t reply[65536];
    ssize_t got = recv(client->fd, reply, sizeof(reply), MSG_DONTWAIT);
    char what[128];

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? GOING_ON : BROKEN;
    if (got == 0)
        return OVER;
    if ((size_t)got <= client->length - client->received &&
        memcmp(reply, client->batch + client->received, (size_t)got) == 0) {
        client->received += (size_t)got;
        return GOING_ON;
    }
    snprintf(what, sizeof(what), "a wrong reply, or one too many: \"%.*s\"",
             (int)(got > 4 ? got : 0) < 60 ? (int)got : 60, (const char *)reply);
    trouble(client, what);
    return WRONG;
}

/* Until all replies are here, or something else comes: 0, or a way that it went wrong. */
static enum news exchange(struct client *client)
{
    uint64_t until = now_ms() + PATIENCE_MS;
    enum news news = GOING_ON;

    while (client->received < client->length && news == GOING_ON) {
        struct pollfd fd = {.fd = client->fd, .events = POLLIN};
        uint64_t now = now_ms();

        if (client->sent < client->length)
            fd.events |= POLLOUT;
        if (now >= until) {
            trouble(client, "hangs");
            return WRONG;
        }
        if (poll(&fd, 1, (int)(until - now)) <= 0)
            continue;
        if (fd.revents & POLLOUT)
            push(client);
        if (fd.revents & (POLLIN | POLLHUP | POLLERR))
            news = pull(client);
    }
    return news;
}

/* The batch is over, or the connection is: notes what has become of each request. */
static void settle(struct client *client, enum news news)
{
    struct account *account = client->account;
    unsigned whole = 0;
    size_t end = 0;

    while (whole < client->count && client->ends[whole] <= client->received)
        end = client->ends[whole++];
    client->answered += whole;
    account->answered += whole;
    if (news == GOING_ON || news == WRONG || whole == client->count)
        return;
    if (account->ending_count == ENDINGS_MAX) {
        trouble(client, "more ended than is to be believed");
        return;
    }
    account->endings[account->ending_count] = (struct ending){
        .how = end != client->received ? CUT
               : news == OVER          ? ENDED
                                       : RESET,
        .owed = client->count - whole,
        .answered = client->answered,
    };
    memcpy(account->endings[account->ending_count].peer, client->peer, sizeof(client->peer));
    account->ending_count++;
}

/* Nothing comes unasked; false: the connection is over. */
static bool is_quiet(struct client *client)
{
    client->length = client->received = 0;
    return pull(client) == GOING_ON;
}

/* One of the ways to part: at once, or the server closes first. */
static void part(struct client *client)
{
    if (random_percent(&client->random, 50) && shutdown(client->fd, SHUT_WR) == 0) {
        uint64_t until = now_ms() + PATIENCE_MS;
        struct pollfd fd = {.fd = client->fd, .events = POLLIN};

        while (is_quiet(client)) {
            if (now_ms() >= until) {
                trouble(client, "is not closed");
                break;
            }
            poll(&fd, 1, 100);
        }
    }
}

static void talk(struct client *client)
{
    bool short_talk = random_percent(&client->random, 40);
    unsigned batches = short_talk ? 1 : random_between(&client->random, 1, 30);
    unsigned window =
        random_percent(&client->random, 60) ? 1 : random_between(&client->random, 2, 8);
    enum news news = GOING_ON;

    client->answered = 0;
    while (batches-- > 0 && news == GOING_ON && !client->ledger->stop) {
        uint64_t began = now_ms();

        if (client->answered > 0 && !is_quiet(client))
            return;
        make_batch(client, random_between(&client->random, 1, window));
        news = exchange(client);
        settle(client, news);
        if (now_ms() - began > client->account->longest_ms)
            client->account->longest_ms = now_ms() - began;
        nap(random_below(&client->random, 6));
    }
    if (news == GOING_ON)
        part(client);
}

void client_run(struct ledger *ledger, unsigned number, uint64_t seed)
{
    struct client client = {.ledger = ledger,
                            .account = &ledger->accounts[number],
                            .number = number,
                            .service = number % SERVICES,
                            .random = random_of(seed, 1 + number),
                            .batch = malloc(BATCH_SIZE)};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (client.batch && !ledger->stop && !client.account->troubled) {
        client.fd = client_connect(client.service, client.peer, sizeof(client.peer));
        if (client.fd < 0) {
            client.account->refused++;
            if (!ledger->may_refuse)
                trouble(&client, strerror(-client.fd));
            nap(5);
            continue;
        }
        client.account->connections++;
        talk(&client);
        close(client.fd);
    }
    free(client.batch);
    _exit(EXIT_SUCCESS);
}
