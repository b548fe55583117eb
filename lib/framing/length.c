/* The kind `length`: a binary integer of 1 to 8 bytes, then that many bytes of payload. */
#include <framed/byteorder.h>

#include "framing/kind.h"

#include <string.h>

#define FIELD_MAX sizeof(uint64_t)

/* One load of 8 bytes serves every width and both orders: what is not the field is shifted out. */
static inline uint64_t get_field(const struct framed_framing *framing, const uint8_t *data,
                                 size_t length)
{
    unsigned other_bits = 64 - 8U * framing->width;
    uint8_t padded[FIELD_MAX] = {0};

    if (__builtin_expect(length < FIELD_MAX, 0)) {
        memcpy(padded, data, framing->width);
        data = padded;
    }
    if (framing->order == FRAMED_BIG_ENDIAN)
        return framed_get_u64be(data) >> other_bits;
    return framed_get_u64le(data) << other_bits >> other_bits;
}

/* Writes 8 bytes; the field is the first of them. */
static void put_field(const struct framed_framing *framing, uint8_t *data, uint64_t value)
{
    if (framing->order == FRAMED_BIG_ENDIAN)
        framed_put_u64be(data, value << (64 - 8U * framing->width));
    else
        framed_put_u64le(data, value);
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    size_t width = framing->width;
    uint64_t claimed;
    size_t size;

    (void)decoder; /* the field is cheaper to read again than to keep */
    if (length < width) {
        frame->need = width;
        return FRAMED_NEED_MORE;
    }
    claimed = get_field(framing, data, length);
    if (claimed > framing->max_message)
        return FRAMED_OVERSIZE;
    size = width + (size_t)claimed;
    if (length < size) {
        frame->need = size;
        return FRAMED_NEED_MORE;
    }
    frame->payload = width;
    frame->length = (size_t)claimed;
    frame->size = size;
    return FRAMED_OK;
}

static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope)
{
    _Static_assert(FRAMED_HEAD_MAX >= FIELD_MAX, "put_field() writes a whole word");

    (void)payload;
    if (length > UINT64_MAX >> (64 - 8U * framing->width))
        return FRAMED_OVERSIZE;
    put_field(framing, envelope->head, length);
    envelope->head_length = framing->width;
    envelope->tail_length = 0;
    return FRAMED_OK;
}

const struct framed_kind_ops framed_kind_length = {.decode = decode, .encode = encode};
