/* Writing: a configuration as a file, the schema as a list of options. */
#include "config/config.h"
#include "config/schema.h"
#include "config/values.h"

#include <stdlib.h>
#include <string.h>

/* Keys of other handlers and modes have no value, nor has what a probe replaces: to write them
 * would be an error to read. */
static bool has_value(const struct schema_row *row, const struct service_config *service)
{
    if (row == schema_row(KEY_SETTLE) && service->handler.probe_text)
        return false;
    return (row->only == HANDLER_NONE || row->only == service->handler.type) &&
           (row->mode == WORKERS_STATIC || row->mode == service->workers.mode) &&
           (!row->rejects || service->overload.mode == OVERLOAD_REJECT) &&
           (!row->messages || !service->handler.per_connection) &&
           schema_allows_codec(row, service->handler.codec);
}

static void print_key(const struct schema_row *row, const void *base, int depth, FILE *to)
{
    fprintf(to, "%*s%s %s", depth * 4, "", row->key, row->type == VALUE_SETTINGS ? "" : "= ");
    value_print(row, base, to);
    putc('\n', to);
}

static void print_section(enum schema_section section, const struct service_config *service,
                          int depth, FILE *to)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        if (row->section == section && has_value(row, service))
            print_key(row, service, depth, to);
    }
}

static void print_service(const struct service_config *service, FILE *to)
{
    fprintf(to, "\nservice %s {\n", service->name);
    print_section(SECTION_SERVICE, service, 1, to);
    for (int section = SECTION_HANDLER; section < SECTION_COUNT; section++) {
        fprintf(to, "    %s {\n", schema_section_name((enum schema_section)section));
        print_section((enum schema_section)section, service, 2, to);
        fputs("    }\n", to);
    }
    fputs("}\n", to);
}

static void print_framing(const struct framing_config *framing, FILE *to)
{
    fprintf(to, "\nframing %s {\n    base = ", framing->name);
    value_print_string(framing->text, to);
    fputs("\n}\n", to);
}

void config_print(const struct config *config, FILE *to)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        if (row->section == SECTION_GLOBAL)
            print_key(row, config, 0, to);
    }
    for (size_t i = 0; i < config->framing_count; i++)
        print_framing(&config->framings[i], to);
    for (size_t i = 0; i < config->service_count; i++)
        print_service(&config->services[i], to);
}

static char *key_text(const struct schema_row *row, const struct service_config *service, int depth)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (to) {
        print_key(row, service, depth, to);
        fclose(to);
    }
    return text;
}

/* The head of the section comes before its first key. Whether there was one. */
static bool print_section_changes(enum schema_section section, const struct service_config *service,
                                  const struct service_config *plain, int depth, FILE *to)
{
    bool any = false;

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);
        char *own, *usual;

        if (row->section != section || !has_value(row, service))
            continue;
        own = key_text(row, service, depth);
        usual = key_text(row, plain, depth);
        if (own && usual && strcmp(own, usual) != 0) {
            if (!any && section >= SECTION_HANDLER)
                fprintf(to, "    %s {\n", schema_section_name(section));
            any = true;
            fputs(own, to);
        }
        free(own);
        free(usual);
    }
    return any;
}

void config_print_changes(const struct service_config *service, const struct service_config *plain,
                          FILE *to)
{
    fprintf(to, "service %s {\n", service->name);
    print_section_changes(SECTION_SERVICE, service, plain, 1, to);
    for (enum schema_section section = SECTION_HANDLER; section < SECTION_COUNT; section++)
        if (print_section_changes(section, service, plain, 2, to))
            fputs("    }\n", to);
    fputs("}\n", to);
}

static void print_option(const struct schema_row *row, FILE *to)
{
    const char *placeholder = value_placeholder(row);
    char option[SCHEMA_NAME_SIZE];
    char letter[] = "-x, ";
    char allowed[VALUE_ALLOWED_SIZE];

    letter[1] = row->letter;
    schema_option(row, option);
    fprintf(to, "  %4s%s%s%s\n          %s", row->letter ? letter : "", option,
            placeholder ? " " : "", placeholder ? placeholder : "", row->text);
    if (row->words) {
        value_allowed(row, allowed);
        fprintf(to, ": %s", allowed);
    }
    if (row->section == SECTION_GLOBAL && row->type == VALUE_CONTROL)
        fputs(" (default: off)", to);
    else if (row->initial)
        fprintf(to, " (default: %s)", row->initial);
    putc('\n', to);
}

void config_print_options(FILE *to)
{
    for (int service = 1; service >= 0; service--)
        for (int key = 0; key < KEY_COUNT; key++) {
            const struct schema_row *row = schema_row((enum schema_key)key);

            if ((row->section != SECTION_GLOBAL) == (service == 1) && key != KEY_COMMAND)
                print_option(row, to);
        }
    fputs("      --print-config\n          print the configuration file that this means\n"
          "      --help\n          print this\n"
          "  -- COMMAND ARGUMENTS ...\n          a program as the handler\n",
          to);
}
