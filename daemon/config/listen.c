#include "config/listen.h"

#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_PREFIX "fd:"
/* systemd's own limit for FileDescriptorName=. */
#define FD_NAME_MAX 255

#ifdef HAVE_LIBSYSTEMD
static const bool can_be_activated = true;
#else
static const bool can_be_activated = false;
#endif

static bool is_fd_name(const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < length; i++)
        if (name[i] < ' ' || name[i] > '~' || name[i] == ':')
            return false;
    return length > 0 && length <= FD_NAME_MAX;
}

static int check_fd_name(const char *text, const char *name, char *error, size_t size)
{
    const char *why = NULL;

    if (!can_be_activated)
        why = "this framed was built without libsystemd, allowed: tcp: and unix:";
    else if (strchr(name, ','))
        why = "such a socket has its owner, mode and backlog from its .socket unit (SocketUser=, "
              "SocketGroup=, SocketMode=, Backlog=), allowed: fd:NAME";
    else if (!is_fd_name(name))
        why = "allowed: fd:NAME, the FileDescriptorName= of a .socket unit (1 to 255 characters of "
              "ASCII, without : and ,)";
    if (!why)
        return 0;
    snprintf(error, size, "address \"%.160s\": %s", text, why);
    return -EINVAL;
}

static int parse_address(const char *text, struct framed_address *address, char *error, size_t size)
{
    int result = framed_address_parse(text, address, error, size);
    size_t length = strlen(error);

    /* What it is not, libframed has said; what else it could be here, it does not know. */
    if (result < 0 && can_be_activated && strncmp(text, "tcp:", 4) != 0 &&
        strncmp(text, "unix:", 5) != 0)
        snprintf(error + length, size - length, ", " FD_PREFIX "NAME");
    return result;
}

int listen_parse(const char *text, struct listen_config *listen, char *error, size_t size)
{
    const size_t prefix = strlen(FD_PREFIX);
    bool passed = strncmp(text, FD_PREFIX, prefix) == 0;
    struct listen_config parsed = {0};
    int result = passed ? check_fd_name(text, text + prefix, error, size)
                        : parse_address(text, &parsed.address, error, size);

    if (result < 0)
        return result;
    parsed.text = strdup(text);
    if (!parsed.text) {
        snprintf(error, size, "out of memory");
        return -ENOMEM;
    }
    if (passed)
        parsed.fd_name = parsed.text + prefix;
    *listen = parsed;
    return 0;
}
