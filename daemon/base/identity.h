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

/*
 * Becomes IDENTITY. The master keeps CAP_NET_BIND_SERVICE, if it had it, so that a reload can still
 * bind low ports. 0, or a negative errno with a message in ERROR.
 */
int identity_become(const struct identity *identity, char *error, size_t size);

/*
 * Lets the program that is executed next have CAP_NET_BIND_SERVICE too, if we have it.
 */
void identity_bequeath(void);

/*
 * Gives up all capabilities (a worker needs none), and the chance to get any through exec. Nothing
 * happens for root that was not told to be somebody else: it is root on purpose.
 */
void identity_renounce(void);

#endif
