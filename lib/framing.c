/* The framings by name, and the way from a framing to the code of its kind (framing/). */
#include <framed/framing.h>

#include "framing/kind.h"
#include "nearest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define BIG(bytes) .kind = FRAMED_KIND_LENGTH, .order = FRAMED_BIG_ENDIAN, .width = (bytes)
#define LITTLE(bytes) .kind = FRAMED_KIND_LENGTH, .order = FRAMED_LITTLE_ENDIAN, .width = (bytes)
/* TEXT must not begin with what it ends with ("\n\n" does): a payload that ends with that as well
 * would be cut early, and the encoder does not look for it. */
#define DELIMITER(text)                                                                            \
    .kind = FRAMED_KIND_DELIMITED, .delimiter = (text), .delimiter_length = sizeof(text) - 1

/* One source for the framings and their listing: name, grammar, parameters. */
#define PRESETS(ROW)                                                                               \
    ROW("u8", "length (1 byte), payload", BIG(1))                                                  \
    ROW("u16be", "length (2 bytes, big-endian), payload", BIG(2))                                  \
    ROW("u16le", "length (2 bytes, little-endian), payload", LITTLE(2))                            \
    ROW("u32be", "length (4 bytes, big-endian), payload", BIG(4))                                  \
    ROW("u32le", "length (4 bytes, little-endian), payload", LITTLE(4))                            \
    ROW("u64be", "length (8 bytes, big-endian), payload", BIG(8))                                  \
    ROW("netstring", "length (decimal digits), ':', payload, ','", .kind = FRAMED_KIND_DECIMAL,    \
        .end_byte = ':', .has_trailer = true, .trailer = ',')                                      \
    ROW("line", "payload, LF; one CR before the LF is dropped", DELIMITER("\n"), .strip_cr = true) \
    ROW("crlf", "payload, CR LF", DELIMITER("\r\n"))                                               \
    ROW("nul", "payload, NUL", DELIMITER("\0"))

#define FRAMING(word, text, ...)                                                                   \
    {.name = (word), .max_message = FRAMED_MESSAGE_DEFAULT, __VA_ARGS__},
#define LISTING(word, text, ...) {.name = (word), .grammar = (text)},

static const struct framed_framing framings[] = {PRESETS(FRAMING)};
static const struct framed_preset presets[] = {PRESETS(LISTING){NULL, NULL}};

static const struct framed_kind_ops *const kinds[] = {
    [FRAMED_KIND_LENGTH] = &framed_kind_length,
    [FRAMED_KIND_DECIMAL] = &framed_kind_decimal,
    [FRAMED_KIND_DELIMITED] = &framed_kind_delimited,
};
_Static_assert(COUNT(kinds) == FRAMED_KIND_COUNT, "each kind has its code");

static const char *const words[] = {
    [FRAMED_OK] = "ok",
    [FRAMED_NEED_MORE] = "need-more",
    [FRAMED_OVERSIZE] = "oversize",
    [FRAMED_UNDERSIZE] = "undersize",
    [FRAMED_MALFORMED] = "malformed",
    [FRAMED_BAD_TRAILER] = "bad-trailer",
    [FRAMED_TRUNCATED] = "truncated",
    [FRAMED_UNENCODABLE] = "unencodable",
};
_Static_assert(COUNT(words) == FRAMED_VERDICT_COUNT, "each verdict has its word");

static const char *nearest_preset(const char *text)
{
    struct framed_nearest nearest;

    framed_nearest_init(&nearest, text);
    for (const struct framed_preset *preset = presets; preset->name; preset++)
        framed_nearest_consider(&nearest, preset->name);
    return nearest.best;
}

/* Adds BEFORE, WORD (as much as a name can have) and AFTER to the text in ERROR (SIZE bytes), of
 * which *USED bytes are written or were cut off. */
static void append(char *error, size_t size, size_t *used, const char *before, const char *word,
                   const char *after)
{
    size_t at = *used < size ? *used : size;
    int added =
        snprintf(error + at, size - at, "%s%.*s%s", before, FRAMED_FRAMING_NAME_SIZE, word, after);

    *used += added > 0 ? (size_t)added : 0;
}

static void explain_unknown(const char *text, char *error, size_t size)
{
    const char *nearest = nearest_preset(text);
    size_t used = 0;

    append(error, size, &used, "unknown framing \"", text, "\"");
    if (nearest)
        append(error, size, &used, "; did you mean \"", nearest, "\"? allowed: ");
    else
        append(error, size, &used, "; allowed: ", "", "");
    for (const struct framed_preset *preset = presets; preset->name; preset++)
        append(error, size, &used, preset == presets ? "" : ", ", preset->name, "");
}

int framed_framing_parse(const char *text, struct framed_framing *framing, char *error, size_t size)
{
    for (size_t i = 0; i < COUNT(framings); i++)
        if (strcmp(text, framings[i].name) == 0) {
            *framing = framings[i];
            return 0;
        }
    explain_unknown(text, error, size);
    return -EINVAL;
}

int framed_framing_set_max(struct framed_framing *framing, size_t max_message)
{
    if (max_message < 1 || max_message > FRAMED_MESSAGE_LIMIT)
        return -EINVAL;
    framing->max_message = max_message;
    return 0;
}

int framed_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    return kinds[framing->kind]->decode(framing, decoder, data, length, frame);
}

int framed_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope)
{
    if (length > framing->max_message)
        return FRAMED_OVERSIZE;
    return kinds[framing->kind]->encode(framing, payload, length, envelope);
}

const char *framed_verdict_word(int verdict)
{
    return verdict >= 0 && verdict < FRAMED_VERDICT_COUNT ? words[verdict] : "unknown";
}

const struct framed_preset *framed_presets(void)
{
    return presets;
}
