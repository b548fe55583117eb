/* A handler in C: answers each message with its own bytes. See framed/module.h for the rest. */
#include <framed/module.h>

static int answer(void *state, void *connection, struct framed_call *call, const void *data,
                  size_t length)
{
    (void)state;
    (void)connection;
    return framed_reply(call, data, length);
}

FRAMED_MODULE(.name = "echo", .message = answer);
