#include "framing/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* As much as is quoted of a text, in bytes; a byte takes up to four characters. */
#define QUOTED ((size_t)60)
#define QUOTED_SIZE (4 * QUOTED + sizeof("…"))

struct framed_text framed_text_of(const char *string)
{
    return (struct framed_text){string, strlen(string)};
}

bool framed_text_is(struct framed_text text, const char *word)
{
    return strlen(word) == text.length && memcmp(text.at, word, text.length) == 0;
}

bool framed_text_same(struct framed_text a, struct framed_text b)
{
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

struct framed_text framed_text_cut(struct framed_text text, const char *stops,
                                   struct framed_text *rest)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        char byte = text.at[i];

        if (byte == '\\')
            i++;
        else if (byte == '(')
            depth++;
        else if (byte == ')')
            depth--;
        else if (depth == 0 && strchr(stops, byte)) {
            *rest = (struct framed_text){text.at + i + 1, text.length - i - 1};
            return (struct framed_text){text.at, i};
        }
    }
    *rest = (struct framed_text){NULL, 0};
    return text;
}

bool framed_text_is_balanced(struct framed_text text)
{
    size_t depth = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] == '\\')
            i++;
        else if (text.at[i] == '(')
            depth++;
        else if (text.at[i] == ')' && depth-- == 0)
            return false;
    }
    return depth == 0;
}

/* A part of a balanced text is balanced; without its outer parentheses it still is only if they are
 * each other's halves, unlike those of `(a)(b)`. */
bool framed_text_unwrap(struct framed_text text, struct framed_text *inner)
{
    struct framed_text within = {text.at + 1, text.length - 2};

    if (text.length < 2 || text.at[0] != '(' || text.at[text.length - 1] != ')' ||
        !framed_text_is_balanced(within))
        return false;
    *inner = within;
    return true;
}

static int digit_of(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    letter |= 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool framed_text_number(struct framed_text text, uint64_t max, uint64_t *number)
{
    bool hex = text.length > 2 && text.at[0] == '0' && text.at[1] == 'x';
    uint64_t base = hex ? 16 : 10;
    uint64_t sum = 0;

    for (size_t i = hex ? 2 : 0; i < text.length; i++) {
        int digit = digit_of(text.at[i]);

        if (digit < 0 || (uint64_t)digit >= base || sum > (UINT64_MAX - (uint64_t)digit) / base)
            return false;
        sum = sum * base + (uint64_t)digit;
    }
    if (text.length == 0 || sum > max)
        return false;
    *number = sum;
    return true;
}

/* The byte that TEXT, which begins with a backslash, stands for, and how many characters it takes;
 * 0: it is no escape. */
static size_t read_escape(struct framed_text text, uint8_t *byte)
{
    static const char letters[] = "nrt0sc\\()";
    static const char bytes[] = "\n\r\t\0 ,\\()";
    const char *letter;

    if (text.length >= 4 && text.at[1] == 'x' && digit_of(text.at[2]) >= 0 &&
        digit_of(text.at[3]) >= 0) {
        *byte = (uint8_t)(digit_of(text.at[2]) << 4 | digit_of(text.at[3]));
        return 4;
    }
    letter = text.length >= 2 ? memchr(letters, text.at[1], sizeof(letters) - 1) : NULL;
    if (!letter)
        return 0;
    *byte = (uint8_t)bytes[letter - letters];
    return 2;
}

/* The same for any TEXT that is not empty. */
static size_t read_byte(struct framed_text text, uint8_t *byte)
{
    if (text.at[0] == '\\')
        return read_escape(text, byte);
    *byte = (uint8_t)text.at[0];
    return text.at[0] != '(' && text.at[0] != ')';
}

const char *framed_text_bytes(struct framed_text text, uint8_t *data, size_t size, size_t *length)
{
    size_t count = 0;

    while (text.length > 0) {
        uint8_t byte;
        size_t used = read_byte(text, &byte);

        if (used == 0)
            return "characters, \\n \\r \\t \\0 \\s (space) \\c (comma) \\( \\) \\\\ and \\xNN";
        if (count == size)
            return size == 1 ? "one byte" : "fewer bytes";
        data[count++] = byte;
        text.at += used;
        text.length -= used;
    }
    if (count == 0)
        return size == 1 ? "one byte" : "one byte or more";
    *length = count;
    return NULL;
}

bool framed_text_byte(struct framed_text text, uint8_t *byte, struct framed_text *rest)
{
    size_t used = 0;
    uint64_t number;

    if (text.length >= 4 && text.at[0] == '0' && text.at[1] == 'x' &&
        framed_text_number((struct framed_text){text.at, 4}, UINT8_MAX, &number)) {
        *byte = (uint8_t)number;
        used = 4;
    } else if (text.length > 0) {
        used = read_byte(text, byte);
    }
    *rest = (struct framed_text){text.at + used, text.length - used};
    return used > 0;
}

/* TEXT, so that a terminal and a log can take it. */
static const char *quote(struct framed_text text, char quoted[QUOTED_SIZE])
{
    size_t used = 0;

    for (size_t i = 0; i < text.length && i < QUOTED; i++) {
        uint8_t byte = (uint8_t)text.at[i];

        if (byte < ' ' || byte == 0x7f)
            used += (size_t)snprintf(quoted + used, QUOTED_SIZE - used, "\\x%02x", byte);
        else
            quoted[used++] = (char)byte;
    }
    snprintf(quoted + used, QUOTED_SIZE - used, "%s", text.length > QUOTED ? "…" : "");
    return quoted;
}

__attribute__((format(printf, 2, 0))) static void add(const struct framed_complaint *complaint,
                                                      const char *format, va_list arguments)
{
    size_t used = complaint->size > 0 ? strlen(complaint->error) : 0;

    if (complaint->size > 0)
        vsnprintf(complaint->error + used, complaint->size - used, format, arguments);
}

void framed_complain_more(const struct framed_complaint *complaint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add(complaint, format, arguments);
    va_end(arguments);
}

int framed_complain(const struct framed_complaint *complaint, const char *format, ...)
{
    char whole[QUOTED_SIZE];
    va_list arguments;

    if (complaint->size > 0)
        complaint->error[0] = 0;
    framed_complain_more(complaint,
                         "framing \"%s\": ", quote(framed_text_of(complaint->whole), whole));
    va_start(arguments, format);
    add(complaint, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

int framed_complain_found(const struct framed_complaint *complaint, const char *what,
                          struct framed_text found, const char *allowed)
{
    char quoted[QUOTED_SIZE];

    return framed_complain(complaint, "%s: found \"%s\", allowed: %s", what, quote(found, quoted),
                           allowed);
}
