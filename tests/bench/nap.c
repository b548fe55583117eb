/* A module whose every message takes 10 ms, and no CPU: for tests/bench/special.py. */
#include <framed/module.h>

#include <time.h>

#define NAP_NS 10000000

static int nap(void *state, void *connection, struct framed_call *call, const void *data,
               size_t length)
{
    const struct timespec time = {.tv_nsec = NAP_NS};

    (void)state;
    (void)connection;
    clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    return framed_reply(call, data, length);
}

FRAMED_MODULE(.name = "nap", .message = nap);
