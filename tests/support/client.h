/* Clients that check: one exchange at a time over libframed, and bare sockets for what no client of
 * good manners does. All waits are bounded by BOUND_MS. */
#ifndef FRAMED_TESTS_CLIENT_H
#define FRAMED_TESTS_CLIENT_H

#include "support/until.h"

#include <framed/client.h>

#include <stdbool.h>
#include <stddef.h>

/* Connected to ADDRESS ($ words expanded), speaking FRAMING; fails without. */
struct framed_client *client_open(const char *address, const char *framing);

/* Sends TEXT and takes its reply, which must be REPLY. */
void client_expect(struct framed_client *client, const char *text, const char *reply);

/* Connects, client_expect(), closes. */
void client_once(const char *address, const char *framing, const char *text, const char *reply);

/* Sends TEXT now, for a reply that is asked for later. */
void client_send(struct framed_client *client, const char *text);

/* Takes the next reply, which must be REPLY. */
void client_receive(struct framed_client *client, const char *reply);

/* Nothing but the end of the stream, in order, comes. */
void client_expect_end(struct framed_client *client);

/* A connected, blocking socket, on which nothing waits longer than BOUND_MS. */
int raw_connect(const char *address);

/* Sends all of DATA. */
void raw_send(int fd, const void *data, size_t length);
#define raw_send_text(fd, text) raw_send((fd), (text), sizeof(text) - 1)

/* The next LENGTH bytes are DATA. */
void raw_expect(int fd, const void *data, size_t length);
#define raw_expect_text(fd, text) raw_expect((fd), (text), sizeof(text) - 1)

enum raw_end {
    RAW_EOF,
    RAW_RESET,
    RAW_TIMEOUT
};

/* Reads to the end of the stream, whatever comes before it, and closes: how it ended, after at most
 * MS milliseconds. */
enum raw_end raw_end_within(int fd, unsigned ms);
#define raw_end(fd) raw_end_within((fd), BOUND_MS)

#endif
