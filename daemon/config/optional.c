#include "config/optional.h"

#include "base/units.h"
#include "config/report.h"
#include "config/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char inherit[] = "inherit";
static const char infinity[] = "infinity";

static const struct config_optional *optional_of(const struct schema_row *row, const void *base)
{
    return (const void *)((const char *)base + row->offset);
}

static int refuse(const struct schema_row *row, const char *text, char *error)
{
    char quoted[REPORT_QUOTED_SIZE];
    char allowed[VALUE_ALLOWED_SIZE];

    value_allowed(row, allowed);
    snprintf(error, VALUE_ERROR_SIZE, "found \"%s\", allowed: %s", report_quote(text, quoted),
             allowed);
    return -EINVAL;
}

static int set(const struct schema_row *row, void *base, bool given, int64_t value)
{
    struct config_optional *optional = (void *)((char *)base + row->offset);

    *optional = (struct config_optional){.given = given, .value = given ? value : 0};
    return 0;
}

/* Nothing but digits of BASE, behind a minus where that is allowed. */
static bool as_number(const char *text, const char *digits, int base, bool minus, int64_t *number)
{
    const char *start = text + (minus && *text == '-');
    const size_t length = strlen(start);

    if (length == 0 || length > 5 || strspn(start, digits) != length)
        return false;
    *number = strtol(text, NULL, base);
    return true;
}

int umask_parse(const struct schema_row *row, const char *text, void *base, char *error)
{
    int64_t value = 0;

    if (strcmp(text, inherit) == 0)
        return set(row, base, false, 0);
    if (!as_number(text, "01234567", 8, false, &value) || value > 0777)
        return refuse(row, text, error);
    return set(row, base, true, value);
}

void umask_print(const struct schema_row *row, const void *base, FILE *to)
{
    const struct config_optional *mask = optional_of(row, base);

    if (mask->given)
        fprintf(to, "%04" PRIo64, (uint64_t)mask->value);
    else
        fputs(inherit, to);
}

int nice_parse(const struct schema_row *row, const char *text, void *base, char *error)
{
    int64_t value = 0;

    if (strcmp(text, inherit) == 0)
        return set(row, base, false, 0);
    if (!as_number(text, "0123456789", 10, true, &value) || value < -20 || value > 19)
        return refuse(row, text, error);
    return set(row, base, true, value);
}

void nice_print(const struct schema_row *row, const void *base, FILE *to)
{
    const struct config_optional *nice = optional_of(row, base);

    if (nice->given)
        fprintf(to, "%" PRId64, nice->value);
    else
        fputs(inherit, to);
}

/* Seconds are what the kernel counts, so part of one is one more. */
static int parse_limit(const struct schema_row *row, const char *text, uint64_t *value)
{
    int result;

    if (row->type == VALUE_LIMIT_SIZE)
        return units_parse_size(text, value);
    result = row->type == VALUE_LIMIT_TIME ? units_parse_time(text, value)
                                           : units_parse_count(text, value);
    if (result == 0 && row->type == VALUE_LIMIT_TIME)
        *value = *value / 1000 + (*value % 1000 > 0);
    return result == 0 && *value == 0 ? -ERANGE : result;
}

int limit_parse(const struct schema_row *row, const char *text, void *base, char *error)
{
    uint64_t value = 0;

    if (strcmp(text, inherit) == 0)
        return set(row, base, false, 0);
    if (strcmp(text, infinity) == 0)
        return set(row, base, true, CONFIG_INFINITY);
    if (parse_limit(row, text, &value) < 0 || value > INT64_MAX / 1000)
        return refuse(row, text, error);
    return set(row, base, true, (int64_t)value);
}

void limit_print(const struct schema_row *row, const void *base, FILE *to)
{
    const struct config_optional *limit = optional_of(row, base);
    uint64_t value = (uint64_t)limit->value;
    char text[UNITS_TEXT_SIZE];

    if (row->type == VALUE_LIMIT_SIZE)
        units_format_size(value, text);
    else if (row->type == VALUE_LIMIT_TIME)
        units_format_time(value * 1000, text);
    else
        units_format_count(value, text);
    if (!limit->given)
        fputs(inherit, to);
    else
        fputs(limit->value == CONFIG_INFINITY ? infinity : text, to);
}
