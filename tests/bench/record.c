/* A handler of the codec record that answers each message with itself: all that has come in one
 * read(2) is answered in one write(2). The head of a request becomes that of its reply. */
#include <framed/byteorder.h>

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HEAD = 16,
    MESSAGE = 3,
    READY = 17,
    REPLY = 19,
    SIZE = 2 << 20
};

static void write_all(const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);
        if (written < 0)
            err(1, "write");
        bytes += written;
        length -= (size_t)written;
    }
}

int main(void)
{
    static uint8_t in[SIZE], out[SIZE];
    const uint8_t ready[HEAD] = {0, 0, 0, HEAD - 4, READY};
    size_t end = 0;
    ssize_t got;

    write_all(ready, HEAD);
    while ((got = read(STDIN_FILENO, in + end, SIZE - end)) > 0) {
        size_t at = 0, replies = 0, size;

        end += (size_t)got;
        for (; end - at >= HEAD && end - at >= (size = 4 + framed_get_u32be(in + at)); at += size) {
            if (in[at + 4] != MESSAGE)
                continue;
            memcpy(out + replies, in + at, size);
            out[replies + 4] = REPLY;
            replies += size;
        }
        write_all(out, replies);
        memmove(in, in + at, end - at);
        end -= at;
    }
    return 0;
}
