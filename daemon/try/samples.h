/* Messages to try a program with. Nobody tells what it understands, so there are several kinds. */
#ifndef FRAMED_TRY_SAMPLES_H
#define FRAMED_TRY_SAMPLES_H

#include "try/try.h"

/* In the order in which they are tried. */
enum sample_kind {
    SAMPLE_GIVEN, /* by the user: then no other is sent */
    SAMPLE_WORD,
    SAMPLE_JSON,
    SAMPLE_NUMBER,
    SAMPLE_EMPTY,
    SAMPLE_COUNT
};

#define SAMPLE_SIZE 64

/* "a word", "JSON" ... */
const char *sample_name(enum sample_kind kind);

/* Whether KIND is to be tried at all. */
bool sample_applies(const struct try_options *options, enum sample_kind kind);

/* The INDEX-th sample of KIND, no two of which are equal; made in TEXT, or the user's. */
struct iovec sample_make(const struct try_options *options, enum sample_kind kind, unsigned index,
                         char text[SAMPLE_SIZE]);

/* One of LENGTH bytes that is still of that KIND: allocated, or NULL. */
char *sample_large(const struct try_options *options, enum sample_kind kind, size_t length);

/* Every byte that CODEC can carry, once: into BYTES; how many. */
size_t sample_bytes(enum handler_codec codec, char bytes[256]);

#endif
