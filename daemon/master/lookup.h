/*
 * What the host names of listeners stand for. A lookup may wait for a name server, and the master
 * must not wait while it serves: names are looked up at the start, and kept. A reload takes what is
 * known, addresses, and localhost.
 */
#ifndef FRAMED_MASTER_LOOKUP_H
#define FRAMED_MASTER_LOOKUP_H

#include <framed/address.h>

#include <stdbool.h>
#include <stddef.h>

struct lookup;

struct lookups {
    struct lookup *first;
    bool closed; /* no further ones */
};

/* As framed_address_resolve() for listening; -EBUSY for a name that would have to be looked up. */
int lookup_endpoints(struct lookups *lookups, const struct framed_address *address,
                     struct framed_endpoint *endpoints, size_t max, char *error, size_t size);

void lookup_free(struct lookups *lookups);

#endif
