/*
 * What the limits have in common: some processes, all of them in accept(2) on one socket, each with
 * one connection at a time.
 *
 *     PROGRAM [-u] PROCESSES     prints the address, and serves until it is killed; -u: a Unix
 * socket
 */
#ifndef FRAMED_BENCH_POOL_H
#define FRAMED_BENCH_POOL_H

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket that listens at an address that the kernel chooses; prints it. */
static inline int pool_listen(bool local)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_un un;
    } address = {.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(address.in);
    int listener;

    if (local) {
        address.un = (struct sockaddr_un){.sun_family = AF_UNIX};
        length = sizeof(address.un.sun_family);
    }
    listener = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, &address.any, length) < 0 || listen(listener, 1024) < 0)
        err(1, "listener");
    length = sizeof(address);
    if (getsockname(listener, &address.any, &length) < 0)
        err(1, "getsockname");
    if (local)
        printf("unix:@%.*s\n", (int)(length - offsetof(struct sockaddr_un, sun_path) - 1),
               address.un.sun_path + 1);
    else
        printf("tcp:127.0.0.1:%u\n", ntohs(address.in.sin_port));
    fflush(stdout);
    return listener;
}

static inline int pool_accept(int listener)
{
    const int on = 1;
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        err(1, "accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* on a Unix socket it fails */
    return fd;
}

static inline bool pool_send(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

        if (sent < 0)
            return false;
        data += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Serves each connection with SERVE; does not return. */
static inline int pool_run(int argc, char **argv, void (*serve)(int fd))
{
    bool local = argc == 3 && strcmp(argv[1], "-u") == 0;
    long processes = argc == 2 + local ? strtol(argv[1 + local], NULL, 10) : 0;
    int listener;

    if (processes <= 0)
        errx(2, "usage: %s [-u] PROCESSES", argv[0]);
    listener = pool_listen(local);
    for (long i = 1; i < processes; i++) {
        pid_t child = fork();

        if (child < 0)
            err(1, "fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            break;
        }
    }
    for (;;) {
        int fd = pool_accept(listener);

        serve(fd);
        close(fd);
    }
}

#endif
