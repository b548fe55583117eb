/* The parameters that are more than a number, a word or some bytes; and the value that a kind is
 * about. */
#include "framing/setters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int framed_set_strip(struct framed_parser *parser, struct framed_framing *framing,
                     struct framed_text value)
{
    uint64_t number = 0;

    if (framed_text_is(value, "payload"))
        framing->strip = FRAMED_STRIP_PAYLOAD;
    else if (framed_text_is(value, "none") || framed_text_number(value, FRAMED_HEAD_MAX, &number))
        framing->strip = (int32_t)number;
    else
        return framed_refuse(parser, "strip", value);
    return 0;
}

static int replace_inner(struct framed_parser *parser, const char *key, struct framed_text value,
                         struct framed_framing **place)
{
    struct framed_framing *made = NULL;
    int result = framed_parse_inner(parser, key, value, &made);

    if (result < 0)
        return result;
    framed_framing_free(*place);
    *place = made;
    return 0;
}

int framed_set_first(struct framed_parser *parser, struct framed_framing *framing,
                     struct framed_text value)
{
    return replace_inner(parser, "first", value, &framing->first);
}

int framed_set_reply(struct framed_parser *parser, struct framed_framing *framing,
                     struct framed_text value)
{
    return replace_inner(parser, "reply", value, &framing->reply);
}

int framed_set_greeting(struct framed_parser *parser, struct framed_framing *framing,
                        struct framed_text value)
{
    uint8_t *bytes = malloc(FRAMED_GREETING_MAX);
    const char *allowed;

    if (!bytes)
        return -ENOMEM;
    allowed = framed_text_bytes(value, bytes, FRAMED_GREETING_MAX, &framing->greeting_length);
    free(allowed ? bytes : framing->greeting);
    if (allowed)
        return framed_complain_found(&parser->complaint, "greeting", value, allowed);
    framing->greeting = bytes;
    return 0;
}

int framed_set_leading_zero(struct framed_parser *parser, struct framed_framing *framing,
                            struct framed_text value)
{
    framing->as.length.leading_zero = framed_text_is(value, "allow");
    if (!framing->as.length.leading_zero && !framed_text_is(value, "reject"))
        return framed_refuse(parser, "leading_zero", value);
    return 0;
}

int framed_set_marks(struct framed_parser *parser, struct framed_framing *framing,
                     struct framed_text value)
{
    uint64_t number;

    if (!framed_text_number(value, UINT8_MAX, &number))
        return framed_refuse(parser, "marks", value);
    framing->as.length.marks = number + 1;
    return 0;
}

static int add_delimiter(struct framed_parser *parser, struct framed_framing *framing,
                         const char *key, struct framed_text value)
{
    struct framed_delimited *as = &framing->as.delimited;
    struct framed_bytes *bytes = &as->delimiters[as->count];
    const char *allowed;
    size_t length;

    if (as->count == FRAMED_DELIMITERS_MAX)
        return framed_complain(&parser->complaint, "found more than %d delimiters",
                               FRAMED_DELIMITERS_MAX);
    allowed = framed_text_bytes(value, bytes->data, sizeof(bytes->data), &length);
    if (allowed)
        return framed_complain_found(&parser->complaint, key, value, allowed);
    bytes->length = (uint8_t)length;
    as->count++;
    return 0;
}

int framed_set_or(struct framed_parser *parser, struct framed_framing *framing,
                  struct framed_text value)
{
    return add_delimiter(parser, framing, "or", value);
}

int framed_set_oversize(struct framed_parser *parser, struct framed_framing *framing,
                        struct framed_text value)
{
    framing->as.delimited.discard = framed_text_is(value, "discard");
    if (!framing->as.delimited.discard && !framed_text_is(value, "close"))
        return framed_refuse(parser, "oversize", value);
    return 0;
}

int framed_set_type_at(struct framed_parser *parser, struct framed_framing *framing,
                       struct framed_text value)
{
    uint64_t number;

    if (!framed_text_number(value, FRAMED_HEAD_MAX - 1, &number))
        return framed_refuse(parser, "at", value);
    framing->as.typed->at = (uint8_t)number;
    return 0;
}

/* BYTE=(FRAMING) or BYTE-BYTE=(FRAMING). */
int framed_set_case(struct framed_parser *parser, struct framed_framing *framing,
                    struct framed_text value)
{
    struct framed_typed *typed = framing->as.typed;
    struct framed_case *made = &typed->cases[typed->count];
    struct framed_text rest;
    int result;

    if (typed->count == FRAMED_CASES_MAX)
        return framed_complain(&parser->complaint, "found more than %d cases", FRAMED_CASES_MAX);
    if (!framed_text_byte(value, &made->first, &rest))
        return framed_refuse(parser, "case", value);
    made->last = made->first;
    if (rest.length > 1 && rest.at[0] == '-' && rest.at[1] != '=') {
        rest = (struct framed_text){rest.at + 1, rest.length - 1};
        if (!framed_text_byte(rest, &made->last, &rest) || made->last < made->first)
            return framed_refuse(parser, "case", value);
    }
    if (rest.length == 0 || rest.at[0] != '=')
        return framed_refuse(parser, "case", value);
    rest = (struct framed_text){rest.at + 1, rest.length - 1};
    made->links = parser->links;
    result = framed_parse_inner(parser, "case", rest, &made->framing);
    if (result == 0)
        typed->count++;
    return result;
}

int framed_set_default(struct framed_parser *parser, struct framed_framing *framing,
                       struct framed_text value)
{
    if (!framed_text_is(value, "reject"))
        return replace_inner(parser, "default", value, &framing->as.typed->fallback);
    framed_framing_free(framing->as.typed->fallback);
    framing->as.typed->fallback = NULL;
    return 0;
}

/* What ends a message replaces what has ended it so far, in the text of a preset. */
int framed_set_last(struct framed_parser *parser, struct framed_framing *framing,
                    struct framed_text value)
{
    struct framed_bytes last = {.length = 0};
    size_t length;

    if (framed_text_bytes(value, last.data, sizeof(last.data), &length))
        return framed_refuse(parser, "last", value);
    last.length = (uint8_t)length;
    framing->as.chunked.last = last;
    framing->as.chunked.bit_mask = 0;
    return 0;
}

static int set_bit(struct framed_parser *parser, struct framed_framing *framing, const char *key,
                   struct framed_text value, bool more)
{
    uint64_t number;

    if (!framed_text_number(value, UINT8_MAX, &number) || number == 0)
        return framed_refuse(parser, key, value);
    framing->as.chunked.last.length = 0;
    framing->as.chunked.bit_mask = (uint8_t)number;
    framing->as.chunked.bit_means_more = more;
    return 0;
}

int framed_set_last_bit(struct framed_parser *parser, struct framed_framing *framing,
                        struct framed_text value)
{
    return set_bit(parser, framing, "last_bit", value, false);
}

int framed_set_more_bit(struct framed_parser *parser, struct framed_framing *framing,
                        struct framed_text value)
{
    return set_bit(parser, framing, "more_bit", value, true);
}

/* An encoding by its word, and the width that may stand behind it. */
static const struct encoding {
    const char *word;
    enum framed_encoding encoding;
    uint8_t least, most; /* of the width; 0 is none */
    uint8_t usual;
} encodings[] = {
    {"be", FRAMED_BIG_ENDIAN, 1, 8, 0},     {"le", FRAMED_LITTLE_ENDIAN, 1, 8, 0},
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    {"native", FRAMED_BIG_ENDIAN, 1, 8, 0},
#else
    {"native", FRAMED_LITTLE_ENDIAN, 1, 8, 0},
#endif
    {"decimal", FRAMED_DECIMAL, 0, 10, 0},  {"hex", FRAMED_HEX, 0, 8, 0},
    {"varint", FRAMED_VARINT, 1, 9, 5},     {"ber", FRAMED_BER, 0, 0, 0},
};

static int set_encoding(struct framed_parser *parser, struct framed_framing *framing,
                        struct framed_text value)
{
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        const struct encoding *as = &encodings[i];
        size_t length = strlen(as->word);
        uint64_t width = as->usual;

        if (value.length < length || memcmp(value.at, as->word, length) != 0)
            continue;
        if (value.length > length &&
            (!framed_text_number((struct framed_text){value.at + length, value.length - length},
                                 as->most, &width) ||
             width == 0))
            continue;
        if (width < as->least)
            continue;
        framing->as.length.encoding = as->encoding;
        framing->as.length.width = (uint8_t)width;
        framing->as.length.leading_zero = as->encoding == FRAMED_VARINT;
        return 0;
    }
    return framed_complain_found(&parser->complaint, "length", value,
                                 "be1 to be8, le1 to le8, native1 to native8, decimal, decimal1 to "
                                 "decimal10, hex, hex1 to hex8, varint, varint1 to varint9, ber");
}

static int set_size(struct framed_parser *parser, struct framed_framing *framing,
                    struct framed_text value)
{
    uint64_t number;

    if (!framed_text_number(value, FRAMED_MESSAGE_LIMIT, &number) || number == 0)
        return framed_complain_found(&parser->complaint, "fixed", value, "1 to 1073741824");
    framing->as.fixed = (size_t)number;
    return 0;
}

static int set_nothing(struct framed_parser *parser, const char *kind, struct framed_text value)
{
    return value.length == 0 ? 0
                             : framed_complain_found(&parser->complaint, kind, value, "no value");
}

int framed_set_positional(struct framed_parser *parser, struct framed_framing *framing,
                          struct framed_text value)
{
    switch (framing->kind) {
    case FRAMED_KIND_LENGTH:
        return set_encoding(parser, framing, value);
    case FRAMED_KIND_FIXED:
        return set_size(parser, framing, value);
    case FRAMED_KIND_DELIMITED:
        return add_delimiter(parser, framing, "delimited", value);
    case FRAMED_KIND_CHUNKED:
        return framed_parse_inner(parser, "chunked", value, &framing->as.chunked.fragment);
    default:
        return set_nothing(parser, framed_kind(framing->kind)->word, value);
    }
}
