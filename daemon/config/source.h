/*
 * The text of one configuration file, made fit for libconfuse: its lexer drops bytes that it does
 * not know, takes comments only between keys, and does not tell where an unclosed string began.
 */
#ifndef FRAMED_CONFIG_SOURCE_H
#define FRAMED_CONFIG_SOURCE_H

#include <stddef.h>
#include <sys/stat.h>

struct report;

/* A larger file is none that people wrote. */
#define SOURCE_SIZE_MAX ((size_t)4 << 20)

/*
 * Reads FILE, which must be a regular file without NUL bytes. 0, *TEXT (the caller frees it) and
 * ABOUT; or a negative errno with its text in *WHY.
 */
int source_read(const char *file, char **text, struct stat *about, const char **why);

/*
 * Blanks the comments in TEXT; lines stay where they are. What would be misread is reported as of
 * FILE. 0: libconfuse can go on, and may say more; or -EINVAL.
 */
int source_prepare(char *text, const char *file, struct report *report);

#endif
