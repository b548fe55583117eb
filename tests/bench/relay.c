/*
 * The limit for a handler that is a program: what a relay written by hand does with two pipes and
 * nothing else. No deadlines, no limits, nothing that a handler could do wrong; one client after
 * the other, one message at a time, both with 4-byte lengths.
 *
 *     relay [-u] [-s] PROGRAM     prints the address, and serves until it is killed
 *
 * -u: a Unix socket for the clients; -s: a socketpair for the program.
 */
#include "pool.h"

#include <framed/byteorder.h>

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

static void start(char **program, bool pair)
{
    int in[2], out[2];
    pid_t child;

    if (pair ? socketpair(AF_UNIX, SOCK_STREAM, 0, in) < 0 : pipe(in) < 0 || pipe(out) < 0)
        err(1, "pipes");
    child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in[0], STDIN_FILENO);
        dup2(pair ? in[0] : out[1], STDOUT_FILENO);
        execv(program[0], program);
        err(1, "%s", program[0]);
    }
    close(in[0]);
    if (!pair)
        close(out[1]);
    requests.to = in[1];
    replies.from = pair ? in[1] : out[0];
}

int main(int argc, char **argv)
{
    bool local = false, pair = false;
    int listener;

    for (int option; (option = getopt(argc, argv, "+us")) != -1;) {
        local |= option == 'u';
        pair |= option == 's';
    }
    if (optind >= argc)
        errx(2, "usage: relay [-u] [-s] PROGRAM");
    signal(SIGPIPE, SIG_IGN);
    start(argv + optind, pair);
    listener = pool_listen(local);
    for (;;) {
        requests.from = replies.to = pool_accept(listener);
        requests.have = 0;
        while (pass(&requests) && pass(&replies))
            ;
        close(requests.from);
    }
}
