#include "tools/framebench/lane.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Bytes to receive at a time, at least. */
#define RECEIVE_SIZE ((size_t)64 * 1024)
/* A lone lane looks up from recv(2) so often. */
static const struct timeval lone_wait = {.tv_usec = 50000};
/* Messages of this size are sent from where they lie, and received where they stay. */
#define LARGE_SIZE ((size_t)16 * 1024)

void lane_watch(const struct lanes *lanes, const struct lane *lane, int operation, bool writing)
{
    struct epoll_event event = {.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN,
                                .data.u32 = lane->number};

    epoll_ctl(lanes->epoll_fd, operation, lane->fd, &event);
}

void lane_close(struct lanes *lanes, struct lane *lane)
{
    lanes->owed -= lane_owed(lane);
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = -1;
    lane->state = LANE_CLOSED;
    lane->writing = lane->large = false;
    lane->settled = lane->sent;
    buffer_clear(&lane->in);
    buffer_clear(&lane->out);
}

/* The connection is of no more use, because of RESULT (a negative errno, or 0: its end). */
static void give_up(struct lanes *lanes, struct lane *lane, int result)
{
    uint64_t owed = lane_owed(lane);

    if (owed > 0)
        tally_fault(&lanes->tally, &lanes->tally.lost, owed, "%s with a reply owed",
                    result ? strerror(-result) : "the server closed the connection");
    lane->rests = true;
    lane_close(lanes, lane);
}

static void begin(struct lanes *lanes, struct lane *lane, uint64_t now_ns)
{
    size_t greeting;

    framed_framing_greeting(lanes->plan->framing, &greeting);
    if (lanes->lone)
        fcntl(lane->fd, F_SETFL, fcntl(lane->fd, F_GETFL) & ~O_NONBLOCK);
    if (lanes->lone)
        setsockopt(lane->fd, SOL_SOCKET, SO_RCVTIMEO, &lone_wait, sizeof(lone_wait));
    lane->state = LANE_OPEN;
    lane->rests = false;
    lane->first = lane->sent;
    lane->heard_ns = now_ns;
    lane->greeting = greeting;
    lane->verified = 0;
    memset(&lane->decoder, 0, sizeof(lane->decoder));
    lanes->tally.connections++;
}

void lane_adopt(struct lanes *lanes, struct lane *lane, int fd, uint64_t now_ns)
{
    lane->fd = fd;
    lane_watch(lanes, lane, EPOLL_CTL_ADD, false);
    begin(lanes, lane, now_ns);
}

static void refuse(struct lanes *lanes, struct lane *lane, int error)
{
    tally_fault(&lanes->tally, &lanes->tally.refused, 1, "connect: %s", strerror(error));
    lane->rests = true;
    lane_close(lanes, lane);
}

void lane_open(struct lanes *lanes, struct lane *lane, uint64_t now_ns)
{
    const struct framed_endpoint *to = &lanes->endpoint;
    int on = 1;

    lane->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (lane->fd < 0) {
        refuse(lanes, lane, errno);
        return;
    }
    if (to->address.ss_family != AF_UNIX)
        setsockopt(lane->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    lane->opened_ns = now_ns;
    if (connect(lane->fd, (const struct sockaddr *)&to->address, to->length) == 0) {
        lane_adopt(lanes, lane, lane->fd, now_ns);
    } else if (errno == EINPROGRESS) {
        lane->state = LANE_CONNECTING;
        lane_watch(lanes, lane, EPOLL_CTL_ADD, true);
    } else if (errno == EAGAIN) {
        lane_close(lanes, lane); /* the queue of a Unix socket is full: later */
    } else {
        refuse(lanes, lane, errno);
    }
}

static void connected(struct lanes *lanes, struct lane *lane, uint64_t now_ns)
{
    int error = 0;
    socklen_t size = sizeof(error);

    getsockopt(lane->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        refuse(lanes, lane, error);
        return;
    }
    lane_watch(lanes, lane, EPOLL_CTL_MOD, false);
    begin(lanes, lane, now_ns);
}

void lane_writable(struct lanes *lanes, struct lane *lane, uint64_t now_ns)
{
    if (lane->state == LANE_CONNECTING)
        connected(lanes, lane, now_ns);
    else if (lane->writing)
        lane_flush(lanes, lane);
}

/* Whether the next LENGTH bytes of a reply, the LAST of it or not, are those of the message. */
static bool is_right(struct lanes *lanes, struct lane *lane, const uint8_t *data, size_t length,
                     bool last)
{
    size_t wanted, at = lane->verified;
    const uint8_t *payload;

    lane->verified = last ? 0 : at + length;
    if (!lanes->plan->verifies)
        return true;
    payload = text_payload(&lanes->text, lane->number, lane->settled, &wanted);
    return (last ? at + length == wanted : at + length <= wanted) &&
           memcmp(data, payload + at, length) == 0;
}

/* Counts one answer. */
static void settle(struct lanes *lanes, struct lane *lane, size_t length, uint64_t now_ns)
{
    uint64_t begun_ns = lane->begun_ns[lane->settled & lanes->ring_mask];

    lane->settled++;
    lanes->owed--;
    lanes->tally.answered += lanes->counting;
    lanes->tally.bytes += lanes->counting ? length : 0;
    if (lanes->timing)
        times_add(&lanes->tally.times, now_ns > begun_ns ? now_ns - begun_ns : 0);
}

/* Takes the frame that starts IN. Whether the connection is still good. */
static bool take(struct lanes *lanes, struct lane *lane, const struct framed_frame *frame,
                 int verdict, struct buffer *in, uint64_t now_ns)
{
    const uint8_t *payload = buffer_bytes(in) + frame->payload;
    size_t length = lane->verified + frame->length; /* with the fragments before */
    bool last = verdict == FRAMED_OK;

    if (lane_owed(lane) == 0) {
        tally_fault(&lanes->tally, &lanes->tally.wrong, 1, "a reply that nobody has asked for");
        return false;
    }
    if (!is_right(lanes, lane, payload, frame->length, last)) {
        tally_fault(&lanes->tally, &lanes->tally.wrong, 1,
                    "connection %u: the reply to message %llu is another, of %zu bytes",
                    lane->number, (unsigned long long)lane->settled, frame->length);
        lane->settled++; /* it was answered, if wrongly */
        lanes->owed--;
        return false;
    }
    if (last)
        settle(lanes, lane, length, now_ns);
    return true;
}

/* Takes all whole replies from IN, in which there is no more to come when ENDED. Returns how many
 * bytes the next needs at least, or 0: the connection is of no more use. */
static size_t decode(struct lanes *lanes, struct lane *lane, struct buffer *in, bool ended,
                     uint64_t now_ns)
{
    const struct framed_framing *framing = lanes->plan->reply_framing;
    struct framed_frame frame;

    for (;;) {
        int verdict = framed_decode(framing, &lane->decoder, buffer_bytes(in), in->length, &frame);

        if (verdict == FRAMED_NEED_MORE && ended) {
            verdict =
                framed_decode_end(framing, &lane->decoder, buffer_bytes(in), in->length, &frame);
            if (verdict == FRAMED_OK)
                take(lanes, lane, &frame, verdict, in, now_ns);
            return 0;
        }
        if (verdict == FRAMED_NEED_MORE)
            return frame.need;
        if (verdict >= FRAMED_ERROR_FIRST) {
            tally_fault(&lanes->tally, &lanes->tally.wrong, 1, "a reply is no %s message: %s",
                        framed_framing_name(framing), framed_verdict_word(verdict));
            return 0;
        }
        if (verdict != FRAMED_SKIP && !take(lanes, lane, &frame, verdict, in, now_ns))
            return 0;
        buffer_take(in, frame.size);
    }
}

/* Whether the greeting, or what has come of it, is over. */
static bool greeted(struct lane *lane, struct buffer *in)
{
    size_t part = lane->greeting < in->length ? lane->greeting : in->length;

    buffer_take(in, part);
    lane->greeting -= part;
    return lane->greeting == 0;
}

uint64_t lane_readable(struct lanes *lanes, struct lane *lane)
{
    bool keeps = lane->in.length > 0 || lanes->plan->size_max >= LANE_LARGE;
    struct buffer *in = keeps ? &lane->in : &lanes->in;
    size_t whole = lanes->plan->size_max + FRAMED_HEAD_MAX + FRAMED_TAIL_MAX;
    size_t room = whole > RECEIVE_SIZE ? whole : RECEIVE_SIZE, need;
    uint64_t now_ns;
    ssize_t got;

    if (!keeps)
        buffer_clear(in);
    got = recv(lane->fd, buffer_reserve(in, room), room, lanes->lone ? 0 : MSG_DONTWAIT);
    now_ns = clock_ns();
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return now_ns;
    lane->heard_ns = now_ns;
    if (got < 0) {
        give_up(lanes, lane, -errno);
        return now_ns;
    }
    buffer_added(in, (size_t)got);
    if (lane->greeting > 0 && !greeted(lane, in) && got > 0)
        return now_ns;
    need = decode(lanes, lane, in, got == 0, now_ns);
    if (got == 0 || need == 0)
        give_up(lanes, lane, 0);
    else if (lanes->plan->connects && lane->sent > lane->first && lane_owed(lane) == 0)
        lane_close(lanes, lane);
    else if (!keeps)
        buffer_append(&lane->in, buffer_bytes(in), in->length);
    return now_ns;
}

void lane_check(struct lanes *lanes, struct lane *lane, uint64_t now_ns)
{
    uint64_t timeout_ns = lanes->plan->timeout_ms * 1000000;

    if (lane->state == LANE_CONNECTING && now_ns - lane->opened_ns > timeout_ns) {
        refuse(lanes, lane, ETIMEDOUT);
    } else if (lane_owed(lane) > 0 && now_ns - lane->heard_ns > timeout_ns) {
        tally_fault(&lanes->tally, &lanes->tally.late, lane_owed(lane),
                    "connection %u: no reply within %llu ms", lane->number,
                    (unsigned long long)lanes->plan->timeout_ms);
        lane_close(lanes, lane);
    }
}

void lane_deinit(struct lane *lane)
{
    if (lane->fd >= 0)
        close(lane->fd);
    buffer_deinit(&lane->in);
    buffer_deinit(&lane->out);
    free(lane->begun_ns);
}
