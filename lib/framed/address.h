/*
 * Addresses: the words that say where to listen or to connect.
 *
 *   tcp:HOST:PORT   tcp:[::1]:PORT   tcp:*:PORT (both IP versions)
 *   unix:PATH[,mode=0660][,user=NAME][,group=NAME]   unix:@NAME (abstract)
 *
 * PORT is a number from 0 to 65535, MODE is octal, PATH holds no comma.
 */
#ifndef FRAMED_ADDRESS_H
#define FRAMED_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define FRAMED_ADDRESS_TEXT_SIZE 320
#define FRAMED_ENDPOINTS_MAX 8

enum framed_address_kind {
    FRAMED_ADDRESS_TCP,
    FRAMED_ADDRESS_UNIX
};

struct framed_address {
    enum framed_address_kind kind;
    char host[256]; /* TCP: a name or a number without brackets; empty for "*" */
    uint16_t port;  /* TCP: 0 lets the kernel choose one (listeners only) */
    char path[108]; /* Unix: without the "@" when abstract */
    bool abstract;  /* Unix: in the abstract namespace */
    mode_t mode;    /* Unix: permissions of the socket file; 0660 unless told */
    char user[64];  /* Unix: owner of the socket file; empty: unchanged */
    char group[64]; /* Unix: group of the socket file; empty: unchanged */
};

/* One place that an address stands for. */
struct framed_endpoint {
    struct sockaddr_storage address;
    socklen_t length;
};

/*
 * Reads TEXT into *ADDRESS. 0, or -EINVAL with a message in ERROR (SIZE bytes) that says what was
 * found and what is allowed; *ADDRESS is then untouched. Looks nothing up.
 */
int framed_address_parse(const char *text, struct framed_address *address, char *error,
                         size_t size);

/*
 * Finds the endpoints of ADDRESS, at most MAX of them: by getaddrinfo(3) for names. PASSIVE for
 * listening ("*" is then the IPv6 wildcard first, the IPv4 one second). Their number (at least 1),
 * or a negative errno with a message in ERROR.
 */
int framed_address_resolve(const struct framed_address *address, bool passive,
                           struct framed_endpoint *endpoints, size_t max, char *error, size_t size);

/*
 * Writes a socket address the way framed_address_parse() reads it ("tcp:127.0.0.1:7000",
 * "tcp:[::1]:7000", "unix:/run/x.sock", "unix:@name", "unix:" for an unnamed one) into TEXT (SIZE
 * bytes, always terminated). An IPv4 address mapped into IPv6 is written as IPv4.
 */
void framed_address_format(const struct sockaddr *address, socklen_t length, char *text,
                           size_t size);

/*
 * Connects to ADDRESS, trying its endpoints in turn, for at most TIMEOUT_MS milliseconds altogether
 * (0: as long as the kernel tries); looking up a name takes the time that the resolver takes. TCP
 * sockets get TCP_NODELAY. A blocking, close-on-exec descriptor that the caller owns, or a negative
 * errno with a message in ERROR.
 */
int framed_connect(const struct framed_address *address, unsigned timeout_ms, char *error,
                   size_t size);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
