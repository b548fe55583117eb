/*
 * Sections whose keys are free, such as `environment { NAME = "value" }`: values of the type
 * VALUE_SETTINGS.
 */
#ifndef FRAMED_CONFIG_SETTINGS_H
#define FRAMED_CONFIG_SETTINGS_H

#include "config/schema.h"

#include <stddef.h>
#include <stdio.h>

struct report;

/* In one file: libconfuse has a copy of them in each section. */
#define SETTINGS_NAMES_MAX 512
#define SETTINGS_ALLOWED "NAME=VALUE, a name being 1 to 128 of A-Z a-z 0-9 _ . -"

struct settings_names {
    char *all[SETTINGS_NAMES_MAX];
    size_t count;
};

/*
 * libconfuse has to know the keys before it reads them: finds those that stand in such sections of
 * TEXT, which source_prepare() has been over, each once. 0, or -EINVAL for names that nobody may
 * have, reported as of FILE. The caller frees the names in either case with settings_forget().
 */
int settings_scan(struct settings_names *names, const char *text, const char *file,
                  struct report *report);
void settings_forget(struct settings_names *names);

/* As value_parse() and value_print(): TEXT is NAME=VALUE, what is printed is { NAME = VALUE ... }
 * on lines of their own. */
int settings_parse(const struct schema_row *row, const char *text, void *base, char *error);
void settings_print(const struct schema_row *row, const void *base, FILE *to);

#endif
