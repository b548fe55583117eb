/*
 * Reading files with libconfuse. It parses; all values come to us as text, one call for each, so
 * that every error has its line, and a key given twice is seen. A file is read to its end and
 * libconfuse done with it before the files that it includes are opened: so no state of its lexer is
 * shared.
 */
#include "config/check.h"
#include "config/config.h"
#include "config/draft.h"
#include "config/source.h"
#include "config/syntax.h"

#include <confuse.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define INCLUDE_DEPTH_MAX 8
/* Of all files together: a few lines that include each other would otherwise take for ever. */
#define INCLUDES_MAX 1000

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
    cfg_t *root;
};

struct reader {
    struct draft *draft;
    char **names; /* of all files read: the draft's places point to them */
    size_t name_count;
    unsigned includes;
    struct file *file;
};

/* libconfuse hands nothing of ours to its callbacks; its lexer is one global as well. */
static struct reader *reader;

static struct report *report_of(void)
{
    return reader->draft->report;
}

/* libconfuse appends each service, so the last is the one that is open. */
static const char *open_service(void)
{
    cfg_opt_t *services = cfg_getopt(reader->file->root, "service");

    return cfg_title(cfg_opt_getnsec(services, cfg_opt_size(services) - 1));
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

/* The schema, as libconfuse wants it; it copies all. */
static cfg_t *make_parser(void)
{
    cfg_opt_t options[SECTION_COUNT][KEY_COUNT + SECTION_COUNT + 1];
    size_t count[SECTION_COUNT] = {0};
    cfg_opt_t *option;
    cfg_t *root;

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        option = &options[row->section][count[row->section]++];
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
    options[SECTION_GLOBAL][count[SECTION_GLOBAL]++] = (cfg_opt_t)CFG_FUNC("include", on_include);
    options[SECTION_GLOBAL][count[SECTION_GLOBAL]] = (cfg_opt_t)CFG_END();
    root = cfg_init(options[SECTION_GLOBAL], CFGF_NONE);
    if (root)
        cfg_set_error_function(root, on_error);
    return root;
}

static void parse(struct file *file, const char *text)
{
    const struct place place = {.file = file->name};
    unsigned errors = report_of()->count;

    reader->file = file;
    file->root = make_parser();
    if ((!file->root || cfg_parse_buf(file->root, text) != CFG_SUCCESS) &&
        report_of()->count == errors)
        report_status(report_of(), -ENOMEM, &place, "out of memory");
    draft_drop_service(reader->draft);
    if (file->root)
        cfg_free(file->root);
    file->root = NULL;
}

/* A name that stays as long as the reader. NULL without memory. */
static const char *keep_name(const char *name)
{
    char **grown = reallocarray(reader->names, reader->name_count + 1, sizeof(*grown));

    if (!grown)
        return NULL;
    reader->names = grown;
    if (!(grown[reader->name_count] = strdup(name)))
        return NULL;
    return grown[reader->name_count++];
}

static void read_file(const char *name, const struct file *parent, const struct place *by);

static int on_glob_error(const char *path, int error)
{
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

/* PATTERN as seen from FILE's folder; the folder's own name is no pattern. */
static char *absolute_pattern(const struct file *file, const char *pattern)
{
    const char *slash = strrchr(file->name, '/');
    size_t folder = slash && pattern[0] != '/' ? (size_t)(slash - file->name) + 1 : 0;
    char *made = malloc(2 * folder + strlen(pattern) + 1);
    char *to = made;

    if (!made)
        return NULL;
    for (size_t i = 0; i < folder; i++) {
        if (strchr("*?[]\\", file->name[i]))
            *to++ = '\\';
        *to++ = file->name[i];
    }
    memcpy(to, pattern, strlen(pattern) + 1);
    return made;
}

/* A pattern may match nothing (an empty conf.d); a plain name must be there. */
static void include(const struct file *file, const struct include *include)
{
    const struct place place = {.file = file->name, .line = include->line};
    const bool wild = strpbrk(include->pattern, "*?[") != NULL;
    char *pattern = absolute_pattern(file, include->pattern);
    char quoted[REPORT_QUOTED_SIZE];
    glob_t found = {0};
    int result =
        pattern ? glob(pattern, wild ? 0 : GLOB_NOCHECK, on_glob_error, &found) : GLOB_NOSPACE;

    free(pattern);
    if (result == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            read_file(found.gl_pathv[i], file, &place);
    else if (result == GLOB_NOSPACE)
        report_status(report_of(), -ENOMEM, &place, "out of memory");
    else if (result != GLOB_NOMATCH)
        report_add(report_of(), &place, "include: cannot read the folder of \"%s\"",
                   report_quote(include->pattern, quoted));
    globfree(&found);
}

static bool includes_itself(const struct file *file)
{
    for (const struct file *outer = file->parent; outer; outer = outer->parent)
        if (outer->device == file->device && outer->inode == file->inode)
            return true;
    return false;
}

static void read_text(struct file *file, char *text, const struct place *by)
{
    if (file->parent && includes_itself(file)) {
        report_add(report_of(), by, "include: \"%s\" includes itself", file->name);
        return;
    }
    if (source_prepare(text, file->name, report_of()) == 0)
        parse(file, text);
    for (size_t i = 0; i < file->include_count; i++) {
        if (reader->includes <= INCLUDES_MAX)
            include(file, &file->includes[i]);
        free(file->includes[i].pattern);
    }
    free(file->includes);
}

/* BY is the include that asks for the file; for the first one, the file itself. */
static void read_file(const char *name, const struct file *parent, const struct place *by)
{
    struct file file = {.parent = parent, .depth = parent ? parent->depth + 1 : 0};
    const char *asked = parent ? "include: " : "";
    const char *why;
    char quoted[REPORT_QUOTED_SIZE];
    struct stat about;
    char *text;
    int result;

    report_quote(name, quoted);
    if (file.depth > INCLUDE_DEPTH_MAX) {
        report_add(report_of(), by, "include: \"%s\" is %u files deep, allowed: %d", quoted,
                   file.depth, INCLUDE_DEPTH_MAX);
        return;
    }
    if (!(file.name = keep_name(name))) {
        report_status(report_of(), -ENOMEM, by, "out of memory");
        return;
    }
    result = source_read(name, &text, &about, &why);
    if (result < 0) {
        report_status(report_of(), result, by, "%s%s%s%s", asked, parent ? quoted : "",
                      parent ? ": " : "", why);
        return;
    }
    file.device = about.st_dev;
    file.inode = about.st_ino;
    read_text(&file, text, by);
    free(text);
}

static void free_names(void)
{
    for (size_t i = 0; i < reader->name_count; i++)
        free(reader->names[i]);
    free(reader->names);
}

int config_load(const char *file, struct config **config, char *error, size_t size)
{
    const struct place place = {.file = file};
    struct report report;
    struct draft draft;
    struct reader here = {.draft = &draft};
    struct config *made = NULL;

    report_init(&report, error, size);
    reader = &here;
    if (draft_init(&draft, &report) == 0) {
        draft.config->file = strdup(file);
        if (!draft.config->file)
            report_status(&report, -ENOMEM, &place, "out of memory");
        read_file(file, NULL, &place);
        made = draft_finish(&draft);
        draft_deinit(&draft);
    }
    free_names();
    reader = NULL;
    if (made)
        *config = made;
    return report_close(&report);
}
