/*
 * What a handler is told of a connection, as NAME=VALUE: one place for the names that programs know
 * from UCSPI servers, from CGI and from systemd.
 */
#ifndef FRAMED_HANDLER_PAIRS_H
#define FRAMED_HANDLER_PAIRS_H

#include <stddef.h>
#include <stdint.h>

struct framed_peer;

/* Each ended by its NUL. framed-record(5) promises the size. */
struct pairs {
    char text[1024];
    size_t length;
};

/* Adds one; without room for it, nothing. */
void pairs_add(struct pairs *pairs, const char *name, const char *value);
void pairs_add_number(struct pairs *pairs, const char *name, uint64_t value);

/* Who has connected, and where: PROTO, and with TCP TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP,
 * TCPLOCALPORT, with IPv6 also TCP6...; with UNIX UNIXLOCALPATH, UNIXREMOTEPID, UNIXREMOTEEUID,
 * UNIXREMOTEEGID; FRAMED_CONNECTION. */
void pairs_add_peer(struct pairs *pairs, const struct framed_peer *peer);

/* The same under the names of CGI and systemd: REMOTE_ADDR, REMOTE_HOST, REMOTE_PORT, SERVER_ADDR,
 * SERVER_NAME, SERVER_PORT. */
void pairs_add_cgi(struct pairs *pairs, const struct framed_peer *peer);

#endif
