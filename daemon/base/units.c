#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
    bool shown; /* used for writing too */
};

/* Largest first: the first that divides is the one to write. */
static const struct unit size_units[] = {
    {"GiB", UINT64_C(1) << 30, true},
    {"GB", 1000000000, false},
    {"MiB", 1 << 20, true},
    {"MB", 1000000, false},
    {"KiB", 1 << 10, true},
    {"kB", 1000, false},
    {"", 1, true},
    {NULL, 0, false},
};

static const struct unit time_units[] = {
    {"h", 3600000, true}, {"m", 60000, true}, {"s", 1000, true}, {"ms", 1, true}, {NULL, 0, false},
};

static const struct unit count_units[] = {{"", 1, true}, {NULL, 0, false}};

static int parse(const char *text, const struct unit *units, uint64_t *value)
{
    const char *digit = text;
    uint64_t number = 0;
    bool overflow = false;

    for (; *digit >= '0' && *digit <= '9'; digit++)
        overflow |= __builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*digit - '0'), &number);
    while (units->name && strcmp(units->name, digit) != 0)
        units++;
    if (digit == text || !units->name)
        return -EINVAL;
    if (overflow || __builtin_mul_overflow(number, units->factor, &number))
        return -ERANGE;
    *value = number;
    return 0;
}

static void format(uint64_t value, const struct unit *units, char *text)
{
    while (!units->shown || value % units->factor != 0 || (value == 0 && units->factor > 1))
        units++;
    snprintf(text, UNITS_TEXT_SIZE, "%" PRIu64 "%s", value / units->factor, units->name);
}

int units_parse_count(const char *text, uint64_t *count)
{
    return parse(text, count_units, count);
}

int units_parse_size(const char *text, uint64_t *bytes)
{
    return parse(text, size_units, bytes);
}

int units_parse_time(const char *text, uint64_t *ms)
{
    return parse(text, time_units, ms);
}

void units_format_count(uint64_t count, char *text)
{
    format(count, count_units, text);
}

void units_format_size(uint64_t bytes, char *text)
{
    format(bytes, size_units, text);
}

void units_format_time(uint64_t ms, char *text)
{
    format(ms, time_units, text);
}
