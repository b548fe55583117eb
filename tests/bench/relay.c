/*
 * The limit for a handler that is a program: what a relay written by hand does with two pipes and
 * nothing else. No deadlines, no limits, nothing that a handler could do wrong; one client after
 * the other, one message at a time, both with 4-byte lengths.
 *
 *     relay PROGRAM     prints the address, and serves until it is killed
 */
#include <framed/byteorder.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE ((size_t)2 << 20)

struct stream {
    int from;
    int to;
    size_t have;
    uint8_t bytes[SIZE];
};

static struct stream requests, replies;

static bool write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        if (written < 0)
            return false;
        data += written;
        length -= (size_t)written;
    }
    return true;
}

/* Moves one message on. Large ones whole: the program reads all before it writes. */
static bool pass(struct stream *stream)
{
    size_t size = 4;
    while (stream->have < size) {
        ssize_t got = read(stream->from, stream->bytes + stream->have, SIZE - stream->have);
        if (got <= 0)
            return false;
        stream->have += (size_t)got;
        if (stream->have >= 4)
            size = 4 + (size_t)framed_get_u32be(stream->bytes);
    }
    if (size > SIZE || !write_all(stream->to, stream->bytes, size))
        return false;
    stream->have -= size;
    memmove(stream->bytes, stream->bytes + size, stream->have);
    return true;
}

static void start(char **program)
{
    int in[2], out[2];
    if (pipe(in) < 0 || pipe(out) < 0)
        err(1, "pipe");
    pid_t child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        execv(program[0], program);
        err(1, "%s", program[0]);
    }
    close(in[0]);
    close(out[1]);
    requests.to = in[1];
    replies.from = out[0];
}

static void serve(int listener)
{
    const int on = 1;
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        err(1, "accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    requests.from = replies.to = fd;
    requests.have = 0;
    while (pass(&requests) && pass(&replies))
        ;
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        errx(2, "usage: relay PROGRAM");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        err(1, "listener");
    signal(SIGPIPE, SIG_IGN);
    start(argv + 1);
    printf("tcp:127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;)
        serve(listener);
}
