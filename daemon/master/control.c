#include "master/master.h"

#include "base/clock.h"
#include "base/log.h"
#include "master/requests.h"

#include <framed/address.h>
#include <framed/framing.h>

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 32
#define WAITING_MAX 24
/* To say what it wants, and to take the answer. */
#define PEER_MS 5000
#define BACKLOG 16
#define STARVED_MS 1000

static struct framed_framing *framing;

static void drop(struct peer *peer)
{
    struct control *control = peer->control;
    struct peer **link = &control->peers;

    while (*link != peer)
        link = &(*link)->next;
    *link = peer->next;
    control->peer_count--;
    loop_remove(&peer->watch);
    close(peer->fd);
    free(peer->reply);
    free(peer);
}

/* Sends what it takes; drops the peer when that was all, or when it has gone. */
static void push(struct peer *peer)
{
    ssize_t sent = send(peer->fd, peer->reply + peer->reply_sent,
                        peer->reply_length - peer->reply_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (sent > 0)
        peer->reply_sent += (size_t)sent;
    if ((sent < 0 && errno != EAGAIN && errno != EINTR) || peer->reply_sent == peer->reply_length)
        drop(peer);
    else
        loop_change(&peer->watch, EPOLLOUT);
}

void request_answer(struct peer *peer, json_t *reply)
{
    char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
    size_t length = text ? strlen(text) : 0;
    struct framed_envelope envelope;

    json_decref(reply);
    if (!text || framed_encode(framing, (uint8_t *)text, length, false, &envelope) != FRAMED_OK ||
        !(peer->reply = malloc(envelope.head_length + length))) {
        free(text);
        drop(peer);
        return;
    }
    memcpy(peer->reply, envelope.head, envelope.head_length);
    memcpy(peer->reply + envelope.head_length, text, length);
    peer->reply_length = envelope.head_length + length;
    free(text);
    peer->waits_for = WAITS_FOR_NOTHING;
    peer->totals = NULL;
    peer->deadline_ms = clock_ms() + PEER_MS;
    push(peer);
}

static void read_request(struct peer *peer)
{
    struct framed_decoder decoder = {0};
    struct framed_frame frame;
    ssize_t got = recv(peer->fd, peer->request + peer->request_length,
                       sizeof(peer->request) - peer->request_length, MSG_DONTWAIT);
    int verdict;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        drop(peer);
        return;
    }
    peer->request_length += (size_t)got;
    verdict = framed_decode(framing, &decoder, peer->request, peer->request_length, &frame);
    if (verdict == FRAMED_OK && frame.length < REQUEST_MAX) {
        char request[REQUEST_MAX] = "";

        memcpy(request, peer->request + frame.payload, frame.length);
        /* What has a NUL in it is no request, whatever stands before it. */
        request_obey(peer, strlen(request) == frame.length ? request : "");
    } else if (verdict != FRAMED_NEED_MORE || peer->request_length == sizeof(peer->request))
        drop(peer);
}

static void on_peer(struct watch *watch, uint32_t events)
{
    struct peer *peer = (struct peer *)(void *)watch;

    if (peer->reply)
        push(peer);
    else if (peer->waits_for == WAITS_FOR_NOTHING)
        read_request(peer);
    else if (events & (EPOLLHUP | EPOLLERR | EPOLLIN))
        drop(peer); /* gone, or talking out of turn: what it started goes on */
}

static void add_peer(struct control *control, int fd)
{
    struct peer *peer = calloc(1, sizeof(*peer));

    if (!peer || loop_add(&control->master->loop, &peer->watch, fd, EPOLLIN, on_peer) < 0) {
        free(peer);
        close(fd);
        return;
    }
    peer->control = control;
    peer->fd = fd;
    peer->deadline_ms = clock_ms() + PEER_MS;
    peer->may_command = order_is_permitted(control, fd);
    peer->next = control->peers;
    control->peers = peer;
    control->peer_count++;
}

/* Peers that connect and say nothing must not lock others out. Who waits for a reload stays. */
static void drop_oldest(struct control *control)
{
    struct peer *oldest = NULL;

    for (struct peer *peer = control->peers; peer; peer = peer->next)
        if (peer->deadline_ms && (!oldest || peer->deadline_ms <= oldest->deadline_ms))
            oldest = peer;
    if (oldest)
        drop(oldest);
}

/* Without descriptors or memory the listener stays ready: look away for a while. */
static void accept_failed(struct control *control, int error)
{
    if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
        return;
    log_error("control-accept", LOG_ERRNO(error));
    loop_change(&control->watch, 0);
    control->again_ms = clock_ms() + STARVED_MS;
}

static void on_listener(struct watch *watch, uint32_t events)
{
    struct control *control =
        (struct control *)(void *)((char *)watch - offsetof(struct control, watch));
    int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)events;
    if (fd < 0) {
        accept_failed(control, errno);
        return;
    }
    if (control->peer_count >= PEERS_MAX)
        drop_oldest(control);
    if (control->peer_count >= PEERS_MAX)
        close(fd);
    else
        add_peer(control, fd);
}

int control_open(struct control *control, struct master *master, const char *address, char *error,
                 size_t size)
{
    struct framed_address parsed = {0};
    const struct group *group;
    int result;

    *control = (struct control){.master = master, .listener.fd = -1};
    if (!address)
        return 0;
    result = framed_framing_parse("u32be", NULL, &framing, error, size);
    if (result == 0)
        result = framed_framing_set_max(framing, FRAMED_MESSAGE_LIMIT);
    if (result == 0)
        result = framed_address_parse(address, &parsed, error, size);
    if (result == 0 && parsed.kind != FRAMED_ADDRESS_UNIX) {
        snprintf(error, size, "control: found \"%s\", allowed: a Unix socket, unix:PATH", address);
        result = -EINVAL;
    }
    if (result == 0)
        result = inherit_control(&master->inheritance, &parsed, &control->listener)
                     ? 0
                     : listener_open_unix(&parsed, BACKLOG, &control->listener, error, size);
    if (result < 0)
        return result;
    /* Once: the next lookup could wait for a directory server. It was there for the socket's file.
     */
    group = parsed.group[0] ? getgrnam(parsed.group) : NULL;
    control->has_group = group != NULL;
    control->group = group ? group->gr_gid : 0;
    return loop_add(&master->loop, &control->watch, control->listener.fd,
                    master->inheritance.pending ? 0 : EPOLLIN, on_listener);
}

void control_begin(struct control *control, const char *address)
{
    struct framed_address parsed;
    char scrap[256];

    if (control->listener.fd < 0 ||
        framed_address_parse(address, &parsed, scrap, sizeof(scrap)) < 0)
        return;
    listener_settle(&control->listener, &parsed, BACKLOG);
    loop_change(&control->watch, EPOLLIN);
}

void control_pass(struct control *control)
{
    loop_remove(&control->watch);
    control->again_ms = 0;
    control->listener.inode = 0;
    listener_close(&control->listener);
}

void control_give(const struct control *control, const struct identity *identity)
{
    const char *path = listener_path(&control->listener);

    /* A group that was given with the address stays. */
    if (identity->change && control->listener.fd >= 0 && path &&
        lchown(path, identity->uid, control->has_group ? (gid_t)-1 : identity->gid) < 0)
        log_warning("control-owner", LOG_STR("path", path), LOG_ERRNO(errno));
}

void control_close(struct control *control)
{
    while (control->peers)
        drop(control->peers);
    loop_remove(&control->watch);
    listener_close(&control->listener);
    framed_framing_free(framing);
    framing = NULL;
}

bool control_is_crowded(const struct control *control)
{
    unsigned waiting = 0;

    for (const struct peer *peer = control->peers; peer; peer = peer->next)
        waiting += peer->waits_for != WAITS_FOR_NOTHING;
    return waiting >= WAITING_MAX;
}

void control_reloading(struct control *control)
{
    for (struct peer *peer = control->peers; peer; peer = peer->next)
        if (peer->waits_for == WANTS_RELOAD)
            peer->waits_for = WAITS_FOR_RELOAD;
}

void control_reloaded(struct control *control, const char *reason)
{
    struct peer *next;

    for (struct peer *peer = control->peers; peer; peer = next) {
        next = peer->next;
        if (peer->waits_for != WAITS_FOR_RELOAD)
            continue;
        if (reason)
            request_refuse(peer, reason);
        else
            request_answer(peer, json_pack("{s:b, s:I}", "ok", 1, "generation",
                                           (json_int_t)control->master->generation_number));
    }
}

void control_upgraded(struct control *control, const char *reason, pid_t pid)
{
    struct peer *next;

    for (struct peer *peer = control->peers; peer; peer = next) {
        next = peer->next;
        if (peer->waits_for != WAITS_FOR_UPGRADE)
            continue;
        if (reason)
            request_refuse(peer, reason);
        else
            request_answer(peer, json_pack("{s:b, s:i}", "ok", 1, "pid", (int)pid));
    }
}

void control_stopped(struct control *control)
{
    struct peer *next;

    for (struct peer *peer = control->peers; peer; peer = next) {
        next = peer->next;
        if (peer->waits_for == WAITS_FOR_STOP)
            request_answer(peer, json_pack("{s:b}", "ok", 1));
    }
}

uint64_t control_check(struct control *control, uint64_t now_ms)
{
    uint64_t wake_ms;
    struct peer *next;

    if (control->again_ms && now_ms >= control->again_ms) {
        control->again_ms = 0;
        loop_change(&control->watch, EPOLLIN);
    }
    wake_ms = control->again_ms;

    for (struct peer *peer = control->peers; peer; peer = next) {
        next = peer->next;
        if (peer->totals)
            request_check(peer);
        else if (peer->deadline_ms && now_ms >= peer->deadline_ms)
            drop(peer);
        else if (peer->deadline_ms && (!wake_ms || peer->deadline_ms < wake_ms))
            wake_ms = peer->deadline_ms;
    }
    return wake_ms;
}
