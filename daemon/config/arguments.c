/* The command line of `framed run`: each option is a key of the schema. */
#include "config/config.h"
#include "config/draft.h"
#include "config/values.h"
#include "nearest.h"

#include <string.h>

#define RUN_SERVICE "run"

struct arguments {
    struct draft *draft;
    int left;
    char **word;
    bool print;
    bool help;
};

/* Options that are no keys. */
static bool *flag_named(struct arguments *arguments, const char *name)
{
    if (strcmp(name, "--print-config") == 0)
        return &arguments->print;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return &arguments->help;
    return NULL;
}

static const struct schema_row *find_option(const char *name)
{
    char option[SCHEMA_NAME_SIZE];

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);

        schema_option(row, option);
        if (key != KEY_COMMAND && strcmp(option, name) == 0)
            return row;
        if (row->letter && name[0] == '-' && name[1] == row->letter && name[2] == '\0')
            return row;
    }
    return NULL;
}

static void report_unknown(struct arguments *arguments, const char *name)
{
    char options[KEY_COUNT][SCHEMA_NAME_SIZE];
    struct framed_nearest nearest;
    char quoted[REPORT_QUOTED_SIZE];

    framed_nearest_init(&nearest, name);
    framed_nearest_consider(&nearest, "--print-config");
    framed_nearest_consider(&nearest, "--help");
    for (int key = 0; key < KEY_COUNT; key++) {
        schema_option(schema_row((enum schema_key)key), options[key]);
        if (key != KEY_COMMAND)
            framed_nearest_consider(&nearest, options[key]);
    }
    report_quote(name, quoted);
    if (nearest.best)
        report_add(arguments->draft->report, &(struct place){0},
                   "unknown option \"%s\"; did you mean \"%s\"?", quoted, nearest.best);
    else
        report_add(arguments->draft->report, &(struct place){0},
                   "unknown option \"%s\"; `framed run --help` lists all", quoted);
}

static const char *next_word(struct arguments *arguments)
{
    arguments->left--;
    return *arguments->word++;
}

/* The value that goes with an option: behind `=`, or the next word. */
static void set_option(struct arguments *arguments, const struct schema_row *row, const char *value)
{
    const struct place place = {.row = row};
    struct draft *draft = arguments->draft;
    char allowed[VALUE_ALLOWED_SIZE];

    if (!value && row->type == VALUE_BOOL) {
        value = "yes";
    } else if (!value && arguments->left == 0) {
        value_allowed(row, allowed);
        report_add(draft->report, &place, "nothing found, allowed: %s", allowed);
        return;
    } else if (!value) {
        value = next_word(arguments);
    }
    draft_set(draft, value, schema_is_list(row) && draft->is_given[schema_key(row)], &place);
}

/* `-w 4` and `-w4`; `--workers 4` and `--workers=4`. */
static void read_option(struct arguments *arguments, const char *word)
{
    char name[SCHEMA_NAME_SIZE];
    const bool dashes = word[1] == '-';
    const size_t length = dashes ? strcspn(word, "=") : 2;
    const char *value = NULL;
    const struct schema_row *row;
    bool *flag;

    snprintf(name, sizeof(name), "%.*s", (int)length, word);
    if (word[length] != '\0')
        value = word + length + (dashes ? 1 : 0);
    flag = flag_named(arguments, name);
    row = find_option(name);
    if (flag && value)
        report_add(arguments->draft->report, &(struct place){0}, "%s: takes no value", name);
    else if (flag)
        *flag = true;
    else if (row)
        set_option(arguments, row, value);
    else
        report_unknown(arguments, dashes ? name : word);
}

static void read_words(struct arguments *arguments)
{
    const struct place command = {.row = schema_row(KEY_COMMAND)};
    char quoted[REPORT_QUOTED_SIZE];
    const char *word;

    while (arguments->left > 0) {
        word = next_word(arguments);
        if (strcmp(word, "--") == 0)
            break;
        if (word[0] == '-' && word[1] != '\0') {
            read_option(arguments, word);
            continue;
        }
        report_add(arguments->draft->report, &(struct place){0},
                   "found \"%s\", allowed: options, then -- and a command",
                   report_quote(word, quoted));
        return;
    }
    for (bool more = false; arguments->left > 0; more = true)
        draft_set(arguments->draft, next_word(arguments), more, &command);
}

int config_from_arguments(int argc, char **argv, struct config **config, bool *print, bool *help,
                          char *error, size_t size)
{
    struct report report;
    struct draft draft;
    struct arguments arguments = {.draft = &draft, .left = argc - 1, .word = argv + 1};
    struct config *made = NULL;
    char ignored[VALUE_ERROR_SIZE];

    report_init(&report, error, size);
    if (draft_init(&draft, &report) == 0) {
        /* In the foreground one needs no control socket: it is there when asked for. */
        value_parse(schema_row(KEY_CONTROL), "off", draft.config, ignored);
        draft_begin_service(&draft, RUN_SERVICE, NULL, 0);
        read_words(&arguments);
        /* What is missing is worth a word only when all that is there was understood. */
        if (!arguments.help && report.count == 0) {
            draft_end_service(&draft);
            made = draft_finish(&draft);
        }
        draft_deinit(&draft);
    }
    if (print)
        *print = arguments.print;
    if (help)
        *help = arguments.help;
    if (made)
        *config = made;
    return arguments.help ? 0 : report_close(&report);
}
