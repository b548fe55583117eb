/* What a reload makes of each key: the schema's column, put to use and into words. */
#include "config/config.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

/* Those of RELOAD_RESTART are all strings, or none. */
static char **string_of(const struct schema_row *row, struct config *config)
{
    return (char **)(void *)((char *)config + row->offset);
}

static bool is_same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

void config_keep_fixed(struct config *next, struct config *running, config_difference *tell,
                       void *context)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);
        char **wanted;
        char **runs;
        char *other;

        if (row->reload != RELOAD_RESTART)
            continue;
        wanted = string_of(row, next);
        runs = string_of(row, running);
        if (is_same(*wanted, *runs))
            continue;
        tell(context, row->key, *runs ? *runs : "", *wanted ? *wanted : "");
        other = *wanted;
        *wanted = *runs;
        *runs = other;
    }
}

static const struct {
    const char *name;
    const char *text;
} kinds[RELOAD_COUNT] = {
    [RELOAD_WORKERS] = {"new workers", "counts for the workers that the reload starts; those that "
                                       "leave finish with what they had"},
    [RELOAD_LISTENERS] = {"listeners", "sockets whose address stays are kept, with the connections "
                                       "that wait in them; others are made, or closed once nobody "
                                       "waits there any more"},
    [RELOAD_NOW] = {"now", "counts as soon as the new workers are ready, also for what stays: the "
                           "master, and sockets whose address is the same"},
    [RELOAD_RESTART] = {"restart",
                        "only a restart changes it or, control and pid_file, an upgrade; "
                        "until then framed goes on with what it was started with, and "
                        "says so in the log and in the status"},
};

static void print_keys(enum schema_reload kind, const char *between, FILE *to)
{
    const char *before = "";
    char name[SCHEMA_NAME_SIZE];

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        if (row->reload != kind)
            continue;
        schema_name(row, name);
        fprintf(to, "%s%s", before, name);
        before = between;
    }
    putc('\n', to);
}

void config_print_keys(FILE *to)
{
    char name[SCHEMA_NAME_SIZE];

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        schema_name(row, name);
        fprintf(to, "%-24s %-12s %s%s%s%s\n", name, kinds[row->reload].name, row->text,
                row->initial ? " [" : "", row->initial ? row->initial : "",
                row->initial ? "]" : "");
    }
    fputs("\nThe second column is what a reload does with a key that has changed:\n", to);
    for (int kind = 0; kind < RELOAD_COUNT; kind++)
        fprintf(to, "%-12s %s\n", kinds[kind].name, kinds[kind].text);
}

void config_print_keys_mdoc(FILE *to)
{
    fputs(".Bl -tag -width Ds\n", to);
    for (int kind = RELOAD_COUNT - 1; kind >= 0; kind--) {
        fprintf(to, ".It Em %s\n%s:\n.Ic ", kinds[kind].name, kinds[kind].text);
        print_keys((enum schema_reload)kind, " ,\n.Ic ", to);
    }
    fputs(".El\n", to);
}
