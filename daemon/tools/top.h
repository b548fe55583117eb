/* framectl top: status and workers, again and again. */
#ifndef FRAMED_TOOLS_TOP_H
#define FRAMED_TOOLS_TOP_H

#include <stdbool.h>

struct top_options {
    const char *address;  /* of the control socket */
    unsigned interval_ms; /* from one look to the next */
    unsigned long count;  /* looks; 0: until told to stop */
    bool batch;           /* plain text, one after the other, whatever standard output is */
};

/* Runs until told to stop. The exit status. */
int top_run(const struct top_options *options);

#endif
