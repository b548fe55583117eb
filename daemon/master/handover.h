/*
 * What an old framed leaves to a new one at an upgrade: a table of descriptors, which the new one
 * inherits as they are, and a channel on which the two agree. Both may be of different versions, so
 * the table is words, and what a reader does not know is passed over.
 *
 *     old (upgrade.c)                         new (inherit.c)
 *     starts it with table and channel  --->  loads, binds, starts workers that do not serve yet
 *                                       <---  HANDOVER_READY, or HANDOVER_FAILED with the reason
 *     HANDOVER_GO                       --->  serves; all that was inherited is its own
 *     drains, and ends                  <---  HANDOVER_TAKEN
 *     be quick                          <---  HANDOVER_STOP, perhaps
 *
 * Until it is told to go, the new one touches nothing that is not its own, and when the channel
 * ends before, it leaves.
 */
#ifndef FRAMED_MASTER_HANDOVER_H
#define FRAMED_MASTER_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the environment: the descriptors of table and channel, "TABLE,CHANNEL". */
#define HANDOVER_VARIABLE "FRAMED_HANDOVER"
/* More than any table has. */
#define HANDOVER_SIZE_MAX ((size_t)16 << 20)

/* The words on the channel. */
#define HANDOVER_READY "ready"
#define HANDOVER_FAILED "failed" /* and the reason */
#define HANDOVER_GO "go"
#define HANDOVER_TAKEN "taken" /* and the descriptors of listeners that nobody serves any more */
#define HANDOVER_STOP "stop"
#define HANDOVER_MESSAGE_MAX 16384

enum handover_kind {
    HANDOVER_LISTENER, /* key and text as in struct listener */
    HANDOVER_CONTROL,  /* text: its address */
    HANDOVER_PID_FILE, /* text: its path; the descriptor holds the lock */
    HANDOVER_POOL,     /* key: the service's name; value: how many workers */
    HANDOVER_SHELF,    /* key: the service's name; value: its other descriptor; text: what its
                          connections are like */
    HANDOVER_INTAKE,   /* the same of the keeper's, behind the shelf */
    HANDOVER_KIND_COUNT
};

struct handover_entry {
    enum handover_kind kind;
    bool taken;      /* the new one has a use for it */
    uint64_t fd;     /* 0: none */
    uint64_t device; /* of a socket's file */
    uint64_t inode;
    uint64_t value;
    uint64_t drained; /* of a pool: by order */
    const char *key;  /* NULL: none */
    const char *text;
};

struct handover {
    char *data; /* that a table which was read points into */
    struct handover_entry *entries;
    size_t count;
};

/* Whether the value of an entry of KIND is a descriptor, too. */
bool handover_has_two(enum handover_kind kind);

/* Adds a copy of ENTRY, whose strings stay the caller's. 0 or -ENOMEM. */
int handover_add(struct handover *handover, const struct handover_entry *entry);
void handover_free(struct handover *handover);

/* The table as bytes, allocated, and *SIZE; NULL without memory. */
char *handover_encode(const struct handover *handover, size_t *size);
/* Reads what handover_encode() made. 0, or a negative errno with what is wrong in ERROR. */
int handover_decode(const char *data, size_t size, struct handover *handover, char *error,
                    size_t error_size);

/* The same by a file in memory: its descriptor, or a negative errno. */
int handover_write(const struct handover *handover);
int handover_read(int fd, struct handover *handover, char *error, size_t size);

/* The descriptors that the environment names. 1, 0 when it names none, or -EINVAL with a message.
 */
int handover_find(int *table_fd, int *channel_fd, char *error, size_t size);

/* Says WORD with REST (may be empty) on the channel. 0 or a negative errno. */
int handover_say(int channel_fd, const char *word, const char *rest);
/* Hears one message: its length, 0 at the channel's end, -EAGAIN or another negative errno. */
int handover_hear(int channel_fd, char message[HANDOVER_MESSAGE_MAX]);
/* What follows WORD in MESSAGE; NULL when it is another word. */
const char *handover_rest(const char *message, const char *word);

/* Tells the framed that has started us, if there is one that wants to know, why we do not start. */
void handover_refuse(const char *reason);

#endif
