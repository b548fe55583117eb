#include "master/inherit.h"

#include "base/log.h"
#include "config/config.h"
#include "master/master.h"
#include "master/pidfile.h"
#include "master/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* KEY: NULL where there is at most one. */
static struct handover_entry *find(const struct inheritance *inheritance, enum handover_kind kind,
                                   const char *key)
{
    for (size_t i = 0; i < inheritance->table.count; i++) {
        struct handover_entry *entry = &inheritance->table.entries[i];

        if (entry->kind == kind && (!key || strcmp(entry->key, key) == 0))
            return entry;
    }
    return NULL;
}

static bool is_listening(int fd)
{
    int listens = 0;
    socklen_t size = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* Into the table of listeners, with a reference that is ours until the hand-over ends. Its file is
 * not ours yet: no inode. */
static int add_listener(struct listeners *listeners, const struct handover_entry *entry)
{
    struct listener *listener;

    if (strlen(entry->key) >= sizeof(listener->key) ||
        strlen(entry->text) >= sizeof(listener->text))
        return -ENAMETOOLONG;
    listener = calloc(1, sizeof(*listener));
    if (!listener)
        return -ENOMEM;
    snprintf(listener->key, sizeof(listener->key), "%s", entry->key);
    snprintf(listener->text, sizeof(listener->text), "%s", entry->text);
    listener->fd = (int)entry->fd;
    listener->references = 1;
    if (listener_is_activated(listener)) {
        listener->references++;
        listeners->activated++;
    }
    listener->next = listeners->first;
    listeners->first = listener;
    return 0;
}

static const bool needs_listening[HANDOVER_KIND_COUNT] = {
    [HANDOVER_LISTENER] = true,
    [HANDOVER_CONTROL] = true,
};

static int take_entry(struct master *master, const struct handover_entry *entry, char *error,
                      size_t size)
{
    int fd = (int)entry->fd;
    int result = 0;

    if (entry->kind == HANDOVER_POOL)
        return 0;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
        (handover_has_two(entry->kind) && fcntl((int)entry->value, F_SETFD, FD_CLOEXEC) < 0))
        result = -errno;
    else if (needs_listening[entry->kind] && !is_listening(fd))
        result = -ENOTSOCK;
    else if (entry->kind == HANDOVER_LISTENER)
        result = add_listener(&master->listeners, entry);
    if (result < 0)
        snprintf(error, size, "%s: found descriptor %d, which is no use: %s", entry->text, fd,
                 log_errno_text(result));
    return result;
}

static struct master *master_of(struct watch *watch)
{
    return (struct master *)(void *)((char *)watch - offsetof(struct master, inheritance) -
                                     offsetof(struct inheritance, channel));
}

static struct listener *find_fd(const struct master *master, int fd)
{
    struct listener *listener = master->listeners.first;

    while (listener && listener->fd != fd)
        listener = listener->next;
    return listener;
}

/* What nobody wanted of ours goes, and its file with it. */
static void settle_listener(struct master *master, const struct handover_entry *entry)
{
    struct listener *listener = find_fd(master, (int)entry->fd);

    listener->device = (dev_t)entry->device;
    listener->inode = (ino_t)entry->inode;
    listeners_release(&master->listeners, listener);
}

static void settle_control(struct master *master, const struct handover_entry *entry)
{
    struct listener unwanted = {
        .fd = (int)entry->fd, .device = (dev_t)entry->device, .inode = (ino_t)entry->inode};

    if (entry->taken) {
        master->control.listener.device = unwanted.device;
        master->control.listener.inode = unwanted.inode;
    } else {
        snprintf(unwanted.text, sizeof(unwanted.text), "%s", entry->text);
        listener_close(&unwanted);
    }
}

static void settle_shelf(struct master *master, const struct handover_entry *entry)
{
    (void)master;
    if (entry->taken)
        return;
    close((int)entry->fd);
    close((int)entry->value);
}

static void settle_pid_file(struct master *master, const struct handover_entry *entry)
{
    if (!entry->taken) {
        pidfile_close(entry->text, (int)entry->fd);
        return;
    }
    master->pid_fd = (int)entry->fd;
    if (pidfile_write(master->pid_fd) < 0)
        log_error("pid-file", LOG_ERRNO(errno));
}

/* Where nobody will come any more, the old one's workers take who waits, and keep whom they have.
 */
static bool is_forsaken(const struct master *master, const struct handover_entry *entry)
{
    if (entry->kind == HANDOVER_SHELF)
        return !entry->taken;
    return entry->kind == HANDOVER_LISTENER && listener_users(find_fd(master, (int)entry->fd)) == 1;
}

static void list_forsaken(const struct master *master, char list[HANDOVER_MESSAGE_MAX])
{
    const struct handover *table = &master->inheritance.table;
    int length = 0;

    list[0] = '\0';
    for (size_t i = 0; i < table->count; i++) {
        const struct handover_entry *entry = &table->entries[i];

        if (is_forsaken(master, entry) && length < HANDOVER_MESSAGE_MAX - 32)
            length += sprintf(list + length, "%s%d", length ? " " : "", (int)entry->fd);
    }
}

static void take_over(struct master *master)
{
    static void (*const settle[])(struct master * master, const struct handover_entry *entry) = {
        [HANDOVER_LISTENER] = settle_listener, [HANDOVER_CONTROL] = settle_control,
        [HANDOVER_PID_FILE] = settle_pid_file, [HANDOVER_POOL] = NULL, /* is known already */
        [HANDOVER_SHELF] = settle_shelf,       [HANDOVER_INTAKE] = settle_shelf,
    };
    struct handover *table = &master->inheritance.table;
    char forsaken[HANDOVER_MESSAGE_MAX];

    master->inheritance.pending = false;
    notify_init(&master->notify);
    list_forsaken(master, forsaken);
    for (size_t i = 0; i < table->count; i++)
        if (settle[table->entries[i].kind])
            settle[table->entries[i].kind](master, &table->entries[i]);
    handover_free(table);
    control_begin(&master->control, master->next->config->control);
    generation_commit(master, master->next);
    handover_say(master->inheritance.channel.fd, HANDOVER_TAKEN, forsaken);
}

static void close_channel(struct inheritance *inheritance)
{
    int fd = inheritance->channel.fd;

    if (!inheritance->channel.loop)
        return;
    loop_remove(&inheritance->channel);
    close(fd);
}

static void on_channel(struct watch *watch, uint32_t events)
{
    struct master *master = master_of(watch);
    char message[HANDOVER_MESSAGE_MAX];
    int got = handover_hear(watch->fd, message);

    (void)events;
    if (got == -EAGAIN)
        return;
    if (got > 0) {
        if (handover_rest(message, HANDOVER_GO) && master->inheritance.offered &&
            master->inheritance.pending && master->next)
            take_over(master);
        return;
    }
    close_channel(&master->inheritance);
    if (master->inheritance.pending && !master->stopping)
        master_start_failed(master, "the framed that it was to follow has ended");
    else if (!master->inheritance.pending)
        /* One of its workers may have been woken for a connection that it did not come to take. */
        children_wake(master, NULL);
}

int inherit_take(struct master *master, char *error, size_t size)
{
    struct inheritance *inheritance = &master->inheritance;
    char reason[REASON_SIZE] = "out of memory";
    int table_fd, channel_fd;
    int result = handover_find(&table_fd, &channel_fd, error, size);

    if (result <= 0)
        return result;
    unsetenv(HANDOVER_VARIABLE);
    inheritance->any = inheritance->pending = true;
    fcntl(channel_fd, F_SETFD, FD_CLOEXEC);
    result = loop_add(&master->loop, &inheritance->channel, channel_fd, EPOLLIN, on_channel);
    if (result == 0)
        result = handover_read(table_fd, &inheritance->table, reason, sizeof(reason));
    close(table_fd);
    for (size_t i = 0; result == 0 && i < inheritance->table.count; i++)
        result = take_entry(master, &inheritance->table.entries[i], reason, sizeof(reason));
    if (result < 0)
        snprintf(error, size, "hand-over: %s", reason);
    return result;
}

void inherit_deinit(struct master *master)
{
    const struct handover *table = &master->inheritance.table;

    for (size_t i = 0; i < table->count; i++) {
        struct listener *listener = table->entries[i].kind == HANDOVER_LISTENER
                                        ? find_fd(master, (int)table->entries[i].fd)
                                        : NULL;

        if (listener)
            listeners_release(&master->listeners, listener);
    }
    handover_free(&master->inheritance.table);
    close_channel(&master->inheritance);
}

bool inherit_control(struct inheritance *inheritance, const struct framed_address *address,
                     struct listener *listener)
{
    struct handover_entry *entry = find(inheritance, HANDOVER_CONTROL, NULL);
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    struct framed_endpoint endpoint;

    if (!entry || framed_address_resolve(address, true, &endpoint, 1, text, sizeof(text)) != 1)
        return false;
    framed_address_format((const struct sockaddr *)&endpoint.address, endpoint.length, text,
                          sizeof(text));
    if (strcmp(text, entry->text) != 0)
        return false;
    *listener = (struct listener){.fd = (int)entry->fd};
    snprintf(listener->text, sizeof(listener->text), "%s", text);
    entry->taken = true;
    return true;
}

bool inherit_pid_file(struct inheritance *inheritance, const char *path)
{
    struct handover_entry *entry = find(inheritance, HANDOVER_PID_FILE, NULL);

    if (!entry || strcmp(entry->text, path) != 0)
        return false;
    entry->taken = true;
    return true;
}

unsigned inherit_pool_size(const struct inheritance *inheritance, const char *service)
{
    const struct handover_entry *entry = find(inheritance, HANDOVER_POOL, service);

    return entry ? (unsigned)entry->value : 0;
}

bool inherit_is_drained(const struct inheritance *inheritance, const char *service)
{
    const struct handover_entry *entry = find(inheritance, HANDOVER_POOL, service);

    return entry && entry->drained;
}

static struct shelf_ends ends_of(const struct handover_entry *entry)
{
    return (struct shelf_ends){.out = (int)entry->value, .in = (int)entry->fd};
}

struct shelf *inherit_shelf(struct inheritance *inheritance, const char *service,
                            const char *likeness, const char *speech)
{
    struct handover_entry *workers = find(inheritance, HANDOVER_SHELF, service);
    struct handover_entry *keeper = find(inheritance, HANDOVER_INTAKE, service);
    struct shelf *shelf = NULL;

    if (workers && keeper && !workers->taken && strcmp(likeness, workers->text) == 0)
        shelf = shelf_adopt(speech, ends_of(workers), ends_of(keeper));
    if (shelf)
        workers->taken = keeper->taken = true;
    return shelf;
}

bool inherit_offer(struct master *master)
{
    struct inheritance *inheritance = &master->inheritance;

    if (inheritance->pending && !inheritance->offered)
        handover_say(inheritance->channel.fd, HANDOVER_READY, "");
    inheritance->offered = true;
    return inheritance->pending;
}

void inherit_refuse(struct master *master, const char *reason)
{
    if (master->inheritance.pending && master->inheritance.channel.loop)
        handover_say(master->inheritance.channel.fd, HANDOVER_FAILED, reason);
    else
        handover_refuse(reason); /* it did not even come to the inheritance */
}

bool inherit_is_old_there(const struct inheritance *inheritance)
{
    return !inheritance->pending && inheritance->channel.loop;
}

void inherit_hurry(struct master *master)
{
    if (inherit_is_old_there(&master->inheritance))
        handover_say(master->inheritance.channel.fd, HANDOVER_STOP, "");
}
