/*
 * A connection on its way from one process to another: one packet of a SOCK_SEQPACKET socket, with
 * the connection's descriptor (SCM_RIGHTS, unix(7)). It is sent whole or not at all, and whoever
 * takes it has it alone.
 */
#ifndef FRAMED_IPC_PARCEL_H
#define FRAMED_IPC_PARCEL_H

#include <framed/conn.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* What a handler has given a connection. */
#define PARCEL_SAVED_MAX 4096
struct saved {
    bool made; /* though it may be of no bytes */
    uint8_t *data;
    size_t length;
};

struct parcel {
    int fd;
    uint64_t id;
    bool greeted;            /* by the worker that accepted it */
    uint64_t messages;       /* that it has sent */
    uint64_t heard_ms;       /* as of struct client, with the next */
    uint64_t frame_since_ms; /* 0: between messages */
    struct sockaddr_storage peer;
    socklen_t peer_length;
    struct framed_parked parked; /* where it goes on */
    struct saved saved;
};

/* Sends PARCEL, which stays the caller's. 0, -EAGAIN (there is no room: poll(2) tells when there
 * is), -ETOOMANYREFS (nor is there, and nobody tells: PARCEL_AGAIN_MS), or another negative errno.
 */
#define PARCEL_AGAIN_MS 10
int parcel_send(int socket, const struct parcel *parcel);

/*
 * Takes one. 1 and *PARCEL, whose descriptor, unread and saved bytes are the caller's; 0 at the
 * end; or -EAGAIN; -EMFILE (there is no room for its descriptors: it stays where it is); -EBADMSG
 * or -ENOMEM for what is none, or cannot be kept, and is gone.
 */
int parcel_receive(int socket, struct parcel *parcel);

#endif
