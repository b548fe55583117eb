/* One question to a running framed, through its control socket. */
#ifndef FRAMED_TOOLS_ASK_H
#define FRAMED_TOOLS_ASK_H

#include <jansson.h>
#include <stddef.h>

/* The answer to REQUEST, for the caller to release, after at most TIMEOUT_MS (0: no bound); NULL
 * with a message in ERROR. Whether it is `ok` is the caller's to see. */
json_t *ask(const char *address, const char *request, unsigned timeout_ms, char *error,
            size_t size);

#endif
