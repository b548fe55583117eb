/*
 * Sizes and times as people write them: `4096 64KiB 10MB`, `500ms 30s 5m 1h`. Only digits before
 * the unit, nothing around it, and nothing that does not fit 64 bits.
 */
#ifndef FRAMED_BASE_UNITS_H
#define FRAMED_BASE_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* The longest text that the formatters write, with its NUL. */
#define UNITS_TEXT_SIZE 32

/* 0; -EINVAL: that is no number, size or time; -ERANGE: it does not fit. */
int units_parse_count(const char *text, uint64_t *count);
int units_parse_size(const char *text, uint64_t *bytes);
int units_parse_time(const char *text, uint64_t *ms);

/* In the largest unit that keeps it exact: 1MiB, 4097, 1500ms. TEXT has UNITS_TEXT_SIZE bytes. */
void units_format_count(uint64_t count, char *text);
void units_format_size(uint64_t bytes, char *text);
void units_format_time(uint64_t ms, char *text);

#endif
