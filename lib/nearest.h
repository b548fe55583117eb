/* What somebody may have meant: the nearest of some names. For messages to people; not installed.
 */
#ifndef FRAMED_NEAREST_H
#define FRAMED_NEAREST_H

#include <stddef.h>

struct framed_nearest {
    const char *wanted;
    const char *best; /* NULL: nothing is near enough */
    size_t distance;
};

/* Starts looking for what is near WANTED. */
void framed_nearest_init(struct framed_nearest *nearest, const char *wanted);

/* Considers NAME; case does not matter, and `_` and `-` are the same, as in keys and options. */
void framed_nearest_consider(struct framed_nearest *nearest, const char *name);

/* Typing errors between A and B: a byte more, less, another one, or two swapped. */
size_t framed_nearest_distance(const char *a, const char *b);

#endif
