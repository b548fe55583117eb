/* From an address to a connected socket. */
#include <framed/address.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int resolve_unix(const struct framed_address *address, struct framed_endpoint *endpoint)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    size_t bytes = strlen(address->path) + 1; /* with the NUL: in front if abstract, else behind */

    memcpy(name.sun_path + address->abstract, address->path, bytes - 1);
    *endpoint = (struct framed_endpoint){
        .length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes)};
    memcpy(&endpoint->address, &name, sizeof(name));
    return 1;
}

static int resolve_wildcard(uint16_t port, struct framed_endpoint *endpoints, size_t max)
{
    const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};

    endpoints[0] = (struct framed_endpoint){.length = sizeof(any6)};
    memcpy(&endpoints[0].address, &any6, sizeof(any6));
    if (max < 2)
        return 1;
    endpoints[1] = (struct framed_endpoint){.length = sizeof(any4)};
    memcpy(&endpoints[1].address, &any4, sizeof(any4));
    return 2;
}

static int lookup_error(int code)
{
    switch (code) {
    case EAI_SYSTEM:
        return -EIO;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_AGAIN:
        return -EAGAIN;
    default:
        return -ENOENT;
    }
}

/* /etc/hosts often names one address twice, and it can be bound only once. */
static bool is_known(const struct framed_endpoint *endpoints, int count,
                     const struct addrinfo *info)
{
    for (int i = 0; i < count; i++)
        if (endpoints[i].length == info->ai_addrlen &&
            memcmp(&endpoints[i].address, info->ai_addr, info->ai_addrlen) == 0)
            return true;
    return false;
}

static int resolve_host(const struct framed_address *address, struct framed_endpoint *endpoints,
                        size_t max, char *error, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list;
    char port[8];
    int count = 0;
    int code;

    snprintf(port, sizeof(port), "%u", address->port);
    code = getaddrinfo(address->host, port, &hints, &list);
    if (code != 0) {
        snprintf(error, size, "host \"%s\": %s", address->host,
                 code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
        return lookup_error(code);
    }
    for (const struct addrinfo *info = list; info && (size_t)count < max; info = info->ai_next) {
        if (is_known(endpoints, count, info))
            continue;
        endpoints[count] = (struct framed_endpoint){.length = info->ai_addrlen};
        memcpy(&endpoints[count++].address, info->ai_addr, info->ai_addrlen);
    }
    freeaddrinfo(list);
    return count;
}

int framed_address_resolve(const struct framed_address *address, bool passive,
                           struct framed_endpoint *endpoints, size_t max, char *error, size_t size)
{
    if (address->kind == FRAMED_ADDRESS_UNIX)
        return resolve_unix(address, endpoints);
    if (!passive && !address->host[0]) {
        snprintf(error, size, "tcp:*:%u: found *, which is only for listening, allowed: a host",
                 address->port);
        return -EINVAL;
    }
    if (!passive && address->port == 0) {
        snprintf(error, size,
                 "host \"%s\": found port 0, which is only for listening, allowed: 1 "
                 "to 65535",
                 address->host);
        return -EINVAL;
    }
    if (!address->host[0])
        return resolve_wildcard(address->port, endpoints, max);
    return resolve_host(address, endpoints, max, error, size);
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* How long connect(2) may take, by socket(7); 0: as long as it likes. */
static void limit_ms(int fd, uint64_t ms)
{
    const struct timeval time = {.tv_sec = (time_t)(ms / 1000),
                                 .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

/*
 * SO_SNDTIMEO instead of a non-blocking socket and poll(2): only so a Unix socket whose queue is
 * full is waited for. After a signal, connect(2) goes on with the connection that it has begun.
 */
static int connect_until(int fd, const struct framed_endpoint *endpoint, uint64_t until_ms)
{
    do {
        uint64_t now = until_ms ? now_ms() : 0;

        if (until_ms && now >= until_ms)
            return -ETIMEDOUT;
        if (until_ms)
            limit_ms(fd, until_ms - now);
        if (connect(fd, (const struct sockaddr *)&endpoint->address, endpoint->length) == 0) {
            limit_ms(fd, 0);
            return 0;
        }
    } while (errno == EINTR);
    return errno == EINPROGRESS || errno == EAGAIN || errno == EALREADY ? -ETIMEDOUT : -errno;
}

static int open_endpoint(const struct framed_endpoint *endpoint, uint64_t until_ms)
{
    int family = endpoint->address.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    int result;

    if (fd < 0)
        return -errno;
    result = connect_until(fd, endpoint, until_ms);
    if (result < 0) {
        close(fd);
        return result;
    }
    if (family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

int framed_connect(const struct framed_address *address, unsigned timeout_ms, char *error,
                   size_t size)
{
    struct framed_endpoint endpoints[FRAMED_ENDPOINTS_MAX];
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    uint64_t until_ms;
    int fd = -EINVAL;
    int count =
        framed_address_resolve(address, false, endpoints, FRAMED_ENDPOINTS_MAX, error, size);

    if (count < 0)
        return count;
    until_ms = timeout_ms ? now_ms() + timeout_ms : 0;
    for (int i = 0; i < count; i++) {
        fd = open_endpoint(&endpoints[i], until_ms);
        if (fd >= 0)
            return fd;
        framed_address_format((const struct sockaddr *)&endpoints[i].address, endpoints[i].length,
                              text, sizeof(text));
        snprintf(error, size, "%s: %s", text, strerror(-fd));
        if (fd == -ETIMEDOUT)
            break; /* the time is up for the others too */
    }
    return fd;
}
