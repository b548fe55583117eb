/*
 * What comes goes back, whatever it is: the limit for large messages, and, with a connection for
 * each message, bare accept(2).
 */
#include "pool.h"

static uint8_t buffer[256 * 1024];

static void serve(int fd)
{
    ssize_t received;

    while ((received = recv(fd, buffer, sizeof(buffer), 0)) > 0)
        if (!pool_send(fd, buffer, (size_t)received))
            return;
}

int main(int argc, char **argv)
{
    return pool_run(argc, argv, serve);
}
