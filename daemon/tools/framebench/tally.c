#include "tools/framebench/tally.h"

#include <stdarg.h>
#include <stdio.h>

void tally_fault(struct tally *tally, uint64_t *counter, uint64_t count, const char *format, ...)
{
    va_list arguments;

    *counter += count;
    if (tally->why[0])
        return;
    va_start(arguments, format);
    vsnprintf(tally->why, sizeof(tally->why), format, arguments);
    va_end(arguments);
}

uint64_t tally_faults(const struct tally *tally)
{
    return tally->wrong + tally->lost + tally->late + tally->unsent + tally->refused;
}
