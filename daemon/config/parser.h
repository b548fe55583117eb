/*
 * One file through libconfuse. It parses; all values come to us as text, one call for each, so that
 * every error has its line, and a key given twice is seen.
 */
#ifndef FRAMED_CONFIG_PARSER_H
#define FRAMED_CONFIG_PARSER_H

#include "config/draft.h"

#include <stddef.h>
#include <sys/types.h>

/* Of all files together: a few lines that include each other would otherwise take for ever. */
#define INCLUDES_MAX 1000

struct cfg_t;

struct include {
    char *pattern;
    unsigned line;
};

/* One file, and by PARENT the chain of those that include it. */
struct file {
    const struct file *parent;
    const char *name;
    dev_t device;
    ino_t inode;
    unsigned depth;
    struct include *includes;
    size_t include_count;
    struct cfg_t *root; /* libconfuse's, while it parses */
};

struct reader {
    struct draft *draft;
    char **names; /* of all files read: the draft's places point to them */
    size_t name_count;
    unsigned includes;
    struct file *file;
};

/* Parses TEXT, what FILE holds, for the load OF: sets what it says in the draft, and notes what it
 * includes. */
void parser_parse(struct reader *of, struct file *file, const char *text);

#endif
