#include "tools/ask.h"

#include <framed/client.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *reason(int result)
{
    return result == 0          ? "the answer is not JSON"
           : result == -ENODATA ? "framed ended before it answered"
           : result < 0         ? strerrordesc_np(-result)
                                : framed_verdict_word(result);
}

json_t *ask(const char *address, const char *request, unsigned timeout_ms, char *error, size_t size)
{
    struct framed_client *client = NULL;
    char why[400];
    json_t *answer = NULL;
    const void *data;
    size_t length;
    int result = framed_client_open(address, "u32be", FRAMED_MESSAGE_LIMIT, timeout_ms, &client,
                                    why, sizeof(why));

    if (result < 0) {
        snprintf(error, size, "%s (is framed running, with this control socket?)", why);
        return NULL;
    }
    result = framed_client_call(client, request, strlen(request), &data, &length);
    if (result == 0)
        answer = json_loadb(data, length, 0, NULL);
    if (!answer)
        snprintf(error, size, "%.*s: %s", (int)strcspn(request, " "), request, reason(result));
    framed_client_free(client);
    return answer;
}
