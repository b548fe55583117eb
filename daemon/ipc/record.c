#include "ipc/record.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int record_send(int fd, const struct record *record)
{
    ssize_t written;

    do
        written = write(fd, record, sizeof(*record));
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : 0;
}

/* Room for one descriptor. */
union ancillary {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int record_send_with(int socket, const struct record *record, int fd)
{
    union ancillary room = {.bytes = {0}};
    struct iovec whole = {.iov_len = sizeof(*record)};
    struct msghdr message = {.msg_iov = &whole, .msg_iovlen = 1};
    ssize_t sent;

    memcpy(&whole.iov_base, &record,
           sizeof(whole.iov_base)); /* iovec has no const: sendmsg only reads */
    if (fd >= 0) {
        message.msg_control = room.bytes;
        message.msg_controllen = sizeof(room.bytes);
        room.align = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fd))};
        memcpy(CMSG_DATA(&room.align), &fd, sizeof(fd));
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

/* 1, 0 at the end of the stream, -EBADMSG, or a negative errno. */
static int judge(ssize_t got, struct record *record)
{
    if (got < 0)
        return -errno;
    if (got == 0)
        return 0;
    if (got != (ssize_t)sizeof(*record) || record->type == 0 || record->type >= RECORD_TYPE_END)
        return -EBADMSG;
    record->text[sizeof(record->text) - 1] = '\0';
    return 1;
}

int record_receive(int fd, struct record *record)
{
    ssize_t got;

    do
        got = read(fd, record, sizeof(*record));
    while (got < 0 && errno == EINTR);
    return judge(got, record);
}

int record_receive_with(int fd, struct record *record, int *passed)
{
    union ancillary room;
    struct iovec whole = {.iov_base = record, .iov_len = sizeof(*record)};
    struct msghdr message = {.msg_iov = &whole,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = sizeof(room.bytes)};
    const struct cmsghdr *with;
    ssize_t got;

    *passed = -1;
    do
        got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno == ENOTSOCK)
        return record_receive(fd, record);
    with = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (with && with->cmsg_type == SCM_RIGHTS)
        memcpy(passed, CMSG_DATA(with), sizeof(*passed));
    return judge(got, record);
}
