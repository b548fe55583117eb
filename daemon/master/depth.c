#include "master/depth.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

int depth_open(void)
{
    return socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
}

static bool ask_tcp(int fd, struct depth *depth)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return false;
    /* For a listener these two mean something else than for a connection. */
    *depth = (struct depth){.waiting = info.tcpi_unacked, .limit = info.tcpi_sacked};
    return true;
}

static bool send_request(int diag_fd, ino_t inode)
{
    const struct {
        struct nlmsghdr head;
        struct unix_diag_req body;
    } request = {
        .head = {.nlmsg_len = sizeof(request),
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST,
                 .nlmsg_seq = (uint32_t)inode},
        .body = {.sdiag_family = AF_UNIX,
                 .udiag_states = UINT32_MAX,
                 .udiag_ino = (uint32_t)inode,
                 .udiag_show = UDIAG_SHOW_RQLEN,
                 .udiag_cookie = {UINT32_MAX, UINT32_MAX}}, /* whichever it is */
    };

    return send(diag_fd, &request, sizeof(request), MSG_DONTWAIT) == (ssize_t)sizeof(request);
}

/* The lengths of the queue, if REPLY (LENGTH bytes) tells them of INODE. */
static bool read_reply(struct nlmsghdr *reply, size_t length, ino_t inode, struct depth *depth)
{
    const struct unix_diag_msg *body = NLMSG_DATA(reply);
    const char *at = (const char *)(body + 1);
    const char *end = (const char *)reply + length;
    struct unix_diag_rqlen lengths;
    struct rtattr attribute;

    if (length < NLMSG_LENGTH(sizeof(*body)) || reply->nlmsg_len != length ||
        reply->nlmsg_type != SOCK_DIAG_BY_FAMILY || body->udiag_ino != (uint32_t)inode)
        return false;
    for (; end - at >= (ptrdiff_t)sizeof(attribute); at += RTA_ALIGN(attribute.rta_len)) {
        memcpy(&attribute, at, sizeof(attribute));
        if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > end - at)
            return false;
        if (attribute.rta_type != UNIX_DIAG_RQLEN ||
            attribute.rta_len < RTA_LENGTH(sizeof(lengths)))
            continue;
        memcpy(&lengths, at + RTA_LENGTH(0), sizeof(lengths));
        *depth = (struct depth){.waiting = lengths.udiag_rqueue, .limit = lengths.udiag_wqueue};
        return true;
    }
    return false;
}

/* The kernel answers within the send: there is nothing to wait for. */
static bool ask_unix(int diag_fd, int fd, struct depth *depth)
{
    union {
        struct nlmsghdr head;
        char bytes[512];
    } reply;
    struct stat about;
    ssize_t length;

    if (diag_fd < 0 || fstat(fd, &about) < 0 || !send_request(diag_fd, about.st_ino))
        return false;
    while ((length = recv(diag_fd, &reply, sizeof(reply), MSG_DONTWAIT)) > 0)
        if (read_reply(&reply.head, (size_t)length, about.st_ino, depth))
            return true;
    return false;
}

struct depth depth_measure(int diag_fd, int fd)
{
    struct pollfd listener = {.fd = fd, .events = POLLIN};
    struct depth depth;

    if (ask_tcp(fd, &depth) || ask_unix(diag_fd, fd, &depth))
        return depth;
    return (struct depth){.waiting = poll(&listener, 1, 0) > 0};
}
