/* A module that answers each message with itself, and never returns from one that says `!never`. */
#include <framed/module.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int answer(void *state, void *connection, struct framed_call *call, const void *data,
                  size_t length)
{
    (void)state;
    (void)connection;
    while (length == strlen("!never") && memcmp(data, "!never", length) == 0)
        pause();
    if (length == strlen("!error") && memcmp(data, "!error", length) == 0)
        return -EIO;
    return framed_reply(call, data, length);
}

FRAMED_MODULE(.name = "stuck", .message = answer);
