/* Values that may be left as framed itself has them: a struct config_optional each. */
#ifndef FRAMED_CONFIG_OPTIONAL_H
#define FRAMED_CONFIG_OPTIONAL_H

#include "config/schema.h"

#include <stdio.h>

#define OPTIONAL_UMASK "an octal mode from 0 to 777 such as 022, or inherit"
#define OPTIONAL_NICE "a number from -20 to 19, or inherit"
#define OPTIONAL_COUNT "a number from 1, infinity, or inherit"
#define OPTIONAL_SIZE "a size such as 0, 64KiB, 1GiB, infinity, or inherit"
#define OPTIONAL_TIME "a time from 1s such as 30s, 5m, 1h, infinity, or inherit"

/* As value_parse() and value_print(). */
int umask_parse(const struct schema_row *row, const char *text, void *base, char *error);
void umask_print(const struct schema_row *row, const void *base, FILE *to);
int nice_parse(const struct schema_row *row, const char *text, void *base, char *error);
void nice_print(const struct schema_row *row, const void *base, FILE *to);
int limit_parse(const struct schema_row *row, const char *text, void *base, char *error);
void limit_print(const struct schema_row *row, const void *base, FILE *to);

#endif
