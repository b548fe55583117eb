/* A connection from one process to another: whole, or not at all. */
#include "ipc/parcel.h"

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int shelf[2]; /* put into the first, taken from the second */
static int before;   /* descriptors */

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void set_up(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, shelf),
                     0);
    before = count_descriptors();
}

/* Nothing is left of what came, or did not. */
static void tear_down(void)
{
    ck_assert_int_eq(count_descriptors(), before);
    close(shelf[0]);
    close(shelf[1]);
}

/* A connection with LENGTH bytes unread, and SAVED of its handler's, which goes over the shelf and
 * is the same there. */
static void travel(size_t length, size_t saved)
{
    uint8_t bytes[PARCEL_SAVED_MAX];
    int ends[2];
    char byte = 'x';
    struct parcel out = {.id = 7, .messages = 8, .heard_ms = 9, .frame_since_ms = length ? 10 : 0};
    struct parcel in;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    out.fd = ends[0];
    out.peer.ss_family = AF_UNIX;
    out.peer_length = 2;
    out.parked.need = 11;
    out.parked.decoder.scanned = 12;
    memset(bytes, 's', sizeof(bytes));
    out.saved = (struct saved){.made = saved > 0, .data = bytes, .length = saved};
    if (length > 0) {
        /* Only what is in use travels. */
        out.parked.unread = (struct framed_buffer){
            .data = malloc(length + 30), .start = 10, .end = 10 + length, .size = length + 30};
        memset(out.parked.unread.data, 'u', length + 30);
        out.parked.unread.data[10 + length / 2] = 'm';
    }
    ck_assert_int_eq(parcel_send(shelf[0], &out), 0);
    close(ends[0]);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), 1);
    ck_assert_uint_eq(in.id, 7);
    ck_assert_uint_eq(in.messages, 8);
    ck_assert_uint_eq(in.heard_ms, 9);
    ck_assert_uint_eq(in.frame_since_ms, out.frame_since_ms);
    ck_assert_int_eq(in.peer.ss_family, AF_UNIX);
    ck_assert_uint_eq(in.peer_length, 2);
    ck_assert_uint_eq(in.parked.need, 11);
    ck_assert_uint_eq(in.parked.decoder.scanned, 12);
    ck_assert_uint_eq(in.parked.unread.end - in.parked.unread.start, length);
    if (length > 0)
        ck_assert_mem_eq(in.parked.unread.data + in.parked.unread.start,
                         out.parked.unread.data + 10, length);
    ck_assert_int_eq(in.saved.made, saved > 0);
    ck_assert_uint_eq(in.saved.length, saved);
    if (saved > 0)
        ck_assert_mem_eq(in.saved.data, bytes, saved);
    free(in.saved.data);
    ck_assert_int_eq(fcntl(in.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(fcntl(in.fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(send(ends[1], &byte, 1, 0), 1);
    ck_assert_int_eq(recv(in.fd, &byte, 1, 0), 1);
    framed_parked_free(&out.parked);
    framed_parked_free(&in.parked);
    close(in.fd);
    close(ends[1]);
}

START_TEST(arrives_as_it_was)
{
    static const size_t lengths[] = {0, 1, 16 * 1024, 16 * 1024 + 1, 3 * 1024 * 1024};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        travel(lengths[i], 0);
        travel(lengths[i], 1);
        travel(lengths[i], PARCEL_SAVED_MAX);
    }
}
END_TEST

START_TEST(nothing_there)
{
    struct parcel parcel;

    ck_assert_int_eq(parcel_receive(shelf[1], &parcel), -EAGAIN);
}
END_TEST

START_TEST(full_shelf)
{
    const struct parcel out = {.fd = STDERR_FILENO};
    struct parcel in;
    unsigned put = 0;
    int result;

    while ((result = parcel_send(shelf[0], &out)) == 0)
        put++;
    ck_assert_int_eq(result, -EAGAIN);
    ck_assert_uint_gt(put, 10);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), 1);
    close(in.fd);
    ck_assert_int_eq(parcel_send(shelf[0], &out), 0);
    for (unsigned i = 0; i < put; i++) {
        ck_assert_int_eq(parcel_receive(shelf[1], &in), 1);
        close(in.fd);
    }
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EAGAIN);
}
END_TEST

/* LENGTH bytes of DATA as a packet, with COUNT descriptors. */
static void send_raw(const void *data, size_t length, size_t count)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 3)] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > 0) {
        struct cmsghdr *header;

        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        for (size_t i = 0; i < count; i++)
            ((int *)(void *)CMSG_DATA(header))[i] = STDERR_FILENO;
    }
    ck_assert_int_eq(sendmsg(shelf[0], &message, 0), length);
}

/* What is sent for a parcel, cut, stretched, or with other descriptors than it says. */
START_TEST(what_is_no_parcel)
{
    const struct parcel out = {.fd = STDERR_FILENO};
    static char packet[64 * 1024];
    struct parcel in;
    ssize_t length;

    ck_assert_int_eq(parcel_send(shelf[0], &out), 0);
    length = recv(shelf[1], packet, sizeof(packet), 0);
    ck_assert_int_gt(length, 0);
    for (size_t count = 0; count <= 3; count++) {
        send_raw(packet, (size_t)length, count);
        ck_assert_int_eq(parcel_receive(shelf[1], &in), count == 1 ? 1 : -EBADMSG);
        if (count == 1)
            close(in.fd);
    }
    send_raw(packet, (size_t)length - 1, 1);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EBADMSG);
    send_raw(packet, (size_t)length + 1, 1);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EBADMSG);
    send_raw(packet, sizeof(packet), 1);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EBADMSG);
    packet[0] ^= 1;
    send_raw(packet, (size_t)length, 1);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EBADMSG);
    send_raw("x", 1, 0);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), -EBADMSG);
}
END_TEST

/* It waits until there is room: the kernel would close it. */
START_TEST(no_descriptor_left)
{
    const struct parcel out = {.fd = STDERR_FILENO};
    struct rlimit limit;
    struct parcel in;
    int result;

    ck_assert_int_eq(parcel_send(shelf[0], &out), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, limit.rlim_max}), 0);
    result = parcel_receive(shelf[1], &in);
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(result, -EMFILE);
    ck_assert_int_eq(parcel_receive(shelf[1], &in), 1);
    close(in.fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parcel");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, arrives_as_it_was);
    tcase_add_test(all, nothing_there);
    tcase_add_test(all, full_shelf);
    tcase_add_test(all, what_is_no_parcel);
    tcase_add_test(all, no_descriptor_left);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
