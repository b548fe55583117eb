/* A handler of the codec frame that answers each message with itself: a read and a write for each.
 */
#include <framed/byteorder.h>

#include <err.h>
#include <unistd.h>

#define SIZE ((size_t)2 << 20)

int main(void)
{
    static uint8_t bytes[SIZE];
    size_t have = 0;
    ssize_t got;

    while ((got = read(STDIN_FILENO, bytes + have, SIZE - have)) > 0) {
        have += (size_t)got;
        if (have < 4 || have < 4 + (size_t)framed_get_u32be(bytes))
            continue;
        for (size_t at = 0; at < have; at += (size_t)got)
            if ((got = write(STDOUT_FILENO, bytes + at, have - at)) < 0)
                err(1, "write");
        have = 0;
    }
    return 0;
}
