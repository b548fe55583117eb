/*
 * Framings of a configuration: `framing NAME { }` gives a name to one, a service names one or
 * writes it out. What a name means is settled when all files are read, so that their order does not
 * matter.
 */
#ifndef FRAMED_CONFIG_FRAMINGS_H
#define FRAMED_CONFIG_FRAMINGS_H

#include "config/draft.h"

/* The key that all the parameters of libframed stand beside: a kind, a preset, another name. */
#define FRAMINGS_BASE "base"

/* The keys of a section, base being the first, one after the other; NULL after the last. */
const char *framings_key(size_t n);

/* Begins `framing NAME`, which stands at PLACE. */
void framings_begin(struct draft *draft, const char *name, const struct place *place);

/* Adds KEY = VALUE to it. */
void framings_add(struct draft *draft, const char *key, const char *value,
                  const struct place *place);

/* Ends the section. */
void framings_end(struct draft *draft);

/* Makes the framings of all services, and sees whether those of the sections can be made. */
void framings_settle(struct draft *draft);

#endif
