/* The sending half of a lane. */
#include "tools/framebench/lane.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Bytes to send at a time, at most, or one message. */
#define SEND_SIZE ((size_t)64 * 1024)

/* What is sent ends with the stream where the framing wants that. */
static void sent_all(const struct lanes *lanes, const struct lane *lane)
{
    if (framed_framing_ends_stream(lanes->plan->framing))
        shutdown(lane->fd, SHUT_WR);
}

/* Whether there is more to send of what was begun: then LANE waits for room in its socket. */
static void set_writing(const struct lanes *lanes, struct lane *lane, bool writing)
{
    if (writing != lane->writing)
        lane_watch(lanes, lane, EPOLL_CTL_MOD, writing);
    lane->writing = writing;
    if (!writing)
        sent_all(lanes, lane);
}

/* How many of LENGTH bytes are done with after send(2) returned SENT. */
static size_t done_of(ssize_t sent, size_t length)
{
    if (sent >= 0)
        return (size_t)sent;
    /* Why the server has closed may still be to be read: the end comes with that. */
    return errno == EAGAIN || errno == EINTR ? 0 : length;
}

/* Sends OUT; what the socket does not take now waits in the lane. */
static void put(struct lanes *lanes, struct lane *lane, struct buffer *out)
{
    ssize_t sent = send(lane->fd, buffer_bytes(out), out->length, MSG_NOSIGNAL | MSG_DONTWAIT);

    buffer_take(out, done_of(sent, out->length));
    if (out != &lane->out && out->length > 0)
        buffer_append(&lane->out, buffer_bytes(out), out->length);
    set_writing(lanes, lane, out->length > 0);
}

/* Leaves out the first SIZE bytes of PARTS. How many bytes are left. */
static size_t skip(struct iovec *parts, size_t count, size_t size)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        size_t part = size < parts[i].iov_len ? size : parts[i].iov_len;

        parts[i].iov_base = (uint8_t *)parts[i].iov_base + part;
        parts[i].iov_len -= part;
        size -= part;
        left += parts[i].iov_len;
    }
    return left;
}

/* Sends the message that was begun last from where it lies, without what has gone of it: nothing is
 * copied, and what has not gone is found again. */
static void put_large(struct lanes *lanes, struct lane *lane)
{
    struct framed_envelope *envelope = &lane->envelope;
    struct iovec parts[] = {
        {.iov_base = envelope->head, .iov_len = envelope->head_length},
        {.iov_base = lanes->text.payload, .iov_len = envelope->taken},
        {.iov_base = envelope->tail, .iov_len = envelope->tail_length},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    size_t left = skip(parts, 3, lane->gone), length, done;

    text_payload(&lanes->text, lane->number, lane->sent - 1, &length); /* others have been there */
    done = done_of(sendmsg(lane->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT), left);
    lane->gone += done;
    lane->large = done < left;
    set_writing(lanes, lane, lane->large);
}

void lane_flush(struct lanes *lanes, struct lane *lane)
{
    if (lane->large)
        put_large(lanes, lane);
    else
        put(lanes, lane, &lane->out);
}

/* Whether the next message is sent from where it lies; LANE then has its envelope. A small one is
 * cheaper to copy, and one in fragments has many envelopes. */
static bool is_large(struct lanes *lanes, struct lane *lane)
{
    size_t length;
    const uint8_t *payload;

    return lanes->plan->size_max >= LANE_LARGE &&
           text_encode(&lanes->text, lane->number, lane->sent, lane->sent == lane->first,
                       &lane->envelope, &payload, &length) == FRAMED_OK &&
           length >= LANE_LARGE && lane->envelope.taken == length;
}

/* Counts a message as sent, that began at BEGUN_NS. */
static void begin(struct lanes *lanes, struct lane *lane, uint64_t begun_ns)
{
    lane->gone = 0;
    lanes->allowed--;
    lane->begun_ns[lane->sent & lanes->ring_mask] = begun_ns;
    lane->sent++;
    lanes->owed++;
}

/* Adds the message that was begun last to OUT. Whether that can be. */
static bool append(struct lanes *lanes, struct lane *lane, struct buffer *out)
{
    uint64_t number = lane->sent - 1;
    int verdict = text_append(&lanes->text, lane->number, number, number == lane->first, out);

    if (verdict == FRAMED_OK)
        return true;
    /* plan_init() has tried one: this is not usual. */
    tally_fault(&lanes->tally, &lanes->tally.wrong, 1, "a message cannot be sent: %s",
                framed_verdict_word(verdict));
    lane_close(lanes, lane);
    return false;
}

uint64_t lane_send(struct lanes *lanes, struct lane *lane, uint64_t count, uint64_t begun_ns,
                   uint64_t now_ns)
{
    struct buffer *out = &lanes->out;
    uint64_t begun = 0;

    buffer_clear(out);
    if (lane_owed(lane) == 0)
        lane->heard_ns = now_ns;
    while (begun < count && lane_has_room(lanes, lane) && out->length < SEND_SIZE) {
        bool large = is_large(lanes, lane);

        if (large && out->length > 0) { /* those before it come first, and may fill the socket */
            put(lanes, lane, out);
            buffer_clear(out);
            continue;
        }
        begin(lanes, lane, begun_ns);
        begun++;
        if (large)
            put_large(lanes, lane);
        else if (!append(lanes, lane, out))
            return begun;
    }
    if (out->length > 0)
        put(lanes, lane, out);
    return begun;
}
