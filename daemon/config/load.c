/*
 * Reading files. A file is read to its end and the parser done with it before the files that it
 * includes are opened: so no state of libconfuse's lexer is shared.
 */
#include "config/config.h"
#include "config/draft.h"
#include "config/parser.h"
#include "config/source.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INCLUDE_DEPTH_MAX 8

/* One load at a time: the parser's lexer is a global, too. */
static struct reader *reader;

static struct report *report_of(void)
{
    return reader->draft->report;
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
        parser_parse(reader, file, text);
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
