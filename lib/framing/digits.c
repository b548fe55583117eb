/*
 * Lengths in digits, decimal or hexadecimal: a fixed number of them, or up to an end byte.
 *
 * Digits only: no sign, no space. The number is compared with the largest even before its end is
 * here, so that it does not wait for an end that never comes: too many digits are an oversize
 * message, whatever follows them, or, being zeros, malformed.
 */
#include "framing/frame.h"

/* More than any length has, so that only zeros can be as many, and no overflow. */
#define DIGITS_MAX 15

_Static_assert(UINT8_MAX + DIGITS_MAX + 1 <= FRAMED_AROUND_MAX, "a header of digits is accounted");

/* BASE or more when BYTE is no digit. */
static inline unsigned digit_of(uint8_t byte, unsigned base)
{
    unsigned digit = (unsigned)byte - '0';

    if (base == 10 || digit < 10)
        return digit;
    digit = (unsigned)(byte | 0x20) - 'a';
    return digit < 6 ? digit + 10 : base;
}

/* AT: where the digits begin; LIMIT: a larger value is oversize. */
static inline int read_at(const struct framed_length *as, unsigned base, uint64_t limit, size_t at,
                          const uint8_t *data, size_t length, struct framed_field *field)
{
    size_t most = as->width ? as->width : DIGITS_MAX;
    size_t there = length > at ? length - at : 0;
    size_t stop = there < most ? there : most;
    uint64_t value = 0;
    size_t count;

    for (count = 0; count < stop; count++) {
        unsigned digit = digit_of(data[at + count], base);

        if (digit >= base)
            break;
        value = value * base + digit;
    }
    if (count > 1 && data[at] == '0' && !as->width && !as->leading_zero)
        return FRAMED_MALFORMED;
    if (value > limit)
        return FRAMED_OVERSIZE;
    field->value = value;
    field->end = at + (as->width ? as->width : count) + as->has_end;
    if (count == there && length < field->end)
        return FRAMED_NEED_MORE;
    if (count == 0 || (as->width && count < as->width))
        return FRAMED_MALFORMED;
    if (as->has_end && data[field->end - 1] != as->end)
        return FRAMED_MALFORMED;
    return FRAMED_OK;
}

static size_t write_digits(const struct framed_length *as, unsigned base, uint64_t value,
                           uint8_t *start)
{
    size_t count = 1;

    for (uint64_t rest = value; rest >= base; rest /= base)
        count++;
    if (count > (as->width ? as->width : DIGITS_MAX))
        return 0;
    if (as->width)
        count = as->width;
    for (size_t at = as->offset + count; at > as->offset; value /= base)
        start[--at] = (uint8_t) "0123456789abcdef"[value % base];
    if (as->has_end)
        start[as->offset + count] = as->end;
    return as->offset + count + as->has_end;
}

#define DIGITS(word, base)                                                                         \
    static int decode_##word(const struct framed_framing *framing, struct framed_decoder *decoder, \
                             const uint8_t *data, size_t length, struct framed_frame *frame)       \
    {                                                                                              \
        struct framed_field field;                                                                 \
        int verdict =                                                                              \
            read_at(&framing->as.length, base, framing->max_message, 0, data, length, &field);     \
                                                                                                   \
        (void)decoder; /* a few digits are cheaper to read again than to keep */                   \
        return framed_frame_plain(framing, verdict, &field, data, length, frame);                  \
    }                                                                                              \
    static int read_##word(const struct framed_framing *framing, const uint8_t *data,              \
                           size_t length, struct framed_field *field)                              \
    {                                                                                              \
        const struct framed_length *as = &framing->as.length;                                      \
                                                                                                   \
        return read_at(as, base, framed_value_limit(framing), as->offset, data, length, field);    \
    }                                                                                              \
    static size_t write_##word(const struct framed_length *as, uint64_t value, uint8_t *start)     \
    {                                                                                              \
        return write_digits(as, base, value, start);                                               \
    }                                                                                              \
    const struct framed_encoding_ops framed_encoding_##word = {                                    \
        .decode_plain = decode_##word, .read = read_##word, .write = write_##word};

DIGITS(decimal, 10)
DIGITS(hex, 16)
