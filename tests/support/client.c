#include "support/client.h"

#include "support/daemon.h"
#include "support/until.h"

#include <framed/address.h>

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define REPLY_MAX ((size_t)64 << 20)

struct framed_client *client_open(const char *address, const char *framing)
{
    struct framed_client *client = NULL;
    char error[512] = "";
    int result = framed_client_open(expand(address), framing, REPLY_MAX, BOUND_MS, &client, error,
                                    sizeof(error));

    ck_assert_msg(result == 0, "%s: %s", address, error);
    return client;
}

void client_send(struct framed_client *client, const char *text)
{
    ck_assert_int_eq(framed_client_send(client, text, strlen(text)), FRAMED_OK);
    ck_assert_int_eq(framed_client_flush(client), 0);
}

void client_receive(struct framed_client *client, const char *reply)
{
    const void *data = NULL;
    size_t length = 0;
    int result = framed_client_receive(client, &data, &length);

    ck_assert_msg(result == FRAMED_OK, "no reply: %d (%s)", result,
                  result < 0 ? strerror(-result) : framed_verdict_word(result));
    ck_assert_msg(length == strlen(reply) && memcmp(data, reply, length) == 0,
                  "the reply is \"%.*s\", not \"%s\"", (int)length, (const char *)data, reply);
}

void client_expect(struct framed_client *client, const char *text, const char *reply)
{
    client_send(client, text);
    client_receive(client, reply);
}

void client_once(const char *address, const char *framing, const char *text, const char *reply)
{
    struct framed_client *client = client_open(address, framing);

    client_expect(client, text, reply);
    framed_client_free(client);
}

void client_expect_end(struct framed_client *client)
{
    const void *data;
    size_t length;

    ck_assert_int_eq(framed_client_receive(client, &data, &length), -ENODATA);
}

int raw_connect(const char *address)
{
    const struct timeval bound = {.tv_sec = BOUND_MS / 1000};
    struct framed_address parsed;
    char error[512] = "";
    int fd;

    ck_assert_msg(framed_address_parse(expand(address), &parsed, error, sizeof(error)) == 0, "%s",
                  error);
    fd = framed_connect(&parsed, BOUND_MS, error, sizeof(error));
    ck_assert_msg(fd >= 0, "%s: %s", address, error);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
    return fd;
}

void raw_send(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);

        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        at += sent;
        length -= (size_t)sent;
    }
}

void raw_expect(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        char bytes[4096];
        ssize_t got = recv(fd, bytes, length < sizeof(bytes) ? length : sizeof(bytes), 0);

        ck_assert_msg(got > 0, "recv: %s", got == 0 ? "end of stream" : strerror(errno));
        ck_assert_msg(memcmp(bytes, at, (size_t)got) == 0, "found \"%.*s\", expected \"%.*s\"",
                      (int)got, bytes, (int)length, at);
        at += got;
        length -= (size_t)got;
    }
}

enum raw_end raw_end_within(int fd, unsigned ms)
{
    uint64_t limit = now_ms() + ms;
    enum raw_end end = RAW_TIMEOUT;

    while (now_ms() < limit) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        char scrap[4096];
        ssize_t got = poll(&ready, 1, 50) > 0 ? recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT) : 1;

        if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
            continue;
        end = got == 0 ? RAW_EOF : RAW_RESET;
        break;
    }
    close(fd);
    return end;
}
