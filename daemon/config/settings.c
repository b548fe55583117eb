#include "config/settings.h"

#include "config/report.h"
#include "config/values.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 128

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789_.-";

static bool is_name(const char *text, size_t length)
{
    return length > 0 && length <= NAME_MAX_LENGTH && strspn(text, name_bytes) >= length;
}

/* A word or a string without its quotes; or START points to what stands for itself. */
struct token {
    const char *start;
    size_t length;
    bool is_value;
};

static const char *skip_string(const char *at, char quote)
{
    while (*at != '\0' && *at != quote)
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    return at;
}

/* As strspn(3) and strcspn(3), which under AddressSanitizer's strict checks read on to the end of
 * the text each time. */
static const char *skip(const char *at, const char *set, bool within)
{
    while (*at != '\0' && (strchr(set, *at) != NULL) == within)
        at++;
    return at;
}

static bool next_token(const char **at, struct token *token)
{
    const char *start = skip(*at, " \t\r\n", true);
    const bool quoted = *start == '"' || *start == '\'';
    const char *end =
        quoted ? skip_string(start + 1, *start) : skip(start, " \t\r\n\"'={}(),+", false);

    if (*start == '\0')
        return false;
    *token = (struct token){.start = start + quoted, .is_value = quoted || end > start};
    token->length = token->is_value ? (size_t)(end - token->start) : 1;
    *at = token->start + token->length + (quoted && *end != '\0');
    return true;
}

static bool is_noted(const struct settings_names *names, const struct token *token)
{
    for (size_t i = 0; i < names->count; i++)
        if (strncmp(names->all[i], token->start, token->length) == 0 &&
            names->all[i][token->length] == '\0')
            return true;
    return false;
}

/* libconfuse would take some of the names that are wrong for paths. */
static void note(struct settings_names *names, const struct token *token, const struct place *place,
                 struct report *report)
{
    char name[NAME_MAX_LENGTH + 2];
    char quoted[REPORT_QUOTED_SIZE];

    if (is_noted(names, token))
        return;
    snprintf(name, sizeof(name), "%.*s", (int)token->length, token->start);
    if (!is_name(token->start, token->length))
        report_add(report, place, "found \"%s\", allowed: %s", report_quote(name, quoted),
                   SETTINGS_ALLOWED);
    else if (names->count == SETTINGS_NAMES_MAX)
        report_add(report, place,
                   "found more than %d names in such sections of one file, allowed: services in "
                   "files of their own, see include",
                   SETTINGS_NAMES_MAX);
    else if ((names->all[names->count] = strdup(name)))
        names->count++;
    else
        report_status(report, -ENOMEM, place, "out of memory");
}

static const struct schema_row *section_of(const struct token *title)
{
    char name[SCHEMA_NAME_SIZE];

    if (!title->is_value || title->length >= sizeof(name))
        return NULL;
    memcpy(name, title->start, title->length);
    name[title->length] = '\0';
    return schema_settings(name);
}

int settings_scan(struct settings_names *names, const char *text, const char *file,
                  struct report *report)
{
    const unsigned errors = report->count;
    struct place place = {.file = file, .line = 1};
    struct token before = {.start = ""};
    struct token token;
    const char *seen = text;

    names->count = 0;
    for (; report->count == errors && next_token(&text, &token); before = token) {
        for (; seen < token.start; seen++)
            place.line += *seen == '\n';
        if (token.is_value && place.row && *before.start != '=')
            note(names, &token, &place, report);
        else if (!token.is_value && *token.start == '{')
            place.row = section_of(&before);
        else if (!token.is_value && *token.start == '}')
            place.row = NULL;
    }
    return report->count == errors ? 0 : -EINVAL;
}

void settings_forget(struct settings_names *names)
{
    while (names->count > 0)
        free(names->all[--names->count]);
}

static int no_memory(char *error)
{
    snprintf(error, VALUE_ERROR_SIZE, "out of memory");
    return -ENOMEM;
}

static int add(struct config_settings *settings, const char *name, size_t length, const char *value,
               char *error)
{
    struct config_setting *grown = reallocarray(settings->all, settings->count + 1, sizeof(*grown));

    if (!grown)
        return no_memory(error);
    settings->all = grown;
    grown += settings->count;
    grown->name = strndup(name, length);
    grown->value = strdup(value);
    if (grown->name && grown->value) {
        settings->count++;
        return 0;
    }
    free(grown->name);
    free(grown->value);
    return no_memory(error);
}

int settings_parse(const struct schema_row *row, const char *text, void *base, char *error)
{
    struct config_settings *settings = (void *)((char *)base + row->offset);
    const size_t length = strcspn(text, "=");
    char quoted[REPORT_QUOTED_SIZE];

    if (text[length] == '\0' || !is_name(text, length)) {
        snprintf(error, VALUE_ERROR_SIZE, "found \"%s\", allowed: %s", report_quote(text, quoted),
                 SETTINGS_ALLOWED);
        return -EINVAL;
    }
    for (size_t i = 0; i < settings->count; i++) {
        const char *name = settings->all[i].name;

        if (strncmp(name, text, length) != 0 || name[length] != '\0')
            continue;
        snprintf(error, VALUE_ERROR_SIZE, "%s given twice", name);
        return -EINVAL;
    }
    return add(settings, text, length, text + length + 1, error);
}

void settings_print(const struct schema_row *row, const void *base, FILE *to)
{
    const struct config_settings *settings = (const void *)((const char *)base + row->offset);

    fputs("{\n", to);
    for (size_t i = 0; i < settings->count; i++) {
        fprintf(to, "        %s = ", settings->all[i].name);
        value_print_string(settings->all[i].value, to);
        putc('\n', to);
    }
    fputs("    }", to);
}
