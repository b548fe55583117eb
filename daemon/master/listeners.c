#include "master/listeners.h"

#include "base/log.h"
#include "ipc/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

const char *listener_path(const struct listener *listener)
{
    const char *path = listener->text + strlen("unix:");

    return strncmp(listener->text, "unix:/", 6) == 0 ? path : NULL;
}

/*
 * Gives the socket's file its owner and mode. Through a descriptor of it, because whoever owns its
 * folder could put a link to another file in its place. After a change of identity only what has
 * changed is refused.
 */
static int change_file(const struct framed_address *address, const struct passwd *user,
                       const struct group *group)
{
    int fd = open(address->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char file[64];
    struct stat status;
    int result = 0;

    snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
    if (fd < 0 || fstat(fd, &status) < 0)
        result = -errno;
    else if (!S_ISSOCK(status.st_mode))
        result = -EEXIST;
    else if (((user && user->pw_uid != status.st_uid) ||
              (group && group->gr_gid != status.st_gid)) &&
             fchownat(fd, "", user ? user->pw_uid : (uid_t)-1, group ? group->gr_gid : (gid_t)-1,
                      AT_EMPTY_PATH) < 0)
        result = -errno;
    else if ((status.st_mode & 07777) != address->mode && chmod(file, address->mode) < 0)
        result = -errno;
    if (fd >= 0)
        close(fd);
    return result;
}

/* Who may connect. 0, or a negative errno with a message. */
static int set_owner(const struct framed_address *address, char *error, size_t size)
{
    const struct passwd *user = address->user[0] ? getpwnam(address->user) : NULL;
    const struct group *group = address->group[0] ? getgrnam(address->group) : NULL;
    int result;

    if (address->user[0] && !user) {
        snprintf(error, size, "unix:%s: user: found \"%s\", allowed: an account of this system",
                 address->path, address->user);
        return -ENOENT;
    }
    if (address->group[0] && !group) {
        snprintf(error, size, "unix:%s: group: found \"%s\", allowed: a group of this system",
                 address->path, address->group);
        return -ENOENT;
    }
    result = change_file(address, user, group);
    if (result < 0)
        snprintf(error, size, "unix:%s: cannot set owner and mode: %s", address->path,
                 strerrordesc_np(-result));
    return result;
}

/* A socket file that nobody listens on is left from a process that was killed: it may go. */
static int clear_stale(const struct sockaddr_un *name, socklen_t length)
{
    struct stat status;
    int result = 0;
    int fd;

    if (lstat(name->sun_path, &status) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(status.st_mode))
        return -EEXIST;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)name, length) == 0 || errno == EAGAIN)
        result = -EADDRINUSE;
    else if (errno != ECONNREFUSED)
        result = -errno;
    else if (unlink(name->sun_path) < 0)
        result = -errno;
    close(fd);
    return result;
}

static void set_options(int fd, const struct framed_address *address, int family)
{
    int on = 1;
    int only_v6 = address->host[0] != '\0';

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Accepted sockets inherit this: no call for each connection. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
}

/* No permissions at first: nobody connects before owner and mode are right. */
static int bind_unix(int fd, const struct sockaddr *name, socklen_t length, bool abstract)
{
    mode_t before;
    int result = abstract ? 0 : clear_stale((const struct sockaddr_un *)(const void *)name, length);

    if (result < 0)
        return result;
    before = umask(0777);
    result = bind(fd, name, length) < 0 ? -errno : 0;
    umask(before);
    return result;
}

static int bind_to(int fd, const struct framed_address *address,
                   const struct framed_endpoint *endpoint)
{
    const struct sockaddr *name = (const struct sockaddr *)&endpoint->address;

    if (address->kind == FRAMED_ADDRESS_UNIX)
        return bind_unix(fd, name, endpoint->length, address->abstract);
    set_options(fd, address, name->sa_family);
    return bind(fd, name, endpoint->length) < 0 ? -errno : 0;
}

/* The bound address in words; the wildcard is written as in the configuration. */
static void set_text(struct listener *listener, const struct framed_address *address)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    const char *port;

    getsockname(listener->fd, (struct sockaddr *)&name, &length);
    framed_address_format((const struct sockaddr *)&name, length, listener->text,
                          sizeof(listener->text));
    port = strrchr(listener->text, ':');
    if (address->kind == FRAMED_ADDRESS_TCP && !address->host[0] && port) {
        char text[16];

        snprintf(text, sizeof(text), "%s", port);
        snprintf(listener->text, sizeof(listener->text), "tcp:*%s", text);
    }
}

static int finish(struct listener *listener, const struct framed_address *address, int backlog,
                  char *error, size_t size)
{
    struct stat status;
    int result;

    set_text(listener, address);
    if (listener_path(listener)) {
        if (lstat(address->path, &status) == 0) {
            listener->device = status.st_dev;
            listener->inode = status.st_ino;
        }
        result = set_owner(address, error, size);
        if (result < 0)
            return result;
    }
    if (listen(listener->fd, backlog) == 0)
        return 0;
    result = -errno;
    snprintf(error, size, "%s: cannot listen: %s", listener->text, strerrordesc_np(-result));
    return result;
}

static int open_endpoint(const struct framed_address *address,
                         const struct framed_endpoint *endpoint, int backlog,
                         struct listener *listener, char *error, size_t size)
{
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    int result;

    framed_address_format((const struct sockaddr *)&endpoint->address, endpoint->length, text,
                          sizeof(text));
    listener->fd =
        socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    result = listener->fd < 0 ? -errno : bind_to(listener->fd, address, endpoint);
    if (result == -EADDRINUSE)
        snprintf(error, size, "%s: cannot bind: another process listens there", text);
    else if (result == -EEXIST)
        snprintf(error, size, "%s: cannot bind: there is a file that is no socket", text);
    else if (result == -ENOENT)
        snprintf(error, size, "%s: cannot bind: its folder is not there", text);
    else if (result < 0)
        snprintf(error, size, "%s: cannot bind: %s", text, strerrordesc_np(-result));
    else
        result = finish(listener, address, backlog, error, size);
    if (result < 0)
        listener_close(listener);
    return result;
}

int listener_open_unix(const struct framed_address *address, int backlog, struct listener *listener,
                       char *error, size_t size)
{
    struct framed_endpoint endpoint;
    int count = framed_address_resolve(address, true, &endpoint, 1, error, size);

    *listener = (struct listener){.fd = -1};
    return count < 0 ? count : open_endpoint(address, &endpoint, backlog, listener, error, size);
}

void listener_close(struct listener *listener)
{
    const char *path = listener_path(listener);
    struct stat status;

    if (listener->fd < 0)
        return;
    close(listener->fd);
    listener->fd = -1;
    /* Somebody else may have put a socket of theirs there in the meantime. */
    if (path && listener->inode && lstat(path, &status) == 0 && status.st_ino == listener->inode &&
        status.st_dev == listener->device)
        unlink(path);
}

struct listener *listeners_find(const struct listeners *listeners, const char *key)
{
    struct listener *listener = listeners->first;

    while (listener && strcmp(listener->key, key) != 0)
        listener = listener->next;
    return listener;
}

bool listener_is_activated(const struct listener *listener)
{
    return strncmp(listener->key, LISTENER_FD_PREFIX, strlen(LISTENER_FD_PREFIX)) == 0;
}

unsigned listener_users(const struct listener *listener)
{
    return listener->references - (listener_is_activated(listener) ? 1 : 0);
}

/* The sockets' identity: where they are, not who may connect or how many may wait. */
static void make_key(const struct framed_address *address, const struct framed_endpoint *endpoint,
                     const char *prefix, char *key, size_t size)
{
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    bool chosen = address->kind == FRAMED_ADDRESS_TCP && address->port == 0;

    framed_address_format((const struct sockaddr *)&endpoint->address, endpoint->length, text,
                          sizeof(text));
    snprintf(key, size, "%s%s", chosen ? prefix : "", text);
}

static struct listener *acquire_one(struct listeners *listeners,
                                    const struct framed_address *address,
                                    const struct framed_endpoint *endpoint, const char *prefix,
                                    int backlog, int *result, char *error, size_t size)
{
    char key[LISTENER_KEY_SIZE];
    struct listener *listener;

    make_key(address, endpoint, prefix, key, sizeof(key));
    listener = listeners_find(listeners, key);
    if (!listener) {
        listener = calloc(1, sizeof(*listener));
        *result =
            listener ? open_endpoint(address, endpoint, backlog, listener, error, size) : -ENOMEM;
        if (*result < 0) {
            free(listener);
            return NULL;
        }
        snprintf(listener->key, sizeof(listener->key), "%s", key);
        listener->next = listeners->first;
        listeners->first = listener;
    }
    listener->references++;
    return listener;
}

/* With port 0 all endpoints of a name get the port that the first one was given. */
static void take_port(struct framed_endpoint *endpoint, const struct listener *first)
{
    uint16_t port = htons((uint16_t)strtoul(strrchr(first->text, ':') + 1, NULL, 10));

    if (endpoint->address.ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)&endpoint->address)->sin_port = port;
    else if (endpoint->address.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)&endpoint->address)->sin6_port = port;
}

int listeners_acquire(struct listeners *listeners, const struct framed_address *address,
                      const char *key_prefix, int backlog, struct listener **found, size_t max,
                      char *error, size_t size)
{
    struct framed_endpoint endpoints[FRAMED_ENDPOINTS_MAX];
    int count = lookup_endpoints(&listeners->lookups, address, endpoints, FRAMED_ENDPOINTS_MAX,
                                 error, size);
    bool wildcard = address->kind == FRAMED_ADDRESS_TCP && !address->host[0];
    int result = count;
    int taken = 0;

    for (int i = 0; i < count && (size_t)taken < max; i++) {
        if (taken > 0 && address->kind == FRAMED_ADDRESS_TCP && address->port == 0)
            take_port(&endpoints[i], found[0]);
        found[taken] = acquire_one(listeners, address, &endpoints[i], key_prefix, backlog, &result,
                                   error, size);
        if (found[taken])
            taken++;
        /* One dual-stack socket is enough; a machine without IPv6 gets the IPv4 one. */
        if (wildcard ? taken > 0 : taken != i + 1)
            break;
    }
    if (taken > 0 && (wildcard || taken == count || (size_t)taken == max))
        return taken;
    /* Each entry holds a reference of its own, even where two are the same listener. */
    while (taken > 0)
        listeners_release(listeners, found[--taken]); // NOLINT(clang-analyzer-unix.Malloc)
    return result < 0 ? result : -EADDRNOTAVAIL;
}

struct gate *listener_gate(struct listener *listener)
{
    if (!listener->gate)
        listener->gate = gate_map();
    return listener->gate;
}

void listeners_release(struct listeners *listeners, struct listener *listener)
{
    struct listener **link = &listeners->first;

    if (--listener->references > 0)
        return;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    listener_close(listener);
    gate_unmap(listener->gate);
    free(listener);
}

void listener_settle(const struct listener *listener, const struct framed_address *address,
                     int backlog)
{
    char error[256];

    if (address && set_owner(address, error, sizeof(error)) < 0)
        log_error("listen", LOG_STR("address", listener->text), LOG_STR("error", error));
    listen(listener->fd, backlog);
}
