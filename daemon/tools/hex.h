/* Bytes as hexadecimal digits, for framecat. */
#ifndef FRAMED_TOOLS_HEX_H
#define FRAMED_TOOLS_HEX_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/*
 * Reads the pairs of digits in TEXT (LENGTH bytes; blanks between pairs are skipped) into BYTES,
 * which may be TEXT. Their number, or -EINVAL with *BAD the offset of what is no pair: a byte that
 * is no digit, or LENGTH when the last digit is alone.
 */
ssize_t hex_decode(const char *text, size_t length, uint8_t *bytes, size_t *bad);

/* Writes LENGTH bytes as lower-case digits. */
void hex_write(const uint8_t *bytes, size_t length, FILE *to);

#endif
