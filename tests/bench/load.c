/*
 * A load of messages with a 4-byte length, or of lines, in a closed loop: a process a connection
 * keeps DEPTH messages of SIZE bytes under way, and verifies each reply to be the message that was
 * sent.
 *
 *     load ADDRESS CONNECTIONS DEPTH SIZE SECONDS [line]      prints messages a second
 *     load ADDRESS CONNECTIONS connect SIZE SECONDS [line]    a new connection for each message
 */
#include <framed/address.h>
#include <framed/byteorder.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)
#define NUMBER_SIZE 8

static volatile sig_atomic_t over;

struct client {
    int fd;
    size_t frame; /* bytes of a message with its length, or its line feed */
    size_t head;  /* those of its length */
    size_t depth;
    uint8_t *out; /* room for DEPTH frames; bytes out_start..out_end wait to be sent */
    size_t out_start;
    size_t out_end;
    uint8_t *in; /* bytes 0..in_end have been received */
    size_t in_end;
    size_t in_size;
    uint64_t sent; /* messages */
    uint64_t answered;
};

static void stop(int signal_number)
{
    (void)signal_number;
    over = 1;
}

static void client_init(struct client *client, size_t depth, size_t size, bool lines)
{
    *client = (struct client){.fd = -1, .depth = depth};
    client->head = lines ? 0 : 4;
    client->frame = client->head + size + (lines ? 1 : 0);
    client->in_size = client->frame + READ_SIZE;
    client->out = malloc(depth * client->frame);
    client->in = malloc(client->in_size);
    if (!client->out || !client->in)
        errx(1, "no memory");
    for (size_t i = 0; i < depth * client->frame; i++)
        client->out[i] = (uint8_t)('a' + i % client->frame % 26);
    for (size_t i = 0; i < depth; i++) {
        if (lines)
            client->out[(i + 1) * client->frame - 1] = '\n';
        else
            framed_put_u32be(client->out + i * client->frame, (uint32_t)size);
    }
}

static void client_connect(struct client *client, const struct framed_address *address)
{
    char error[256];
    client->fd = framed_connect(address, 5000, error, sizeof(error));
    if (client->fd < 0)
        errx(1, "%s", error);
}

/* Frame number N stands at place N % depth, and carries N in its first bytes, as letters: a reply
 * that belongs to another message is found. */
static uint8_t *frame_of(const struct client *client, uint64_t number)
{
    return client->out + number % client->depth * client->frame;
}

static void client_number(const struct client *client, uint64_t number)
{
    uint8_t *letters = frame_of(client, number) + client->head;

    for (int i = 0; i < NUMBER_SIZE; i++, number >>= 4)
        letters[i] = (uint8_t)('A' + (number & 15));
}

static void client_queue(struct client *client)
{
    if (client->out_start == client->out_end && client->sent % client->depth == 0)
        client->out_start = client->out_end = 0;
    while (client->sent - client->answered < client->depth &&
           client->out_end < client->depth * client->frame) {
        if (client->frame > client->head + NUMBER_SIZE)
            client_number(client, client->sent);
        client->out_end += client->frame;
        client->sent++;
    }
}

static void client_send(struct client *client)
{
    size_t length = client->out_end - client->out_start;
    ssize_t sent =
        send(client->fd, client->out + client->out_start, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        client->out_start += (size_t)sent;
    else if (errno != EAGAIN)
        err(1, "send");
}

static void client_verify(struct client *client)
{
    size_t at = 0;
    for (; client->in_end - at >= client->frame; at += client->frame) {
        if (memcmp(client->in + at, frame_of(client, client->answered), client->frame) != 0)
            errx(1, "reply %lu is wrong", (unsigned long)client->answered);
        client->answered++;
    }
    client->in_end -= at;
    memmove(client->in, client->in + at, client->in_end);
}

static void client_receive(struct client *client)
{
    bool sending = client->out_start < client->out_end;
    ssize_t received = recv(client->fd, client->in + client->in_end,
                            client->in_size - client->in_end, sending ? MSG_DONTWAIT : 0);
    if (received > 0) {
        client->in_end += (size_t)received;
        client_verify(client);
    } else if (received == 0) {
        errx(1, "the server has closed the connection");
    } else if (errno == EAGAIN) {
        poll(&(struct pollfd){.fd = client->fd, .events = POLLIN | POLLOUT}, 1, -1);
    } else if (errno != EINTR) {
        err(1, "recv");
    }
}

/* Until UNTIL messages have been answered; or, where that is UINT64_MAX, the time is over. */
static void client_run(struct client *client, uint64_t until)
{
    while (client->answered < until && !(over && until == UINT64_MAX)) {
        client_queue(client);
        if (client->out_start < client->out_end)
            client_send(client);
        client_receive(client);
    }
}

static uint64_t run(struct client *client, const struct framed_address *address, bool connects)
{
    do {
        client_connect(client, address);
        client_run(client, connects ? client->answered + 1 : UINT64_MAX);
        close(client->fd);
    } while (!over);
    return client->answered;
}

int main(int argc, char **argv)
{
    bool lines = argc == 7 && strcmp(argv[6], "line") == 0;
    if (argc != 6 && !lines)
        errx(2, "usage: load ADDRESS CONNECTIONS DEPTH|connect SIZE SECONDS [line]");
    struct framed_address address;
    char error[256];
    if (framed_address_parse(argv[1], &address, error, sizeof(error)) < 0)
        errx(2, "%s", error);
    bool connects = strcmp(argv[3], "connect") == 0;
    size_t connections = strtoul(argv[2], NULL, 10), size = strtoul(argv[4], NULL, 10);
    size_t depth = connects ? 1 : strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[5], NULL);

    uint64_t *answered = mmap(NULL, connections * sizeof(*answered), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (connections == 0 || depth == 0 || seconds <= 0 || answered == MAP_FAILED)
        errx(2, "CONNECTIONS, DEPTH and SECONDS must be above 0");
    long us = (long)(seconds * 1e6);
    struct itimerval timer = {.it_value = {.tv_sec = us / 1000000, .tv_usec = us % 1000000}};
    for (size_t i = 0; i < connections; i++) {
        if (fork() == 0) {
            sigaction(SIGALRM, &(struct sigaction){.sa_handler = stop}, NULL);
            setitimer(ITIMER_REAL, &timer, NULL);
            struct client client;
            client_init(&client, depth, size, lines);
            answered[i] = run(&client, &address, connects);
            _exit(0);
        }
    }
    uint64_t total = 0;
    int status;
    for (size_t i = 0; i < connections; i++)
        if (wait(&status) < 0 || status != 0)
            errx(1, "a connection failed");
    for (size_t i = 0; i < connections; i++)
        total += answered[i];
    if (total == 0)
        errx(1, "no reply within %s s", argv[5]);
    printf("%.0f\n", (double)total / seconds);
}
