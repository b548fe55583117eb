/*
 * A service's shelf: where connections lie on their way to any worker; and its intake, where they
 * lie on their way to the keeper (ipc/parcel.h). Both are kept over reloads, as listeners are, for
 * as long as the service goes on with its connections. The master holds them, and never looks at
 * what is in them.
 */
#ifndef FRAMED_MASTER_SHELF_H
#define FRAMED_MASTER_SHELF_H

#include <stdbool.h>

/* Where connections are put, and where they are taken from. */
struct shelf_ends {
    int out;
    int in;
};

struct shelf {
    unsigned references;
    struct shelf_ends workers; /* the shelf proper */
    struct shelf_ends keeper;  /* the intake */
    bool passed;               /* to a new framed, whose processes take from it */
    char *speech;              /* what its connections are like (config_speech()) */
};

/* Makes one, with a reference. 0 and *SHELF, or a negative errno. */
int shelf_new(const char *speech, struct shelf **shelf);
/* The same with the descriptors of one that another framed has made; NULL without memory. */
struct shelf *shelf_adopt(const char *speech, struct shelf_ends workers, struct shelf_ends keeper);

/* One reference more; and one less: the last closes it. NULL is harmless. */
struct shelf *shelf_share(struct shelf *shelf);
void shelf_release(struct shelf *shelf);

#endif
