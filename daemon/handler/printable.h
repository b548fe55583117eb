/* Foreign bytes in a message for people: one line, nothing that a terminal would act upon. */
#ifndef FRAMED_HANDLER_PRINTABLE_H
#define FRAMED_HANDLER_PRINTABLE_H

#include <stddef.h>

/* Writes the last of LENGTH BYTES that fit into TEXT (SIZE bytes, terminated): a line feed becomes
 * "|", whatever else is not printable ASCII "?". */
static inline void printable(const void *bytes, size_t length, char *text, size_t size)
{
    const char *from = bytes;
    size_t skip = length < size ? 0 : length - size + 1;

    for (size_t i = skip; i < length; i++) {
        char byte = from[i];

        *text++ = (char)(byte >= ' ' && byte <= '~' ? byte : byte == '\n' ? '|' : '?');
    }
    *text = '\0';
}

#endif
