/* Values that may be any bytes, NUL among them: text with escapes, as in the text of a framing. */
#ifndef FRAMED_CONFIG_BYTES_H
#define FRAMED_CONFIG_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define BYTES_MAX 4096
#define BYTES_ALLOWED "at most 4096 bytes, with \\n \\r \\t \\0 \\\\ and \\xNN"

/* Writes what TEXT stands for into BYTES (BYTES_MAX). 0 and *LENGTH, or -EINVAL. */
int bytes_unescape(const char *text, uint8_t *bytes, size_t *length);

#endif
