/*
 * The connections that a process has. One at most is in hand; the others wait, in the order in
 * which their time is over: all of a kind may wait equally long, so the first of a list is the
 * first to be closed for its silence. They are found by their descriptor.
 */
#ifndef FRAMED_IPC_HELD_H
#define FRAMED_IPC_HELD_H

#include "ipc/parcel.h"

#include <framed/conn.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum held_list {
    HELD_QUIET,  /* between messages */
    HELD_BEGUN,  /* have sent a part of one */
    HELD_CALLED, /* have sent something, and wait for a worker */
    HELD_LISTS,
    HELD_IN_HAND = HELD_LISTS, /* or new: in no list */
};

/* All that is a connection's, and not its worker's or the handler's. */
struct client {
    struct client *next;
    struct client *previous;
    enum held_list list;
    uint64_t since_ms; /* the list's order: when it began to wait, or when its message began */
    int fd;
    bool watched; /* in the process's epoll set */
    bool opened;  /* the handler knows it */
    bool greeted; /* by whoever accepted it */
    bool stays;   /* the handler says that it cannot go to another worker */
    bool asked;   /* whether it has a message yet, since the worker was told to leave */
    uint64_t id;
    uint64_t messages;
    uint64_t heard_ms;       /* when bytes last came or had gone, or it was accepted */
    uint64_t replies_before; /* worker_replies() when it came, less what others were given since */
    uint64_t frame_since_ms; /* when the message that is incomplete now began; 0: none is */
    struct sockaddr_storage peer;
    socklen_t peer_length;
    void *state; /* the handler's, while the client is not in hand */
    struct framed_parked parked;
    struct saved saved; /* on its way: what the handler has given it */
};

struct held {
    struct client *first[HELD_LISTS];
    struct client *last[HELD_LISTS];
    struct client **by_fd;
    size_t room;
    unsigned count; /* with the one in hand */
    size_t unread;  /* bytes that those who wait have of unfinished messages */
};

/* Adds CLIENT, in hand. 0 or -ENOMEM. */
int held_add(struct held *held, struct client *client);

/* Takes CLIENT out, wherever it is. */
void held_remove(struct held *held, struct client *client);

/* The client with FD, or NULL. */
struct client *held_find(const struct held *held, int fd);

/* Puts CLIENT, in hand, into LIST, where it has been since SINCE_MS. */
void held_put(struct held *held, struct client *client, enum held_list list, uint64_t since_ms);

/* Takes CLIENT in hand; harmless on one that is. */
void held_take(struct held *held, struct client *client);

/* The next to be dealt with when all have to go; NULL: none is left but one in hand. */
struct client *held_first(const struct held *held);

/* When the first of LIST, whose clocks are coarse, has waited for LIMIT_MS, and not sooner
 * (monotonic ms); 0: never, or LIMIT_MS is 0. */
uint64_t held_due_ms(const struct held *held, enum held_list list, uint64_t limit_ms);

/* Frees what CLIENT has, but for its descriptor; or what was saved of it alone. */
void held_free_parts(struct client *client);
void held_free_saved(struct client *client);

/* A client on its way to another process: parcel_send() and parcel_receive() (ipc/parcel.h) of what
 * is to be known of it there. */
int held_send(int socket, const struct client *client);
int held_receive(int socket, struct client *client);

#endif
