/*
 * A configuration in the making: what a file and a command line have in common. Each value given is
 * set with the place where it stood; errors go to the report and the draft goes on, so that one run
 * shows as many as possible.
 */
#ifndef FRAMED_CONFIG_DRAFT_H
#define FRAMED_CONFIG_DRAFT_H

#include "config/report.h"
#include "config/schema.h"

#include <stdbool.h>

struct draft {
    struct config *config;
    struct report *report;
    struct service_config service; /* the one being read */
    bool in_service;
    bool in_framing; /* the last of the configuration's */
    bool is_given[KEY_COUNT];
    struct place given[KEY_COUNT]; /* where */
};

/* Starts an empty configuration with all defaults. 0 or -ENOMEM, reported too. */
int draft_init(struct draft *draft, struct report *report);

/* Frees what was not taken. */
void draft_deinit(struct draft *draft);

/* Starts a service with all defaults; NAME may be wrong, draft_end_service() tells. */
void draft_begin_service(struct draft *draft, const char *name, const char *file, unsigned line);

/* Sets the key of PLACE->row; MORE: one more value of a list that this assignment has begun. The
 * strings of PLACE must stay for the life of the draft. */
void draft_set(struct draft *draft, const char *text, bool more, const struct place *place);

/* Checks the service and adds it to the configuration. */
void draft_end_service(struct draft *draft);

/* Forgets a service that was begun and not ended: a syntax error came between. */
void draft_drop_service(struct draft *draft);

/* Checks the whole; the configuration, which the caller frees, or NULL after any error. */
struct config *draft_finish(struct draft *draft);

#endif
