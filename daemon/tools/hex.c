#include "tools/hex.h"

#include <ctype.h>
#include <errno.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t hex_decode(const char *text, size_t length, uint8_t *bytes, size_t *bad)
{
    size_t count = 0;
    size_t at = 0;

    while (at < length) {
        int high = digit(text[at]);
        int low = at + 1 < length ? digit(text[at + 1]) : -1;

        if (isspace((unsigned char)text[at])) {
            at++;
            continue;
        }
        if (high < 0 || low < 0) {
            *bad = high < 0 ? at : at + 1;
            return -EINVAL;
        }
        bytes[count++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return (ssize_t)count;
}

void hex_write(const uint8_t *bytes, size_t length, FILE *to)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < length; i++) {
        putc_unlocked(digits[bytes[i] >> 4], to);
        putc_unlocked(digits[bytes[i] & 15], to);
    }
}
