#include "support/crowd.h"

#include "support/client.h"

#include <stdio.h>
#include <unistd.h>

int crowd[CROWD_SIZE];

void crowd_connect(const char *address)
{
    for (size_t i = 0; i < CROWD_SIZE; i++)
        crowd[i] = raw_connect(address);
}

void crowd_ask(size_t from)
{
    char text[32];

    for (size_t i = from; i < CROWD_SIZE; i++) {
        int length = snprintf(text, sizeof(text), "it is me, %zu\n", i);

        raw_send(crowd[i], text, (size_t)length);
        raw_expect(crowd[i], text, (size_t)length);
    }
}

void crowd_close(void)
{
    for (size_t i = 0; i < CROWD_SIZE; i++)
        close(crowd[i]);
}
