/* The parameters: one row for each, from which they are set and listed. */
#include "framing/setters.h"

#include "nearest.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADJUST_MAX 65536

enum type {
    NUMBER8, /* stored in 1, 4 or 8 bytes or a size_t: at most MAX, at least MIN */
    NUMBER32,
    NUMBER64,
    NUMBER_SIZE,
    SIGNED32,
    YES_NO,
    WORDS,
    ONE_BYTE,   /* with a bool behind `has` */
    SOME_BYTES, /* struct framed_bytes */
    SPECIAL,
};

struct parameter {
    enum type type;
    unsigned kinds; /* bits of those that have it */
    bool repeats;
    bool ends; /* a message of several frames: only one of these */
    size_t offset;
    size_t has; /* NUMBER8 and ONE_BYTE: offset of the bool that says it is there; 0: none */
    uint64_t min, max;
    const char *const *words;
    framed_setter *set;
};

#define AT(field) .offset = offsetof(struct framed_framing, field)
#define LENGTH(field) AT(as.length.field)
#define HAS(field) .has = offsetof(struct framed_framing, as.length.field)
#define RANGE(low, high) .min = (low), .max = (high)
#define ONLY(word) .kinds = 1U << FRAMED_KIND_##word
#define ALL .kinds = UINT32_MAX
#define SIZED .kinds = ~(1U << FRAMED_KIND_FIXED | 1U << FRAMED_KIND_RAW)

static const char *const zero_words[] = {"deliver", "skip", "reject", NULL};
static const char *const counts_words[] = {"payload", "rest", "frame", NULL};

/* Key, kinds in words, what is allowed, what it is; then how it is set. */
#define PARAMETERS(ROW)                                                                            \
    ROW("strip", "length", "payload, none, or 0 to 32",                                            \
        "bytes cut off the front of a frame before the handler sees it", SPECIAL, ONLY(LENGTH),    \
        .set = framed_set_strip)                                                                   \
    ROW("zero", "all but fixed and raw", "deliver, skip, reject",                                  \
        "what becomes of messages of no bytes", WORDS, SIZED, AT(zero), .words = zero_words)       \
    ROW("min", "all but fixed and raw", "0 to 1073741824", "the smallest message, in bytes",       \
        NUMBER_SIZE, SIZED, AT(min_message), RANGE(0, FRAMED_MESSAGE_LIMIT))                       \
    ROW("first", "all", "a framing, in parentheses if it has parameters",                          \
        "the framing of a stream's first frame", SPECIAL, ALL, .set = framed_set_first)            \
    ROW("reply", "all", "a framing, in parentheses if it has parameters",                          \
        "the framing of replies", SPECIAL, ALL, .set = framed_set_reply)                           \
    ROW("greeting", "all", "1 to 512 bytes", "what the server sends first", SPECIAL, ALL,          \
        .set = framed_set_greeting)                                                                \
    ROW("offset", "length", "0 to 31", "bytes before the length", NUMBER8, ONLY(LENGTH),           \
        LENGTH(offset), RANGE(0, FRAMED_HEAD_MAX - 1))                                             \
    ROW("counts", "length", "payload, rest, frame",                                                \
        "what the length counts: rest is all behind it", WORDS, ONLY(LENGTH), LENGTH(counts),      \
        .words = counts_words)                                                                     \
    ROW("adjust", "length", "-65536 to 65536", "added to the length", SIGNED32, ONLY(LENGTH),      \
        LENGTH(adjust))                                                                            \
    ROW("unit", "length", "1 to 65536", "bytes that each one of the length stands for", NUMBER32,  \
        ONLY(LENGTH), LENGTH(unit), RANGE(1, 65536))                                               \
    ROW("mask", "length", "a number above 0, such as 0x7fffffff",                                  \
        "the bits of the field that are the length", NUMBER64, ONLY(LENGTH), LENGTH(mask),         \
        RANGE(1, UINT64_MAX))                                                                      \
    ROW("signed", "length", "yes, no", "a negative length is malformed", YES_NO, ONLY(LENGTH),     \
        LENGTH(is_signed))                                                                         \
    ROW("magic", "length", "1 to 16 bytes", "bytes that each header has", SOME_BYTES,              \
        ONLY(LENGTH), LENGTH(magic), RANGE(1, FRAMED_TAIL_MAX))                                    \
    ROW("magic_at", "length", "0 to 31", "where they are", NUMBER8, ONLY(LENGTH),                  \
        LENGTH(magic_at), RANGE(0, FRAMED_HEAD_MAX - 1))                                           \
    ROW("end", "length", "one byte", "what stands behind the digits", ONE_BYTE, ONLY(LENGTH),      \
        LENGTH(end), HAS(has_end))                                                                 \
    ROW("trailer", "length", "1 to 8 bytes", "what each frame ends with", SOME_BYTES,              \
        ONLY(LENGTH), LENGTH(trailer), RANGE(1, 8))                                                \
    ROW("header", "length", "1 to 32",                                                             \
        "bytes before the payload, when there are more than the "                                  \
        "length's",                                                                                \
        NUMBER8, ONLY(LENGTH), LENGTH(header), RANGE(1, FRAMED_HEAD_MAX))                          \
    ROW("pad_at", "length", "0 to 31",                                                             \
        "the byte of the header that tells how much padding "                                      \
        "follows the payload",                                                                     \
        NUMBER8, ONLY(LENGTH), LENGTH(pad_at), HAS(has_pad), RANGE(0, FRAMED_HEAD_MAX - 1))        \
    ROW("marks", "length", "0 to 255",                                                             \
        "lengths up to this one stand for a frame that is only "                                   \
        "its header",                                                                              \
        SPECIAL, ONLY(LENGTH), .set = framed_set_marks)                                            \
    ROW("leading_zero", "length", "allow, reject", "lengths with digits that they need not have",  \
        SPECIAL, ONLY(LENGTH), .set = framed_set_leading_zero)                                     \
    ROW("or", "delimited", "1 to 16 bytes", "another delimiter; up to 3", SPECIAL,                 \
        ONLY(DELIMITED), .repeats = true, .set = framed_set_or)                                    \
    ROW("strip_cr", "delimited", "yes, no", "one CR before the delimiter is dropped", YES_NO,      \
        ONLY(DELIMITED), AT(as.delimited.strip_cr))                                                \
    ROW("eof", "delimited", "yes, no", "the end of the stream ends a last message", YES_NO,        \
        ONLY(DELIMITED), AT(as.delimited.eof))                                                     \
    ROW("oversize", "delimited", "close, discard", "what becomes of a message that is too large",  \
        SPECIAL, ONLY(DELIMITED), .set = framed_set_oversize)                                      \
    ROW("at", "typed", "0 to 31", "where the type is", SPECIAL, ONLY(TYPED),                       \
        .set = framed_set_type_at)                                                                 \
    ROW("case", "typed", "BYTE=(FRAMING), BYTE-BYTE=(FRAMING)",                                    \
        "the framing of frames of these types; `case=` can be left out", SPECIAL, ONLY(TYPED),     \
        .repeats = true, .set = framed_set_case)                                                   \
    ROW("default", "typed", "a framing, in parentheses if it has parameters; reject",              \
        "that of all other types", SPECIAL, ONLY(TYPED), .set = framed_set_default)                \
    ROW("last", "chunked", "1 to 16 bytes", "what stands behind the last fragment", SPECIAL,       \
        ONLY(CHUNKED), .ends = true, .set = framed_set_last)                                       \
    ROW("last_bit", "chunked", "1 to 255", "the bit that the last fragment has in its header",     \
        SPECIAL, ONLY(CHUNKED), .ends = true, .set = framed_set_last_bit)                          \
    ROW("more_bit", "chunked", "1 to 255", "the bit that all fragments but the last have",         \
        SPECIAL, ONLY(CHUNKED), .ends = true, .set = framed_set_more_bit)                          \
    ROW("bit_at", "chunked", "0 to 31", "the byte of the header that has the bit", NUMBER8,        \
        ONLY(CHUNKED), AT(as.chunked.bit_at), RANGE(0, FRAMED_HEAD_MAX - 1))                       \
    ROW("fragment", "chunked", "8 to 1073741824", "the largest fragment to write, in bytes",       \
        NUMBER_SIZE, ONLY(CHUNKED), AT(as.chunked.fragment_max), RANGE(8, FRAMED_MESSAGE_LIMIT))

#define LISTING(word, which, what, about, ...) {(word), (which), (what), (about)},
#define SETTING(word, which, what, about, how, ...) {.type = (how), __VA_ARGS__},

static const struct framed_parameter listing[] = {PARAMETERS(LISTING){NULL, NULL, NULL, NULL}};
static const struct parameter settings[] = {PARAMETERS(SETTING)};
#define COUNT (sizeof(settings) / sizeof(settings[0]))

const struct framed_parameter *framed_parameters(void)
{
    return listing;
}

int framed_refuse(struct framed_parser *parser, const char *key, struct framed_text value)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(listing[i].key, key) == 0)
            return framed_complain_found(&parser->complaint, key, value, listing[i].allowed);
    return -EINVAL;
}

/* Writes NUMBER to PLACE as TYPE has it. */
static void store(enum type type, void *place, uint64_t number)
{
    const uint8_t small = (uint8_t)number;
    const uint32_t medium = (uint32_t)number;
    const size_t size = (size_t)number;

    if (type == NUMBER8)
        memcpy(place, &small, sizeof(small));
    else if (type == NUMBER32)
        memcpy(place, &medium, sizeof(medium));
    else if (type == NUMBER_SIZE)
        memcpy(place, &size, sizeof(size));
    else
        memcpy(place, &number, sizeof(number));
}

static bool set_number(const struct parameter *as, void *place, struct framed_text value)
{
    uint64_t number;

    if (!framed_text_number(value, as->max, &number) || number < as->min)
        return false;
    store(as->type, place, number);
    return true;
}

static bool set_signed(void *place, struct framed_text value)
{
    bool minus = value.length > 1 && value.at[0] == '-';
    uint64_t number;
    int32_t result;

    if (minus || (value.length > 1 && value.at[0] == '+'))
        value = (struct framed_text){value.at + 1, value.length - 1};
    if (!framed_text_number(value, ADJUST_MAX, &number))
        return false;
    result = minus ? -(int32_t)number : (int32_t)number;
    memcpy(place, &result, sizeof(result));
    return true;
}

/* Words count from 0, as the enumerations do that they stand for. */
static bool set_word(const struct parameter *as, void *place, struct framed_text value)
{
    for (int i = 0; as->words[i]; i++)
        if (framed_text_is(value, as->words[i])) {
            memcpy(place, &i, sizeof(i));
            return true;
        }
    return false;
}

static bool set_bool(void *place, struct framed_text value)
{
    bool yes = framed_text_is(value, "yes");

    memcpy(place, &yes, sizeof(yes));
    return yes || framed_text_is(value, "no");
}

static bool set_bytes(const struct parameter *as, void *place, struct framed_text value)
{
    struct framed_bytes bytes = {.length = 0};
    size_t length = 0;

    if (framed_text_bytes(value, bytes.data, as->type == ONE_BYTE ? 1 : as->max, &length))
        return false;
    bytes.length = (uint8_t)length;
    if (as->type == ONE_BYTE)
        memcpy(place, bytes.data, 1);
    else
        memcpy(place, &bytes, sizeof(bytes));
    return true;
}

static bool set_plain(const struct parameter *as, void *place, struct framed_text value)
{
    switch (as->type) {
    case SIGNED32:
        return set_signed(place, value);
    case YES_NO:
        return set_bool(place, value);
    case WORDS:
        return set_word(as, place, value);
    case ONE_BYTE:
    case SOME_BYTES:
        return set_bytes(as, place, value);
    default:
        return set_number(as, place, value);
    }
}

static int complain_key(struct framed_parser *parser, const struct framed_framing *framing,
                        struct framed_text key)
{
    struct framed_nearest nearest;
    char wanted[32];

    snprintf(wanted, sizeof(wanted), "%.*s", (int)(key.length < 31 ? key.length : 31), key.at);
    framed_nearest_init(&nearest, wanted);
    framed_complain_found(&parser->complaint, "parameter", key, "");
    for (size_t i = 0, said = 0; i < COUNT; i++) {
        if (!(settings[i].kinds & 1U << framing->kind))
            continue;
        framed_nearest_consider(&nearest, listing[i].key);
        framed_complain_more(&parser->complaint, "%s%s", said++ > 0 ? ", " : "", listing[i].key);
    }
    for (size_t i = 0; i < COUNT; i++)
        if (framed_text_is(key, listing[i].key))
            framed_complain_more(&parser->complaint, "; this one is for %s", listing[i].kinds);
    if (nearest.best)
        framed_complain_more(&parser->complaint, "; did you mean \"%s\"?", nearest.best);
    return -EINVAL;
}

static size_t find(struct framed_text key)
{
    size_t i = 0;

    while (i < COUNT && !framed_text_is(key, listing[i].key))
        i++;
    return i;
}

const char *framed_parameters_allowed(struct framed_text key, struct framed_text other)
{
    size_t i = find(key);
    size_t j = find(other);

    if (framed_text_same(key, other))
        return i < COUNT && settings[i].repeats ? NULL : "it once";
    if (i < COUNT && j < COUNT && settings[i].ends && settings[j].ends)
        return "one of last, last_bit, more_bit";
    return NULL;
}

/* Whether KEY is a byte, or two of them: a case of `typed` without `case=`. */
static bool is_case(struct framed_text key)
{
    uint8_t byte;
    struct framed_text rest;

    return framed_text_byte(key, &byte, &rest) && (rest.length == 0 || rest.at[0] == '-');
}

int framed_set_parameter(struct framed_parser *parser, struct framed_framing *framing,
                         struct framed_text key, struct framed_text value)
{
    const size_t i = find(key);
    const struct parameter *as = &settings[i < COUNT ? i : 0];
    uint8_t *base = (uint8_t *)framing;

    /* A case of `typed` begins with a byte in place of a key: both halves are one value again. */
    if (i == COUNT && framing->kind == FRAMED_KIND_TYPED && is_case(key))
        return framed_set_case(parser, framing,
                               (struct framed_text){key.at, key.length + 1 + value.length});
    if (i == COUNT || !(as->kinds & 1U << framing->kind))
        return complain_key(parser, framing, key);
    if (as->type == SPECIAL)
        return as->set(parser, framing, value);
    if (!set_plain(as, base + as->offset, value))
        return framed_refuse(parser, listing[i].key, value);
    if (as->has)
        *(bool *)(void *)(base + as->has) = true;
    return 0;
}
