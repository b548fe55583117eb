#include "config/syntax.h"

#include "config/framings.h"
#include "config/report.h"
#include "config/schema.h"
#include "config/settings.h"
#include "nearest.h"

#include <stdio.h>
#include <string.h>

#define NAMES_SIZE 256
#define HOMES_SIZE ((size_t)2 * SCHEMA_NAME_SIZE) /* no key has more than two */

/* The names that may stand in a section, one after the other; NULL after the last. */
static const char *nth_name(enum schema_section section, size_t n)
{
    static const char *const top[] = {"framing", "service", "include", NULL};

    if (section == SECTION_FRAMING)
        return framings_key(n);
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        if (row->section == section && n-- == 0)
            return row->key;
    }
    if (section == SECTION_GLOBAL && n < 3)
        return top[n];
    if (section == SECTION_SERVICE && n + SECTION_HANDLER < SECTION_COUNT)
        return schema_section_name((enum schema_section)(n + SECTION_HANDLER));
    return NULL;
}

static enum schema_section section_named(const char *name)
{
    for (int section = SECTION_GLOBAL; section < SECTION_COUNT; section++)
        if (strcmp(schema_section_name((enum schema_section)section), name) == 0)
            return (enum schema_section)section;
    return SECTION_GLOBAL;
}

static bool is_known_in(enum schema_section section, const char *name)
{
    const char *known;

    for (size_t n = 0; (known = nth_name(section, n)); n++)
        if (strcmp(known, name) == 0)
            return true;
    return false;
}

/* Right name, wrong place: the sections where NAME is known, "workers or deadlines". */
static void find_homes(const char *name, char homes[HOMES_SIZE])
{
    size_t used = 0;

    homes[0] = '\0';
    for (int section = SECTION_GLOBAL; section < SECTION_COUNT; section++)
        if (is_known_in((enum schema_section)section, name))
            used += (size_t)snprintf(
                homes + used, HOMES_SIZE - used, "%s%s", used > 0 ? " or " : "",
                section == SECTION_GLOBAL ? "the top level"
                                          : schema_section_name((enum schema_section)section));
}

void syntax_report_unknown(struct report *report, const struct place *place, const char *section,
                           const char *name)
{
    enum schema_section where = section_named(section);
    const char *known;
    struct framed_nearest nearest;
    char quoted[REPORT_QUOTED_SIZE];
    char all[NAMES_SIZE] = "";
    char homes[HOMES_SIZE];
    char hint[HOMES_SIZE + SCHEMA_NAME_SIZE] = "";
    size_t used = 0;

    if (schema_settings(section)) {
        report_add(report, place, "%s: found \"%s\", allowed: %s", section,
                   report_quote(name, quoted), SETTINGS_ALLOWED);
        return;
    }
    find_homes(name, homes);
    framed_nearest_init(&nearest, name);
    for (size_t n = 0; (known = nth_name(where, n)); n++) {
        framed_nearest_consider(&nearest, known);
        used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", n > 0 ? ", " : "", known);
    }
    if (homes[0] != '\0')
        snprintf(hint, sizeof(hint), "; its place is %s;", homes);
    else if (nearest.best)
        snprintf(hint, sizeof(hint), "; did you mean \"%s\"?", nearest.best);
    report_add(report, place, "unknown key \"%s\" %s%s%s allowed: %s", report_quote(name, quoted),
               where == SECTION_GLOBAL ? "at the top level" : "in ",
               where == SECTION_GLOBAL ? "" : section, hint[0] != '\0' ? hint : ",", all);
}

/* How libconfuse begins, and how we say it: BEFORE, the name that libconfuse tells, AFTER. */
static const struct complaint {
    const char *theirs;
    const char *before;
    const char *after; /* NULL: it tells no name */
} complaints[] = {
    {"missing equal sign", "found no = after ", ", allowed: NAME = VALUE"},
    {"missing opening brace", "found no { after ", ", allowed: NAME { ... }"},
    {"missing title", "found no name after ",
     ", allowed: service NAME { ... }, framing NAME { ... }"},
    {"missing parenthesis", "found no ( after ", ", allowed: include(\"FILE\")"},
    {"syntax error in call", "found no file and ) after ", ", allowed: include(\"FILE\")"},
    {"attempt to append", "found += after ", ", which has one value only, allowed: ="},
    {"unexpected closing brace", "found \"}\", but no section is open", NULL},
    {"unexpected token", "found ", ", which cannot stand here; is a value or a brace missing?"},
    {"premature end", "the file ends too early; is a closing brace or a value missing?", NULL},
};

static const struct complaint *find_complaint(const char *theirs)
{
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
        if (strncmp(theirs, complaints[i].theirs, strlen(complaints[i].theirs)) == 0)
            return &complaints[i];
    return NULL;
}

void syntax_report(struct report *report, const struct place *place, const char *section,
                   const char *format, va_list list)
{
    const struct complaint *complaint = find_complaint(format);
    char text[NAMES_SIZE];
    char quoted[REPORT_QUOTED_SIZE];

    if (strncmp(format, "no such option", strlen("no such option")) == 0) {
        syntax_report_unknown(report, place, section, va_arg(list, const char *));
    } else if (complaint && complaint->after) {
        report_add(report, place, "%s\"%s\"%s", complaint->before,
                   report_quote(va_arg(list, const char *), quoted), complaint->after);
    } else if (complaint) {
        report_add(report, place, "%s", complaint->before);
    } else {
        vsnprintf(text, sizeof(text), format, list);
        report_add(report, place, "%s", report_quote(text, quoted));
    }
}
