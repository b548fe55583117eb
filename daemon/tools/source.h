/* Where framecat's messages come from: the lines of standard input, or whole files. */
#ifndef FRAMED_TOOLS_SOURCE_H
#define FRAMED_TOOLS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum source_result {
    SOURCE_MESSAGE,
    SOURCE_WAIT,   /* nothing yet: standard input is not ready */
    SOURCE_END,    /* no more */
    SOURCE_BROKEN, /* see `error` */
};

struct source {
    /* Set by the caller; the rest starts zeroed. */
    char **files; /* each is one message, "-" standard input; none: lines */
    size_t file_count;
    bool hex;       /* lines are hexadecimal digits */
    uint64_t count; /* how often each message comes, at least 1 */

    char error[512];
    uint8_t *data; /* read and not yet used: start..end */
    size_t start;
    size_t end;
    size_t size;
    size_t scanned; /* bytes behind start that hold no LF */
    bool ended;     /* no more can be read */
    uint64_t line;
    size_t next_file;
    const uint8_t *message; /* the last one, and how often it is still to come */
    size_t length;
    uint64_t left;
};

/*
 * The next message: *DATA (*LENGTH bytes) is valid until the next call. Waits for standard input
 * only when told to.
 */
enum source_result source_next(struct source *source, bool wait, const uint8_t **data,
                               size_t *length);

void source_deinit(struct source *source);

#endif
