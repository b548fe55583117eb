/*
 * Who a process is: from root to the configured account, once and for good.
 */
#ifndef FRAMED_BASE_IDENTITY_H
#define FRAMED_BASE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct identity {
    bool change; /* false: stay who we are */
    uid_t uid;
    gid_t gid;
    char user[64]; /* for the supplementary groups */
};

/*
 * Looks up USER and GROUP (names or numbers; NULL: the user's own group, or unchanged). 0, or a
 * negative errno with a message in ERROR that names what was not found.
 */
int identity_lookup(const char *user, const char *group, struct identity *identity, char *error,
                    size_t size);

/* The capabilities that are kept, of those that are there. */
enum identity_keep {
    IDENTITY_KEEP_NONE,
    IDENTITY_KEEP_BIND,  /* low ports can still be bound */
    IDENTITY_KEEP_OTHERS /* and other processes become other users, and are killed */
};

/* Becomes IDENTITY for good. 0, or a negative errno with a message in ERROR. */
int identity_become(const struct identity *identity, enum identity_keep keep, char *error,
                    size_t size);

/* Whether children of this process can become other users, and be killed then. */
bool identity_commands_others(void);

/* Lets the program that is executed next have what identity_become() has kept. */
void identity_bequeath(void);

/*
 * Gives up all capabilities (a worker needs none), and the chance to get any through exec. Nothing
 * happens for root that was not told to be somebody else: it is root on purpose.
 */
void identity_renounce(void);

#endif
