/*
 * The limit: what a blocking echo server written by hand for 4-byte lengths does, with nothing else
 * in the way. A process a connection, all of them in accept(2); one recv for as many messages as
 * have arrived, one send for all their replies.
 *
 *     limit PROCESSES     prints the address, and serves until it is killed
 */
#include <framed/byteorder.h>

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)
#define MOST ((size_t)16 * 1024 * 1024)

static uint8_t buffer[MOST];

/* The bytes of DATA (LENGTH of them) that are whole frames; *NEED: what the next frame takes. */
static size_t whole_frames(const uint8_t *data, size_t length, size_t *need)
{
    size_t at = 0;
    *need = 4;
    while (length - at >= 4) {
        *need = 4 + (size_t)framed_get_u32be(data + at);
        if (length - at < *need)
            break;
        at += *need;
        *need = 4;
    }
    return at;
}

static int send_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
        if (sent < 0)
            return -1;
        data += sent;
        length -= (size_t)sent;
    }
    return 0;
}

static void serve(int fd)
{
    size_t have = 0, need = 4;
    while (need <= MOST) {
        size_t room = need > READ_SIZE ? need - have : READ_SIZE - have;
        ssize_t received = recv(fd, buffer + have, room, 0);
        if (received <= 0)
            return;
        have += (size_t)received;
        size_t whole = whole_frames(buffer, have, &need);
        if (send_all(fd, buffer, whole) < 0)
            return;
        have -= whole;
        memmove(buffer, buffer + whole, have);
    }
}

static void accept_all(int listener)
{
    const int on = 1;
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            err(1, "accept");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        serve(fd);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    long processes = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (processes <= 0)
        errx(2, "usage: limit PROCESSES");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        err(1, "listener");
    for (long i = 1; i < processes; i++) {
        pid_t child = fork();
        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            accept_all(listener);
        }
    }
    printf("tcp:127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    accept_all(listener);
}
