#include "master/lookup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lookup {
    struct lookup *next;
    struct framed_address address;
    struct framed_endpoint endpoints[FRAMED_ENDPOINTS_MAX];
    int count;
};

static const struct lookup *find(const struct lookups *lookups,
                                 const struct framed_address *address)
{
    const struct lookup *lookup = lookups->first;

    while (lookup && (strcmp(lookup->address.host, address->host) != 0 ||
                      lookup->address.port != address->port))
        lookup = lookup->next;
    return lookup;
}

/* Whether it takes no name server to know it. */
static bool is_local(const struct framed_address *address)
{
    struct in6_addr scrap;

    return address->kind != FRAMED_ADDRESS_TCP || !address->host[0] ||
           strcmp(address->host, "localhost") == 0 || strchr(address->host, '%') ||
           inet_pton(AF_INET, address->host, &scrap) == 1 ||
           inet_pton(AF_INET6, address->host, &scrap) == 1;
}

/* Without memory it is not known to a reload; nothing else is lost. */
static void keep(struct lookups *lookups, const struct framed_address *address,
                 const struct framed_endpoint *endpoints, int count)
{
    struct lookup *lookup = malloc(sizeof(*lookup));

    if (!lookup)
        return;
    *lookup = (struct lookup){.next = lookups->first, .address = *address, .count = count};
    memcpy(lookup->endpoints, endpoints, (size_t)count * sizeof(*endpoints));
    lookups->first = lookup;
}

int lookup_endpoints(struct lookups *lookups, const struct framed_address *address,
                     struct framed_endpoint *endpoints, size_t max, char *error, size_t size)
{
    const struct lookup *known = NULL;
    int count;

    if (is_local(address))
        return framed_address_resolve(address, true, endpoints, max, error, size);
    known = find(lookups, address);
    if (known) {
        memcpy(endpoints, known->endpoints, (size_t)known->count * sizeof(*endpoints));
        return known->count;
    }
    if (lookups->closed) {
        snprintf(error, size,
                 "found host \"%s\", which framed did not listen on when it started: names are "
                 "looked up only then; allowed: an address, or a restart",
                 address->host);
        return -EBUSY;
    }
    count = framed_address_resolve(address, true, endpoints, max, error, size);
    if (count > 0)
        keep(lookups, address, endpoints, count);
    return count;
}

void lookup_free(struct lookups *lookups)
{
    while (lookups->first) {
        struct lookup *next = lookups->first->next;

        free(lookups->first);
        lookups->first = next;
    }
}
