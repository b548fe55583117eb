/* `framed module`: what a module says of itself, for people and as JSON. */
#include "module/module.h"

#include "config/report.h"
#include "handler/module_keys.h"
#include "handler/module_load.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define ERROR_SIZE 512
#define INDENT 2

static const char usage[] =
    "usage: framed module [--json] FILE   show what the module FILE says of itself\n"
    "\n"
    "Its name, version and ABI, and what can be set for it. It is loaded, which runs its\n"
    "constructors, in a process of its own; nothing else of it is called.\n";

static json_t *json_text(const char *text)
{
    json_t *made = text ? json_string(text) : NULL;

    return made ? made : json_null(); /* no UTF-8 */
}

static json_t *json_key(const struct framed_key *key)
{
    char allowed[MODULE_ALLOWED_SIZE];
    json_t *made = json_object();

    module_key_allowed(key, allowed);
    json_object_set_new(made, "name", json_text(key->name));
    json_object_set_new(made, "type", json_string(module_key_type(key)));
    json_object_set_new(made, "allowed", json_string(allowed));
    json_object_set_new(made, "default", json_text(key->initial));
    json_object_set_new(made, "text", json_text(key->text));
    return made;
}

static int show_json(const char *path, const struct framed_module *module, FILE *out)
{
    json_t *all = json_object();
    json_t *keys = json_array();
    int result;

    json_object_set_new(all, "name", json_text(module->name));
    json_object_set_new(all, "version", json_text(module->version));
    json_object_set_new(all, "abi", json_integer(module->abi));
    json_object_set_new(all, "file", json_text(path));
    for (const struct framed_key *key = module->keys; key && key->name; key++)
        json_array_append_new(keys, json_key(key));
    json_object_set_new(all, "keys", keys);
    result = json_dumpf(all, out, JSON_INDENT(INDENT));
    json_decref(all);
    putc('\n', out);
    return result;
}

/* As it can be written in `module { }`. */
static void show_initial(const struct framed_key *key, char shown[REPORT_QUOTED_SIZE + 2])
{
    char quoted[REPORT_QUOTED_SIZE];

    if (!key->initial)
        snprintf(shown, REPORT_QUOTED_SIZE + 2, "-");
    else
        snprintf(shown, REPORT_QUOTED_SIZE + 2, key->type == FRAMED_TEXT ? "\"%s\"" : "%s",
                 report_quote(key->initial, quoted));
}

struct widths {
    int name;
    int initial;
    int allowed;
};

static void widen(int *width, const char *text)
{
    int length = (int)strnlen(text, REPORT_QUOTED_SIZE);

    if (length > *width)
        *width = length;
}

static void show_row(const struct widths *widths, const char *const cells[4], FILE *out)
{
    fprintf(out, "%-*s  %-*s  %-*s%s%s\n", widths->name, cells[0], widths->initial, cells[1],
            cells[3][0] ? widths->allowed : 0, cells[2], cells[3][0] ? "  " : "", cells[3]);
}

static void show_keys(const struct framed_key *keys, FILE *out)
{
    static const char *const head[4] = {"key", "default", "allowed", ""};
    struct widths widths = {(int)strlen(head[0]), (int)strlen(head[1]), (int)strlen(head[2])};
    char initial[REPORT_QUOTED_SIZE + 2];
    char allowed[MODULE_ALLOWED_SIZE];

    for (const struct framed_key *key = keys; key->name; key++) {
        show_initial(key, initial);
        module_key_allowed(key, allowed);
        widen(&widths.name, key->name);
        widen(&widths.initial, initial);
        widen(&widths.allowed, allowed);
    }
    show_row(&widths, head, out);
    for (const struct framed_key *key = keys; key->name; key++) {
        show_initial(key, initial);
        module_key_allowed(key, allowed);
        show_row(&widths,
                 (const char *const[4]){key->name, initial, allowed, key->text ? key->text : ""},
                 out);
    }
}

static int show_text(const char *path, const struct framed_module *module, FILE *out)
{
    fprintf(out, "module   %s\n", module->name ? module->name : "-");
    fprintf(out, "version  %s\n", module->version ? module->version : "-");
    fprintf(out, "abi      %u\n", (unsigned)module->abi);
    fprintf(out, "file     %s\n\n", path);
    if (module_keys_count(module->keys) > 0)
        show_keys(module->keys, out);
    else
        fputs("Nothing can be set for it.\n", out);
    return 0;
}

/* It is never unloaded: that would run code of it, too. CONTEXT: whether it is for a program. */
static int show(const char *path, const void *context, FILE *out)
{
    const bool *json = context;
    const struct framed_module *module;
    char error[ERROR_SIZE] = "";
    void *library;

    if (module_open(path, error, sizeof(error), &library, &module) < 0) {
        fputs(error, out);
        return -ENOEXEC;
    }
    return *json ? show_json(path, module, out) : show_text(path, module, out);
}

static int fail(const char *path, const char *text)
{
    fprintf(stderr, "framed: ");
    if (path)
        fprintf(stderr, "module %s: ", path);
    fprintf(stderr, "%s\n", text);
    return EXIT_FAILURE;
}

static int show_file(const char *file, bool json)
{
    char *path = realpath(file, NULL); /* what has no slash would be looked for in libraries */
    char error[ERROR_SIZE] = "";
    char *text = NULL;
    int status = EXIT_SUCCESS;
    int result;

    if (!path)
        return fail(file, strerror(errno));
    result = module_apart(show, path, &json, MODULE_LOAD_MS, &text, error, sizeof(error));
    if (result == -ENOEXEC)
        status = fail(NULL, text);
    else if (result < 0)
        status = fail(path, error);
    else if (fputs(text, stdout) < 0 || fflush(stdout) != 0)
        status = fail(NULL, "cannot write to standard output");
    free(text);
    free(path);
    return status;
}

int module_main(int argc, char **argv)
{
    const char *file = NULL;
    bool json = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (!file && argv[i][0] != '-') {
            file = argv[i];
        } else {
            fprintf(stderr, "framed: found \"%s\", allowed: --json, and one FILE\n%s", argv[i],
                    usage);
            return EXIT_USAGE;
        }
    }
    if (file)
        return show_file(file, json);
    fprintf(stderr, "framed: no FILE\n%s", usage);
    return EXIT_USAGE;
}
