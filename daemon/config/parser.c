#include "config/parser.h"

#include "config/check.h"
#include "config/framings.h"
#include "config/settings.h"
#include "config/syntax.h"

#include <confuse.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAMING_KEYS_MAX 64

/* libconfuse hands nothing of ours to its callbacks; its lexer is one global as well. */
static struct reader *reader;

static struct report *report_of(void)
{
    return reader->draft->report;
}

/* libconfuse appends each section, so the last of its kind is the one that is open. */
static const char *open_title(enum schema_section section)
{
    cfg_opt_t *all = cfg_getopt(reader->file->root, schema_section_name(section));

    return cfg_title(cfg_opt_getnsec(all, cfg_opt_size(all) - 1));
}

static const char *open_service(void)
{
    return open_title(SECTION_SERVICE);
}

/* The outer section's line stays at the brace while libconfuse is in the inner one. */
static void ensure_service(void)
{
    if (!reader->draft->in_service)
        draft_begin_service(reader->draft, open_service(), reader->file->name,
                            (unsigned)reader->file->root->line);
}

static int on_value(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    const struct schema_row *row = schema_row((enum schema_key)option->def.number);
    struct place place = {.file = reader->file->name, .line = (unsigned)section->line, .row = row};

    *(const char **)result = value;
    /* libconfuse takes `service|listen = ...` for a path; here it is just no key. */
    if (strcmp(cfg_name(section), schema_section_name(row->section)) != 0) {
        place.row = NULL;
        syntax_report_unknown(report_of(), &place, cfg_name(section), option->name);
        return -1;
    }
    if (row->section != SECTION_GLOBAL) {
        ensure_service();
        place.service = open_service();
    }
    draft_set(reader->draft, value, schema_is_list(row) && cfg_opt_size(option) > 1, &place);
    return 0;
}

/* A value in a section whose keys are free. */
static int on_setting(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    struct place place = {.file = reader->file->name,
                          .line = (unsigned)section->line,
                          .row = schema_settings(cfg_name(section))};
    char *text;

    *(const char **)result = value;
    if (!place.row) {
        syntax_report_unknown(report_of(), &place, cfg_name(section), option->name);
        return -1;
    }
    if (asprintf(&text, "%s=%s", option->name, value) < 0)
        return -1;
    ensure_service();
    place.service = open_service();
    draft_set(reader->draft, text, reader->draft->is_given[schema_key(place.row)], &place);
    free(text);
    return 0;
}

static struct place place_in(const cfg_t *section)
{
    return (struct place){.file = reader->file->name, .line = (unsigned)section->line};
}

static void ensure_framing(void)
{
    const struct place place = place_in(reader->file->root);

    if (!reader->draft->in_framing)
        framings_begin(reader->draft, open_title(SECTION_FRAMING), &place);
}

/* A value in a framing. */
static int on_parameter(cfg_t *section, cfg_opt_t *option, const char *value, void *result)
{
    const struct place place = place_in(section);

    *(const char **)result = value;
    if (strcmp(cfg_name(section), schema_section_name(SECTION_FRAMING)) != 0) {
        syntax_report_unknown(report_of(), &place, cfg_name(section), option->name);
        return -1;
    }
    ensure_framing();
    framings_add(reader->draft, option->name, value, &place);
    return 0;
}

static int on_framing(cfg_t *root, cfg_opt_t *option)
{
    (void)root;
    (void)option;
    ensure_framing();
    framings_end(reader->draft);
    return 0;
}

/* A section of a service has ended. */
static int on_section(cfg_t *service, cfg_opt_t *option)
{
    struct place place = {.file = reader->file->name, .line = (unsigned)service->line};

    if (strcmp(cfg_name(service), schema_section_name(SECTION_SERVICE)) != 0) {
        syntax_report_unknown(report_of(), &place, cfg_name(service), option->name);
        return -1;
    }
    place.service = open_service();
    if (cfg_opt_size(option) > 1)
        report_add(report_of(), &place, "section %s given twice", option->name);
    return 0;
}

static int on_service(cfg_t *root, cfg_opt_t *option)
{
    const struct place place = {.file = reader->file->name, .line = (unsigned)root->line};

    (void)option;
    ensure_service();
    draft_end_service(reader->draft);
    if (reader->draft->config->service_count <= CHECK_WORKERS_MAX)
        return 0;
    report_add(report_of(), &place, "found more than %d services", CHECK_WORKERS_MAX);
    return -1;
}

static int on_include(cfg_t *root, cfg_opt_t *option, int argc, const char **argv)
{
    struct file *file = reader->file;
    const struct place place = {.file = file->name, .line = (unsigned)root->line};
    struct include *grown;

    (void)option;
    if (argc != 1)
        return -1; /* source_prepare() has seen to that */
    grown = reallocarray(file->includes, file->include_count + 1, sizeof(*grown));
    if (!grown)
        return -1;
    file->includes = grown;
    grown += file->include_count;
    *grown = (struct include){.line = place.line, .pattern = strdup(argv[0])};
    if (!grown->pattern)
        return -1;
    file->include_count++;
    if (++reader->includes <= INCLUDES_MAX)
        return 0;
    report_add(report_of(), &place, "include: found more than %d, allowed: %d", INCLUDES_MAX,
               INCLUDES_MAX);
    return -1;
}

__attribute__((format(printf, 2, 0))) static void on_error(cfg_t *section, const char *format,
                                                           va_list list)
{
    const struct place place = {.file = reader->file->name, .line = (unsigned)section->line};

    if (strncmp(format, "found duplicate title", strlen("found duplicate title")) == 0)
        check_twice(reader->draft, va_arg(list, const char *), &place);
    else
        syntax_report(report_of(), &place, cfg_name(section), format, list);
}

/* The parameters of a framing: lists, because some may be given several times. */
static cfg_opt_t framing_section(cfg_opt_t options[FRAMING_KEYS_MAX + 1])
{
    const char *key;
    size_t count = 0;
    cfg_opt_t section;

    for (; count < FRAMING_KEYS_MAX && (key = framings_key(count)); count++)
        options[count] = (cfg_opt_t)CFG_STR_LIST_CB(key, NULL, CFGF_NODEFAULT, on_parameter);
    options[count] = (cfg_opt_t)CFG_END();
    section = (cfg_opt_t)CFG_SEC(schema_section_name(SECTION_FRAMING), options,
                                 CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
    section.validcb = on_framing;
    return section;
}

static void name_settings(const struct settings_names *names,
                          cfg_opt_t options[SETTINGS_NAMES_MAX + 1])
{
    for (size_t i = 0; i < names->count; i++)
        options[i] = (cfg_opt_t)CFG_STR_CB(names->all[i], NULL, CFGF_NODEFAULT, on_setting);
    options[names->count] = (cfg_opt_t)CFG_END();
}

/* Too large for a stack: where there is no memory for it to grow, a master would die of a reload.
 */
struct tables {
    cfg_opt_t options[SECTION_COUNT][KEY_COUNT + SECTION_COUNT + 1];
    cfg_opt_t parameters[FRAMING_KEYS_MAX + 1];
    cfg_opt_t settings[SETTINGS_NAMES_MAX + 1];
};

/* The schema, as libconfuse wants it; it copies all. NAMES: the free keys of this file. */
static cfg_t *fill_parser(struct tables *tables, const struct settings_names *names)
{
    cfg_opt_t(*options)[KEY_COUNT + SECTION_COUNT + 1] = tables->options;
    size_t count[SECTION_COUNT] = {0};
    cfg_opt_t *option;
    cfg_t *root;

    name_settings(names, tables->settings);
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        option = &options[row->section][count[row->section]++];
        if (row->type == VALUE_SETTINGS) {
            *option = (cfg_opt_t)CFG_SEC(row->key, tables->settings, CFGF_MULTI);
            option->validcb = on_section;
            continue;
        }
        if (schema_is_list(row))
            *option = (cfg_opt_t)CFG_STR_LIST_CB(row->key, NULL, CFGF_NODEFAULT, on_value);
        else
            *option = (cfg_opt_t)CFG_STR_CB(row->key, NULL, CFGF_NODEFAULT, on_value);
        option->def.number = key;
    }
    for (int section = SECTION_HANDLER; section < SECTION_COUNT; section++) {
        option = &options[SECTION_SERVICE][count[SECTION_SERVICE]++];
        options[section][count[section]] = (cfg_opt_t)CFG_END();
        *option = (cfg_opt_t)CFG_SEC(schema_section_name((enum schema_section)section),
                                     options[section], CFGF_MULTI);
        option->validcb = on_section;
    }
    options[SECTION_SERVICE][count[SECTION_SERVICE]] = (cfg_opt_t)CFG_END();
    option = &options[SECTION_GLOBAL][count[SECTION_GLOBAL]++];
    *option = (cfg_opt_t)CFG_SEC("service", options[SECTION_SERVICE],
                                 CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
    option->validcb = on_service;
    options[SECTION_GLOBAL][count[SECTION_GLOBAL]++] = framing_section(tables->parameters);
    options[SECTION_GLOBAL][count[SECTION_GLOBAL]++] = (cfg_opt_t)CFG_FUNC("include", on_include);
    options[SECTION_GLOBAL][count[SECTION_GLOBAL]] = (cfg_opt_t)CFG_END();
    root = cfg_init(options[SECTION_GLOBAL], CFGF_NONE);
    if (root)
        cfg_set_error_function(root, on_error);
    return root;
}

/* NULL without memory. */
static cfg_t *make_parser(const struct settings_names *names)
{
    struct tables *tables = malloc(sizeof(*tables));
    cfg_t *root = tables ? fill_parser(tables, names) : NULL;

    free(tables);
    return root;
}

void parser_parse(struct reader *of, struct file *file, const char *text)
{
    const struct place place = {.file = file->name};
    unsigned errors = of->draft->report->count;
    struct settings_names names;

    reader = of;
    reader->file = file;
    if (settings_scan(&names, text, file->name, report_of()) == 0)
        file->root = make_parser(&names);
    if ((!file->root || cfg_parse_buf(file->root, text) != CFG_SUCCESS) &&
        report_of()->count == errors)
        report_status(report_of(), -ENOMEM, &place, "out of memory");
    draft_drop_service(reader->draft);
    reader->draft->in_framing = false;
    if (file->root)
        cfg_free(file->root);
    file->root = NULL;
    settings_forget(&names);
    reader = NULL;
}
