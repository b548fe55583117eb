/*
 * The types of values: how each is read from what somebody wrote, and written so that it reads back
 * to the same.
 */
#ifndef FRAMED_CONFIG_VALUES_H
#define FRAMED_CONFIG_VALUES_H

#include "config/schema.h"

#include <stddef.h>
#include <stdio.h>

#define VALUE_ERROR_SIZE 512
#define VALUE_ALLOWED_SIZE 256

/*
 * Reads TEXT as a value of ROW into BASE, a struct config or struct service_config; a list gets one
 * more. 0, or a negative errno with "found ..., allowed: ..." in ERROR, and BASE is untouched.
 */
int value_parse(const struct schema_row *row, const char *text, void *base,
                char error[VALUE_ERROR_SIZE]);

/* Writes the value of ROW in BASE the way a configuration file has it. */
void value_print(const struct schema_row *row, const void *base, FILE *to);

/* Writes TEXT between quotes. */
void value_print_string(const char *text, FILE *to);

/* What may stand there, for people. */
void value_allowed(const struct schema_row *row, char allowed[VALUE_ALLOWED_SIZE]);

/* "TIME", "SIZE": what stands for the value in a list of options; NULL: it needs none. */
const char *value_placeholder(const struct schema_row *row);

#endif
