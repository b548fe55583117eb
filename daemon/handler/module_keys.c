#include "handler/module_keys.h"

#include "base/units.h"
#include "config/config.h"
#include "config/report.h"
#include "nearest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SIZE 256

static int read_yes_no(const char *text, uint64_t *number)
{
    *number = strcmp(text, "yes") == 0;
    return *number || strcmp(text, "no") == 0 ? 0 : -EINVAL;
}

static const struct type {
    const char *name;
    const char *allowed;
    const char *range; /* what comes before "from ... to ..." */
    int (*read)(const char *text, uint64_t *number);
    void (*format)(uint64_t number, char *text);
} types[] = {
    [FRAMED_TEXT] = {"text", "any text", NULL, NULL, NULL},
    [FRAMED_NUMBER] = {"number", "a number", "a number", units_parse_count, units_format_count},
    [FRAMED_SIZE] = {"size", "a size such as 4096, 64KiB, 1MiB", "a size", units_parse_size,
                     units_format_size},
    [FRAMED_TIME] = {"time", "a time such as 500ms, 30s, 5m", "a time", units_parse_time,
                     units_format_time},
    [FRAMED_YES_NO] = {"yes_no", "yes, no", NULL, read_yes_no, NULL},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

/* A type of a later framed is text to this one. */
static const struct type *type_of(const struct framed_key *key)
{
    return &types[(size_t)key->type < TYPES ? key->type : FRAMED_TEXT];
}

size_t module_keys_count(const struct framed_key *keys)
{
    size_t count = 0;

    while (keys && keys[count].name)
        count++;
    return count;
}

const char *module_key_type(const struct framed_key *key)
{
    return type_of(key)->name;
}

static bool has_range(const struct framed_key *key)
{
    return type_of(key)->range && (key->least > 0 || key->most > 0);
}

void module_key_allowed(const struct framed_key *key, char allowed[MODULE_ALLOWED_SIZE])
{
    const struct type *type = type_of(key);
    char least[UNITS_TEXT_SIZE];
    char most[UNITS_TEXT_SIZE] = "";

    if (!has_range(key)) {
        snprintf(allowed, MODULE_ALLOWED_SIZE, "%s", type->allowed);
        return;
    }
    type->format(key->least, least);
    if (key->most > 0)
        type->format(key->most, most);
    snprintf(allowed, MODULE_ALLOWED_SIZE, "%s from %s%s%s", type->range, least,
             most[0] ? " to " : " on", most);
}

/* TEXT as the value of KEY. */
static int read_value(const struct framed_key *key, const char *text, uint64_t *number, char *error,
                      size_t size)
{
    const struct type *type = type_of(key);
    char allowed[MODULE_ALLOWED_SIZE];
    char quoted[REPORT_QUOTED_SIZE];
    uint64_t value = 0;
    int result = type->read ? type->read(text, &value) : 0;

    if (result == 0 &&
        (!has_range(key) || (value >= key->least && (key->most == 0 || value <= key->most)))) {
        *number = value;
        return 0;
    }
    module_key_allowed(key, allowed);
    snprintf(error, size, "%s: found \"%s\", allowed: %s", key->name, report_quote(text, quoted),
             allowed);
    return -EINVAL;
}

static int refuse_name(const struct framed_key *keys, const char *name, char *error, size_t size)
{
    char all[NAMES_SIZE] = "";
    struct framed_nearest nearest;
    size_t used = 0;

    framed_nearest_init(&nearest, name);
    for (const struct framed_key *key = keys; key && key->name; key++) {
        framed_nearest_consider(&nearest, key->name);
        if (used < sizeof(all))
            used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used > 0 ? ", " : "",
                                     key->name);
    }
    snprintf(error, size, "found the setting \"%s\"%s%s%s, allowed: %s", name,
             nearest.best ? "; did you mean \"" : "", nearest.best ? nearest.best : "",
             nearest.best ? "\"?" : "", used > 0 ? all : "none, it has no settings");
    return -EINVAL;
}

int module_keys_take(const struct framed_key *keys, const struct config_setting *setting,
                     uint64_t *numbers, char *error, size_t size)
{
    size_t count = module_keys_count(keys);
    uint64_t number;

    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].name, setting->name) == 0)
            return read_value(&keys[i], setting->value, numbers ? &numbers[i] : &number, error,
                              size);
    return refuse_name(keys, setting->name, error, size);
}

int module_keys_begin(const struct framed_key *keys, uint64_t *numbers, char *error, size_t size)
{
    size_t count = module_keys_count(keys);
    uint64_t number;
    int result = 0;

    for (size_t i = 0; i < count && result == 0; i++)
        if (keys[i].initial)
            result =
                read_value(&keys[i], keys[i].initial, numbers ? &numbers[i] : &number, error, size);
    return result;
}

static int fill(const struct config_settings *given, const struct framed_key *keys,
                struct module_settings *settings, char *error, size_t size)
{
    int result = module_keys_begin(keys, settings->numbers, error, size);

    for (size_t i = 0; i < given->count && result == 0; i++) {
        settings->all[i] = (struct framed_setting){given->all[i].name, given->all[i].value};
        result = module_keys_take(keys, &given->all[i], settings->numbers, error, size);
    }
    return result;
}

int module_settings_make(const struct config_settings *given, const struct framed_key *keys,
                         struct module_settings *settings, char *error, size_t size)
{
    struct module_settings made = {
        .all = calloc(given->count + 1, sizeof(*made.all)),
        .numbers = calloc(module_keys_count(keys) + 1, sizeof(*made.numbers)),
    };
    int result = -ENOMEM;

    if (made.all && made.numbers)
        result = fill(given, keys, &made, error, size);
    else
        snprintf(error, size, "out of memory");
    if (result == 0)
        *settings = made;
    else
        module_settings_free(&made);
    return result;
}

void module_settings_free(struct module_settings *settings)
{
    free(settings->all);
    free(settings->numbers);
    *settings = (struct module_settings){0};
}
