#include "config/bytes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The escape behind a backslash: how many characters it has, and its byte; 0: it is none. */
static size_t read_escape(const char *text, uint8_t *byte)
{
    static const char names[] = "nrt0\\";
    static const char values[] = "\n\r\t\0\\";
    const char *name = *text ? strchr(names, *text) : NULL;

    if (name) {
        *byte = (uint8_t)values[name - names];
        return 1;
    }
    if (*text == 'x' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
        const char digits[] = {text[1], text[2], '\0'};

        *byte = (uint8_t)strtoul(digits, NULL, 16);
        return 3;
    }
    return 0;
}

int bytes_unescape(const char *text, uint8_t *bytes, size_t *length)
{
    size_t count = 0;

    while (*text) {
        uint8_t byte = (uint8_t)*text;
        size_t escape = *text == '\\' ? read_escape(text + 1, &byte) : 0;

        if (count == BYTES_MAX || (*text == '\\' && escape == 0))
            return -EINVAL;
        bytes[count++] = byte;
        text += 1 + escape;
    }
    *length = count;
    return 0;
}
