#include "config/values.h"

#include "base/units.h"
#include "config/bytes.h"
#include "config/listen.h"
#include "config/optional.h"
#include "config/report.h"
#include "config/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct type {
    const char *placeholder;
    int (*parse)(const struct schema_row *row, const char *text, void *base, char *error);
    void (*print)(const struct schema_row *row, const void *base, FILE *to);
    const char *allowed; /* NULL: it depends on the row */
};

static const struct schema_word booleans[] = {
    {"yes", 1}, {"no", 0}, {"on", 1}, {"off", 0}, {"true", 1}, {"false", 0}, {NULL, 0},
};

static void *field(const struct schema_row *row, void *base)
{
    return (char *)base + row->offset;
}

static const void *const_field(const struct schema_row *row, const void *base)
{
    return (const char *)base + row->offset;
}

static int refuse(const struct schema_row *row, const char *text, const char *allowed, char *error)
{
    char quoted[REPORT_QUOTED_SIZE];
    char usual[VALUE_ALLOWED_SIZE];

    if (!allowed)
        value_allowed(row, usual);
    snprintf(error, VALUE_ERROR_SIZE, "found \"%s\", allowed: %s", report_quote(text, quoted),
             allowed ? allowed : usual);
    return -EINVAL;
}

static int no_memory(char *error)
{
    snprintf(error, VALUE_ERROR_SIZE, "out of memory");
    return -ENOMEM;
}

/* Puts a copy of TEXT in the place of *STRING; NULL for an empty one. */
static int replace(char **string, const char *text, char *error)
{
    char *copy = NULL;

    if (text && text[0] != '\0' && !(copy = strdup(text)))
        return no_memory(error);
    free(*string);
    *string = copy;
    return 0;
}

/* Bare words are for reading; all else is quoted, so that libconfuse takes nothing out of it. */
static void print_quoted(const char *prefix, const char *text, FILE *to)
{
    fprintf(to, "\"%s", prefix);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (byte == '\n')
            fputs("\\n", to);
        else if (byte == '\t')
            fputs("\\t", to);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(to, "\\x%02x", byte);
        else if (byte == '"' || byte == '\\' || byte == '$')
            fprintf(to, "\\%c", byte);
        else
            putc(byte, to);
    }
    putc('"', to);
}

void value_print_string(const char *text, FILE *to)
{
    print_quoted("", text, to);
}

static int parse_name(const struct schema_row *row, const char *text, void *base, char *error)
{
    return replace(field(row, base), text, error);
}

static int parse_path(const struct schema_row *row, const char *text, void *base, char *error)
{
    if (text[0] != '/' && (text[0] != '\0' || row->min > 0))
        return refuse(row, text, NULL, error);
    return replace(field(row, base), text, error);
}

static int parse_control(const struct schema_row *row, const char *text, void *base, char *error)
{
    struct framed_address address;
    char why[VALUE_ERROR_SIZE] = "";

    if (text[0] == '\0' || strcmp(text, "off") == 0)
        return replace(field(row, base), NULL, error);
    if (framed_address_parse(text, &address, why, sizeof(why)) < 0) {
        snprintf(error, VALUE_ERROR_SIZE, "%s", why);
        return -EINVAL;
    }
    if (address.kind != FRAMED_ADDRESS_UNIX)
        return refuse(row, text, NULL, error);
    return replace(field(row, base), text, error);
}

/* NULL is written as the empty string, but `off` where one may write that. */
static void print_name(const struct schema_row *row, const void *base, FILE *to)
{
    const char *text = *(char *const *)const_field(row, base);

    if (!text && row->off)
        fputs("off", to);
    else
        value_print_string(text ? text : "", to);
}

static int parse_bytes(const struct schema_row *row, const char *text, void *base, char *error)
{
    uint8_t bytes[BYTES_MAX];
    size_t length;

    if (bytes_unescape(text, bytes, &length) < 0)
        return refuse(row, text, NULL, error);
    return replace(field(row, base), text, error);
}

static const char log_file_prefix[] = "file:";

static int parse_log(const struct schema_row *row, const char *text, void *base, char *error)
{
    const size_t prefix_length = strlen(log_file_prefix);
    const char *path = NULL;
    struct config *config = base;
    enum log_target target = LOG_TARGET_STDERR;

    if (strcmp(text, "syslog") == 0) {
        target = LOG_TARGET_SYSLOG;
    } else if (strncmp(text, log_file_prefix, prefix_length) == 0 && text[prefix_length] == '/') {
        target = LOG_TARGET_FILE;
        path = text + prefix_length;
    } else if (strcmp(text, "stderr") != 0) {
        return refuse(row, text, NULL, error);
    }
    if (replace(&config->log_file, path, error) < 0)
        return -ENOMEM;
    config->log_target = target;
    return 0;
}

static void print_log(const struct schema_row *row, const void *base, FILE *to)
{
    const struct config *config = base;

    (void)row;
    if (config->log_target == LOG_TARGET_FILE)
        print_quoted(log_file_prefix, config->log_file, to);
    else
        fputs(config->log_target == LOG_TARGET_SYSLOG ? "syslog" : "stderr", to);
}

static const struct schema_word *find_word(const struct schema_word *words, const char *text)
{
    while (words->name && strcmp(words->name, text) != 0)
        words++;
    return words->name ? words : NULL;
}

static int parse_word(const struct schema_row *row, const char *text, void *base, char *error)
{
    const struct schema_word *word = find_word(row->words, text);

    if (!word)
        return refuse(row, text, NULL, error);
    memcpy(field(row, base), &word->value, sizeof(word->value));
    return 0;
}

static void print_word(const struct schema_row *row, const void *base, FILE *to)
{
    int value;

    memcpy(&value, const_field(row, base), sizeof(value));
    fputs(schema_word_name(row->words, value), to);
}

static int parse_bool(const struct schema_row *row, const char *text, void *base, char *error)
{
    const struct schema_word *word = find_word(booleans, text);

    if (!word)
        return refuse(row, text, NULL, error);
    *(bool *)field(row, base) = word->value != 0;
    return 0;
}

static void print_bool(const struct schema_row *row, const void *base, FILE *to)
{
    fputs(*(const bool *)const_field(row, base) ? "yes" : "no", to);
}

/* What is special to each kind of number. */
static const struct number {
    int (*parse)(const char *text, uint64_t *value);
    void (*format)(uint64_t value, char *text);
} counts = {units_parse_count, units_format_count}, sizes = {units_parse_size, units_format_size},
  times = {units_parse_time, units_format_time};

static const struct number *number_of(const struct schema_row *row)
{
    switch (row->type) {
    case VALUE_SIZE:
        return &sizes;
    case VALUE_TIME:
        return &times;
    default:
        return &counts;
    }
}

static int parse_number(const struct schema_row *row, const char *text, void *base, char *error)
{
    const struct number *number = number_of(row);
    uint64_t value = 0;
    char least[UNITS_TEXT_SIZE];
    char most[UNITS_TEXT_SIZE];
    char allowed[VALUE_ALLOWED_SIZE];
    bool off = row->off && strcmp(text, "off") == 0;
    int result = off ? 0 : number->parse(text, &value);

    if (result == -EINVAL)
        return refuse(row, text, NULL, error);
    if (result == 0 && (off || (value >= row->min && value <= row->max))) {
        *(uint64_t *)field(row, base) = value;
        return 0;
    }
    number->format(row->min, least);
    number->format(row->max, most);
    snprintf(allowed, sizeof(allowed), "%s to %s%s", least, most, row->off ? ", or off" : "");
    return refuse(row, text, allowed, error);
}

static void print_number(const struct schema_row *row, const void *base, FILE *to)
{
    uint64_t value = *(const uint64_t *)const_field(row, base);
    char text[UNITS_TEXT_SIZE];

    number_of(row)->format(value, text);
    fputs(value == 0 && row->off ? "off" : text, to);
}

static int parse_address(const struct schema_row *row, const char *text, void *base, char *error)
{
    struct service_config *service = base;
    size_t more = service->listen_count + 1;
    struct listen_config *grown = reallocarray(service->listen, more, sizeof(*grown));
    int result;

    (void)row;
    if (!grown)
        return no_memory(error);
    service->listen = grown;
    result = listen_parse(text, &grown[more - 1], error, VALUE_ERROR_SIZE);
    if (result == 0)
        service->listen_count = more;
    return result;
}

static void print_item(size_t index, const char *word, FILE *to)
{
    fputs(index > 0 ? ", " : "", to);
    value_print_string(word, to);
}

static void print_addresses(const struct schema_row *row, const void *base, FILE *to)
{
    const struct service_config *service = base;

    (void)row;
    putc('{', to);
    for (size_t i = 0; i < service->listen_count; i++)
        print_item(i, service->listen[i].text, to);
    putc('}', to);
}

static size_t count_words(char *const *words)
{
    size_t number = 0;

    while (words && words[number])
        number++;
    return number;
}

static int parse_command(const struct schema_row *row, const char *text, void *base, char *error)
{
    char ***words = field(row, base);
    size_t number = count_words(*words);
    char **grown = reallocarray(*words, number + 2, sizeof(*grown));

    if (!grown)
        return no_memory(error);
    *words = grown;
    grown[number + 1] = NULL;
    grown[number] = strdup(text); /* an empty argument is one too */
    return grown[number] ? 0 : no_memory(error);
}

static void print_command(const struct schema_row *row, const void *base, FILE *to)
{
    char *const *words = *(char **const *)const_field(row, base);

    putc('{', to);
    for (size_t i = 0; words && words[i]; i++)
        print_item(i, words[i], to);
    putc('}', to);
}

static const struct type types[VALUE_TYPE_COUNT] = {
    [VALUE_NAME] = {"NAME", parse_name, print_name, "a name"},
    [VALUE_PATH] = {"PATH", parse_path, print_name, "a path that starts with /"},
    [VALUE_CONTROL] = {"ADDRESS", parse_control, print_name,
                       "unix:PATH[,mode=0600][,user=NAME][,group=NAME], or off"},
    [VALUE_LOG] = {"TARGET", parse_log, print_log, "stderr, syslog, file:/PATH"},
    [VALUE_WORD] = {"WORD", parse_word, print_word, NULL},
    [VALUE_BOOL] = {NULL, parse_bool, print_bool, "yes, no"},
    [VALUE_BYTES] = {"TEXT", parse_bytes, print_name, BYTES_ALLOWED},
    [VALUE_COUNT] = {"NUMBER", parse_number, print_number, NULL},
    [VALUE_SIZE] = {"SIZE", parse_number, print_number, "a size such as 4096, 64KiB, 1MiB, 1GiB"},
    [VALUE_TIME] = {"TIME", parse_number, print_number, "a time such as 500ms, 30s, 5m, 1h"},
    [VALUE_UMASK] = {"MODE", umask_parse, umask_print, OPTIONAL_UMASK},
    [VALUE_NICE] = {"NUMBER", nice_parse, nice_print, OPTIONAL_NICE},
    [VALUE_LIMIT_COUNT] = {"NUMBER", limit_parse, limit_print, OPTIONAL_COUNT},
    [VALUE_LIMIT_SIZE] = {"SIZE", limit_parse, limit_print, OPTIONAL_SIZE},
    [VALUE_LIMIT_TIME] = {"TIME", limit_parse, limit_print, OPTIONAL_TIME},
    [VALUE_FRAMING] = {"FRAMING", parse_name, print_name,
                       "a framing such as u32be, line; `framed framings` lists all"},
    [VALUE_ADDRESSES] = {"ADDRESS", parse_address, print_addresses,
                         "tcp:HOST:PORT, unix:PATH, unix:@NAME, fd:NAME"},
    [VALUE_COMMAND] = {"WORD", parse_command, print_command, "a program and its arguments"},
    [VALUE_SETTINGS] = {"NAME=VALUE", settings_parse, settings_print, SETTINGS_ALLOWED},
};

int value_parse(const struct schema_row *row, const char *text, void *base,
                char error[VALUE_ERROR_SIZE])
{
    return types[row->type].parse(row, text, base, error);
}

void value_print(const struct schema_row *row, const void *base, FILE *to)
{
    types[row->type].print(row, base, to);
}

void value_allowed(const struct schema_row *row, char allowed[VALUE_ALLOWED_SIZE])
{
    const char *off = row->off ? ", or off" : "";
    size_t used = 0;

    if (row->type == VALUE_SIZE || row->type == VALUE_TIME)
        snprintf(allowed, VALUE_ALLOWED_SIZE, "%s%s", types[row->type].allowed, off);
    else if (types[row->type].allowed)
        snprintf(allowed, VALUE_ALLOWED_SIZE, "%s", types[row->type].allowed);
    else if (row->type == VALUE_COUNT)
        snprintf(allowed, VALUE_ALLOWED_SIZE, "a number from %" PRIu64 " to %" PRIu64 "%s",
                 row->min, row->max, off);
    else
        for (const struct schema_word *word = row->words; word->name; word++)
            used += (size_t)snprintf(allowed + used, VALUE_ALLOWED_SIZE - used, "%s%s",
                                     used > 0 ? ", " : "", word->name);
}

const char *value_placeholder(const struct schema_row *row)
{
    return types[row->type].placeholder;
}
