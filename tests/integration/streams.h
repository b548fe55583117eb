/* Replies in pieces, for two programs of tests. The fixture's "stream ANNOUNCED TOTAL PIECE HOW"
 * asks for one, of the letters of the alphabet. */
#ifndef FRAMED_TESTS_STREAMS_H
#define FRAMED_TESTS_STREAMS_H

#include "support/client.h"
#include "support/daemon.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODULE "module = \"$HANDLERS/../support/handlers/good.so\""
#define ADDRESS "unix:$DIR/x.sock"
#define LETTERS 26
#define SERVICES_MAX 10
#define BYTES(literal) literal, sizeof(literal) - 1

static inline void start(const char *listen, const char *reply_framing, const char *more)
{
    char config[1024];

    snprintf(config, sizeof(config),
             "service it { listen = \"%s\" framing = line reply_framing = \"%s\"\n"
             "workers { max = 1 } handler { " MODULE " error_reply = 'sorry' }\n%s }\n",
             listen, reply_framing, more);
    daemon_start(config);
}

static inline int ask(const char *address, const char *text)
{
    int fd = raw_connect(address);

    raw_send(fd, text, strlen(text));
    return fd;
}

static inline void expect_end(int fd)
{
    char byte;

    ck_assert_msg(recv(fd, &byte, 1, 0) == 0, "more, or no end");
    close(fd);
}

/* COUNT services s0, s1 …, whose replies have the framing of FRAMING_OF, or u32be. */
static inline void start_many(size_t count, const char *(*framing_of)(size_t index))
{
    static char config[SERVICES_MAX * 256];
    size_t end = 0;

    ck_assert_uint_le(count, SERVICES_MAX);
    for (size_t i = 0; i < count; i++)
        end += (size_t)snprintf(config + end, sizeof(config) - end,
                                "service s%zu { listen = \"unix:$DIR/%zu.sock\" framing = line\n"
                                "reply_framing = \"%s\" workers { max = 1 }\n"
                                "handler { " MODULE " error_reply = 'sorry' } }\n",
                                i, i, framing_of ? framing_of(i) : "u32be");
    daemon_start(config);
}

static inline const char *address_of(size_t index)
{
    static char address[64];

    snprintf(address, sizeof(address), "unix:$DIR/%zu.sock", index);
    return address;
}

/* Reads LENGTH bytes of a reply that has had AT. */
static inline void expect_letters(int fd, size_t at, size_t length)
{
    static char wanted[(size_t)64 * 1024 + LETTERS];
    static char got[sizeof(wanted) - LETTERS];

    for (size_t i = 0; !wanted[0] && i < sizeof(wanted); i++)
        wanted[sizeof(wanted) - 1 - i] = (char)('a' + (sizeof(wanted) - 1 - i) % LETTERS);
    while (length > 0) {
        ssize_t bytes = recv(fd, got, length < sizeof(got) ? length : sizeof(got), 0);

        if (bytes <= 0 || memcmp(got, wanted + at % LETTERS, (size_t)bytes) != 0)
            ck_abort_msg("at %zu: %zd bytes, or others", at, bytes);
        at += (size_t)bytes;
        length -= (size_t)bytes;
    }
}

#endif
