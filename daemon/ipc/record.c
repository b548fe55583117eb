#include "ipc/record.h"

#include <errno.h>
#include <unistd.h>

int record_send(int fd, const struct record *record)
{
    ssize_t written;

    do
        written = write(fd, record, sizeof(*record));
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : 0;
}

int record_receive(int fd, struct record *record)
{
    ssize_t got;

    do
        got = read(fd, record, sizeof(*record));
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    if (got == 0)
        return 0;
    if (got != (ssize_t)sizeof(*record) || record->type == 0 || record->type >= RECORD_TYPE_END)
        return -EBADMSG;
    record->text[sizeof(record->text) - 1] = '\0';
    return 1;
}
