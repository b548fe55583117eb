/*
 * What most people write first for 4-byte lengths: a recv for the length and one for the message, a
 * send for the length and one for the reply.
 */
#include "pool.h"

#include <framed/byteorder.h>

#define MOST ((size_t)16 * 1024 * 1024)

static uint8_t buffer[MOST];

static bool receive(int fd, uint8_t *data, size_t length)
{
    return length == 0 || recv(fd, data, length, MSG_WAITALL) == (ssize_t)length;
}

static void serve(int fd)
{
    uint8_t head[4];

    while (receive(fd, head, sizeof(head))) {
        size_t length = framed_get_u32be(head);

        if (length > MOST || !receive(fd, buffer, length) || !pool_send(fd, head, sizeof(head)) ||
            !pool_send(fd, buffer, length))
            return;
    }
}

int main(int argc, char **argv)
{
    return pool_run(argc, argv, serve);
}
