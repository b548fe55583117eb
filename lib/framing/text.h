/*
 * The small parts of a framing's text: where one ends, numbers, bytes. And the errors about them,
 * which all say which part is wrong, what was found and what is allowed.
 */
#ifndef FRAMED_FRAMING_TEXT_H
#define FRAMED_FRAMING_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of a text; it ends without a NUL. */
struct framed_text {
    const char *at;
    size_t length;
};

/* Where messages go, and what they are about. */
struct framed_complaint {
    const char *whole; /* the outermost text */
    char *error;
    size_t size;
};

#pragma GCC visibility push(hidden)

struct framed_text framed_text_of(const char *string);
bool framed_text_is(struct framed_text text, const char *word);
bool framed_text_same(struct framed_text a, struct framed_text b);

/* Whether each parenthesis has its other half. What is below wants that. */
bool framed_text_is_balanced(struct framed_text text);

/*
 * Cuts TEXT at the first of the bytes in STOPS that stands outside of parentheses and behind no
 * backslash: what is before it. *REST is what is behind it. Without one, all of TEXT, and *REST has
 * no `at`.
 */
struct framed_text framed_text_cut(struct framed_text text, const char *stops,
                                   struct framed_text *rest);

/* Takes parentheses off that stand around TEXT; whether there were any. */
bool framed_text_unwrap(struct framed_text text, struct framed_text *inner);

/* Reads a whole number, decimal or 0x…, of at most MAX. */
bool framed_text_number(struct framed_text text, uint64_t max, uint64_t *number);

/* Reads bytes with their escapes: at most SIZE of them to DATA. NULL, or what is allowed. */
const char *framed_text_bytes(struct framed_text text, uint8_t *data, size_t size, size_t *length);

/* The one byte, as a character, an escape or 0xNN, that TEXT begins with, and what is behind it. */
bool framed_text_byte(struct framed_text text, uint8_t *byte, struct framed_text *rest);

/* Writes `framing "…": ` and what FORMAT makes. Always -EINVAL. */
int framed_complain(const struct framed_complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes `framing "…": WHAT: found "FOUND", allowed: ALLOWED`. Always -EINVAL. */
int framed_complain_found(const struct framed_complaint *complaint, const char *what,
                          struct framed_text found, const char *allowed);

/* Adds more to a complaint. */
void framed_complain_more(const struct framed_complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop

#endif
