#include "ipc/parcel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6c65637261702031)
/* More unread bytes than this do not travel in the packet, but in a file of memory beside it. */
#define PACKED_MAX ((size_t)16 * 1024)
#define FDS_MAX 2
/* The head, what is saved, and what is unread. */
#define PARTS 3

struct head {
    uint64_t magic;
    uint64_t length; /* of the unread bytes */
    struct parcel parcel;
};

struct packet {
    struct msghdr message;
    struct iovec parts[PARTS];
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
};

static void add_fds(struct packet *packet, const int *fds, size_t count)
{
    struct cmsghdr *header;

    packet->message.msg_control = packet->control;
    packet->message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    header = CMSG_FIRSTHDR(&packet->message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
}

/* All of DATA in a file of memory: its descriptor, or a negative errno. */
static int put_aside(const uint8_t *data, size_t length)
{
    int fd = memfd_create("framed-unread", MFD_CLOEXEC);
    size_t done = 0;

    if (fd < 0)
        return -errno;
    while (done < length) {
        ssize_t some = write(fd, data + done, length - done);

        if (some < 0 && errno != EINTR) {
            int result = -errno;

            close(fd);
            return result;
        }
        done += some > 0 ? (size_t)some : 0;
    }
    return fd;
}

static int send_packet(int socket, struct packet *packet)
{
    ssize_t sent;

    do
        sent = sendmsg(socket, &packet->message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    /* Descriptors in flight are bounded, too: whoever takes some makes room. */
    if (sent < 0 && errno == ENOBUFS)
        return -ETOOMANYREFS;
    return sent < 0 ? -errno : 0;
}

int parcel_send(int socket, const struct parcel *parcel)
{
    const struct framed_buffer *unread = &parcel->parked.unread;
    struct head head = {.magic = MAGIC, .length = unread->end - unread->start, .parcel = *parcel};
    struct packet packet = {
        .parts = {{&head, sizeof(head)}, {parcel->saved.data, parcel->saved.length}}};
    int fds[FDS_MAX] = {parcel->fd, -1};
    int result;

    packet.message.msg_iov = packet.parts;
    packet.message.msg_iovlen = 2;
    if (head.length > PACKED_MAX) {
        fds[1] = put_aside(unread->data + unread->start, head.length);
        if (fds[1] < 0)
            return fds[1];
    } else if (head.length > 0) {
        packet.parts[2] = (struct iovec){unread->data + unread->start, head.length};
        packet.message.msg_iovlen = 3;
    }
    add_fds(&packet, fds, fds[1] < 0 ? 1 : 2);
    result = send_packet(socket, &packet);
    if (fds[1] >= 0)
        close(fds[1]);
    return result;
}

static size_t take_fds(struct msghdr *message, int fds[FDS_MAX])
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t count;

    if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
        return 0;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    return count;
}

/* What went beside the packet: LENGTH bytes of the file FD. */
static bool read_aside(int fd, uint8_t *data, size_t length)
{
    size_t done = 0;

    while (done < length) {
        ssize_t some = pread(fd, data + done, length - done, (off_t)done);

        if (some == 0 || (some < 0 && errno != EINTR))
            return false;
        done += some > 0 ? (size_t)some : 0;
    }
    return true;
}

/* Whether what says that it is a parcel is one: GOT bytes with COUNT descriptors. */
static bool is_sound(const struct head *head, size_t got, size_t count)
{
    const struct framed_parked *parked = &head->parcel.parked;
    size_t packed = head->length > PACKED_MAX ? 0 : head->length;

    return got >= sizeof(*head) && head->magic == MAGIC &&
           head->parcel.saved.length <= PARCEL_SAVED_MAX &&
           got == sizeof(*head) + head->parcel.saved.length + packed &&
           count == (head->length > PACKED_MAX ? 2 : 1) && parked->assembled <= head->length &&
           parked->gap <= head->length - parked->assembled &&
           head->parcel.peer_length <= sizeof(head->parcel.peer);
}

/* LENGTH bytes at FROM, or from a file of memory instead (FD not negative). 0 or a negative errno.
 */
static int copy(const uint8_t *from, int fd, size_t length, uint8_t **to)
{
    *to = NULL;
    if (length == 0)
        return 0;
    *to = malloc(length);
    if (!*to)
        return -ENOMEM;
    if (fd < 0)
        memcpy(*to, from, length);
    else if (!read_aside(fd, *to, length)) {
        free(*to);
        return -EBADMSG;
    }
    return 0;
}

static int unpack(const struct head *head, const uint8_t *packed, const int fds[FDS_MAX],
                  struct parcel *parcel)
{
    struct framed_buffer unread = {.end = head->length, .size = head->length};
    struct saved saved = {.made = head->parcel.saved.made, .length = head->parcel.saved.length};
    int result = copy(packed, -1, saved.length, &saved.data);

    if (result == 0)
        result = copy(packed + saved.length, fds[1], head->length, &unread.data);
    if (result < 0) {
        free(saved.data);
        return result;
    }
    *parcel = head->parcel;
    parcel->fd = fds[0];
    parcel->parked.unread = unread;
    parcel->saved = saved;
    return 1;
}

/* The kernel hands the packet out without its descriptors where there is no room for them, and
 * closes those. */
static int check_room(int socket)
{
    int first = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    int second = first < 0 ? first : fcntl(socket, F_DUPFD_CLOEXEC, 0);
    int result = second < 0 ? -errno : 0;

    if (second >= 0)
        close(second);
    if (first >= 0)
        close(first);
    return result;
}

int parcel_receive(int socket, struct parcel *parcel)
{
    uint8_t packed[PARCEL_SAVED_MAX + PACKED_MAX];
    struct head head;
    struct packet packet = {.parts = {{&head, sizeof(head)}, {packed, sizeof(packed)}}};
    int fds[FDS_MAX] = {-1, -1};
    int result = check_room(socket);
    size_t count;
    ssize_t got;

    if (result < 0)
        return result;
    packet.message = (struct msghdr){.msg_iov = packet.parts,
                                     .msg_iovlen = 2,
                                     .msg_control = packet.control,
                                     .msg_controllen = sizeof(packet.control)};
    do
        got = recvmsg(socket, &packet.message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return got < 0 ? -errno : 0;
    count = take_fds(&packet.message, fds);
    result = -EBADMSG;
    if (!(packet.message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
        is_sound(&head, (size_t)got, count))
        result = unpack(&head, packed, fds, parcel);
    if (fds[0] >= 0 && result < 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    return result;
}
