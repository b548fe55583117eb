#include "master/activation.h"

#include "base/log.h"
#include "master/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#else
/* Without libsystemd nothing is passed, and the configuration takes no `fd:`. */
#define SD_LISTEN_FDS_START 3

static int sd_listen_fds_with_names(int unset, char ***names)
{
    (void)unset;
    *names = NULL;
    return 0;
}

static int sd_is_socket(int fd, int family, int type, int listening)
{
    (void)fd, (void)family, (void)type, (void)listening;
    return 0;
}
#endif

static void make_key(const char *name, size_t index, char *key, size_t size)
{
    snprintf(key, size, LISTENER_FD_PREFIX "%s#%zu", name, index);
}

static struct listener *find(const struct listeners *listeners, const char *name, size_t index)
{
    char key[LISTENER_KEY_SIZE];

    make_key(name, index, key, sizeof(key));
    return listeners_find(listeners, key);
}

/* Why FD is of no use to us; NULL: it is. */
static const char *find_fault(int fd)
{
    if (sd_is_socket(fd, AF_UNSPEC, 0, -1) <= 0)
        return "is no socket";
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, -1) <= 0)
        return "is no stream socket";
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0)
        return "does not listen";
    if (sd_is_socket(fd, AF_INET, 0, -1) <= 0 && sd_is_socket(fd, AF_INET6, 0, -1) <= 0 &&
        sd_is_socket(fd, AF_UNIX, 0, -1) <= 0)
        return "is of another address family";
    return NULL;
}

/* What a listener of our own has from the start. */
static int set_up(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    int on = 1;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return 0;
}

static int take(struct listeners *listeners, int fd, const char *name, char *error, size_t size)
{
    struct listener *listener;
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    const char *fault = find_fault(fd);
    size_t index = 0;
    int result;

    if (fault) {
        snprintf(error, size,
                 "socket activation: descriptor %d, passed as \"%.64s\", %s, allowed: sockets that "
                 "listen for streams (ListenStream= with Accept=no)",
                 fd, name, fault);
        return -EINVAL;
    }
    result = set_up(fd);
    listener = result < 0 ? NULL : calloc(1, sizeof(*listener));
    if (!listener || getsockname(fd, (struct sockaddr *)&bound, &length) < 0) {
        free(listener);
        return result < 0 ? result : -ENOMEM;
    }
    while (find(listeners, name, index))
        index++;
    make_key(name, index, listener->key, sizeof(listener->key));
    framed_address_format((const struct sockaddr *)&bound, length, listener->text,
                          sizeof(listener->text));
    listener->fd = fd;
    listener->references = 1;
    listener->next = listeners->first;
    listeners->first = listener;
    listeners->activated++;
    return 0;
}

int activation_take(struct listeners *listeners, char *error, size_t size)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(1, &names);
    int result = count < 0 ? count : 0;

    if (count < 0)
        snprintf(error, size, "socket activation: found no sockets behind LISTEN_FDS: %s",
                 log_errno_text(count));
    for (int i = 0; result == 0 && i < count; i++)
        result = take(listeners, SD_LISTEN_FDS_START + i, names[i], error, size);
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
    return result;
}

static void explain(const struct listeners *listeners, const char *name, char *error, size_t size)
{
    const char *before = "allowed: ";
    int length = snprintf(error, size, "found \"fd:%.64s\", ", name);

    if (listeners->activated == 0)
        snprintf(error + length, size - (size_t)length,
                 "but framed was not started by a .socket unit: there are no sockets with names");
    for (const struct listener *l = listeners->first; l && (size_t)length < size; l = l->next) {
        const char *number = strrchr(l->key, '#');

        /* Each name once, by its first socket. */
        if (!listener_is_activated(l) || strcmp(number, "#0") != 0)
            continue;
        length += snprintf(error + length, size - (size_t)length, "%s%.*s", before,
                           (int)(number - l->key), l->key);
        before = ", ";
    }
}

int activation_acquire(const struct listeners *listeners, const char *name, struct listener **found,
                       size_t max, char *error, size_t size)
{
    size_t count = 0;
    struct listener *listener;

    while (count < max && (listener = find(listeners, name, count))) {
        listener->references++;
        found[count++] = listener;
    }
    if (count == 0)
        explain(listeners, name, error, size);
    return count > 0 ? (int)count : -ENOENT;
}

void activation_report_unused(const struct listeners *listeners)
{
    for (const struct listener *l = listeners->first; l; l = l->next)
        if (listener_is_activated(l) && listener_users(l) == 0)
            log_warning("socket-unused", LOG_STR("activated", l->key), LOG_STR("address", l->text));
}

void activation_release(struct listeners *listeners)
{
    struct listener *next;

    for (struct listener *l = listeners->first; l; l = next) {
        next = l->next;
        if (listener_is_activated(l))
            listeners_release(listeners, l);
    }
    listeners->activated = 0;
}
