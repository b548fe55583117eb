/*
 * The errors of one load, gathered in the caller's buffer: a line for each, whole lines only, and
 * at the end how many more there were.
 */
#ifndef FRAMED_CONFIG_REPORT_H
#define FRAMED_CONFIG_REPORT_H

#include <stddef.h>

struct schema_row;

struct report {
    char *text;
    size_t size;
    size_t used;
    unsigned count; /* errors, shown or not */
    unsigned hidden;
    int status; /* the first error's negative errno; 0: no error */
};

/* Where something was found. All may be missing; without FILE it is on a command line. */
struct place {
    const char *file;
    unsigned line;
    const char *service;
    const struct schema_row *row;
};

/* Writes into TEXT (SIZE bytes; may be NULL and 0). */
void report_init(struct report *report, char *text, size_t size);

/* Adds an error: -EINVAL, or with STATUS another one. */
__attribute__((format(printf, 3, 4))) void
report_add(struct report *report, const struct place *place, const char *format, ...);
__attribute__((format(printf, 4, 5))) void report_status(struct report *report, int status,
                                                         const struct place *place,
                                                         const char *format, ...);

/* Ends the text; the first error's negative errno, or 0. */
int report_close(struct report *report);

/* TEXT fit to be shown between quotes: cut when long, control bytes and quotes escaped. */
#define REPORT_QUOTED_SIZE 96
const char *report_quote(const char *text, char quoted[REPORT_QUOTED_SIZE]);

#endif
