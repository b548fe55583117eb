/* What somebody may have meant: the nearest of some names. */
#ifndef FRAMED_CONFIG_SUGGEST_H
#define FRAMED_CONFIG_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *wanted;
    const char *best; /* NULL: nothing is near enough */
    size_t distance;
};

/* Starts looking for what is near WANTED. */
void suggest_init(struct suggest *suggest, const char *wanted);

/* Considers NAME; `_` and `-` are the same, so that keys and options can be compared. */
void suggest_consider(struct suggest *suggest, const char *name);

/* Typing errors between A and B: a byte more, less, another one, or two swapped. */
size_t suggest_distance(const char *a, const char *b);

#endif
