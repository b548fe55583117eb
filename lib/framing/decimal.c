/*
 * The kind `decimal`: ASCII digits, an end byte, that many bytes of payload, perhaps a trailer
 * byte.
 *
 * Digits only, and no leading zero: each length has one spelling. The number is compared with
 * max_message at every digit, so it neither overflows nor waits for an end byte that never comes:
 * too many digits are an oversize message, whatever follows them.
 */
#include "framing/kind.h"

#include <stdbool.h>

static inline bool is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') < 10;
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    uint64_t claimed = 0;
    size_t digits = 0;
    size_t size;

    (void)decoder; /* a header is a few digits: cheaper to read again than to keep */
    for (; digits < length && is_digit(data[digits]); digits++) {
        if (digits > 0 && claimed == 0)
            return FRAMED_MALFORMED;
        claimed = claimed * 10 + (data[digits] - '0');
        if (claimed > framing->max_message)
            return FRAMED_OVERSIZE;
    }
    if (digits < length && (digits == 0 || data[digits] != framing->end_byte))
        return FRAMED_MALFORMED;

    /* Holds as a least size even before the last digit: a further one only makes it larger. */
    size = digits + 1 + (size_t)claimed + framing->has_trailer;
    if (length < size) {
        frame->need = size;
        return FRAMED_NEED_MORE;
    }
    if (framing->has_trailer && data[size - 1] != framing->trailer)
        return FRAMED_BAD_TRAILER;
    frame->payload = digits + 1;
    frame->length = (size_t)claimed;
    frame->size = size;
    return FRAMED_OK;
}

static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope)
{
    size_t digits = 1;
    size_t rest;

    (void)payload;
    for (rest = length; rest >= 10; rest /= 10)
        digits++;
    _Static_assert(FRAMED_HEAD_MAX > 20, "the digits of any length and the end byte");
    for (size_t at = digits; at > 0; length /= 10)
        envelope->head[--at] = (uint8_t)('0' + length % 10);
    envelope->head[digits] = framing->end_byte;
    envelope->head_length = (uint8_t)(digits + 1);
    envelope->tail[0] = framing->trailer;
    envelope->tail_length = framing->has_trailer;
    return FRAMED_OK;
}

const struct framed_kind_ops framed_kind_decimal = {.decode = decode, .encode = encode};
