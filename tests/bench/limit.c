/*
 * The limit: what a blocking echo server written by hand for 4-byte lengths does, with nothing else
 * in the way. One recv for as many messages as have arrived, one send for all their replies.
 */
#include "pool.h"

#include <framed/byteorder.h>

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
        if (!pool_send(fd, buffer, whole))
            return;
        have -= whole;
        memmove(buffer, buffer + whole, have);
    }
}

int main(int argc, char **argv)
{
    return pool_run(argc, argv, serve);
}
