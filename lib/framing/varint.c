/* Lengths in LEB128, as Protocol Buffers and MQTT have them: 7 bits a byte, the lowest first; each
 * byte but the last has its highest bit set. */
#include "framing/frame.h"

#define MORE 0x80U

static inline int read_at(const struct framed_length *as, size_t at, const uint8_t *data,
                          size_t length, struct framed_field *field)
{
    uint64_t value = 0;
    size_t count;

    for (count = 0; count < as->width; count++) {
        uint8_t byte;

        if (at + count >= length) {
            field->end = at + count + 1;
            return FRAMED_NEED_MORE;
        }
        byte = data[at + count];
        if (count == 9 && byte > 1)
            return FRAMED_MALFORMED; /* more than 64 bits */
        value |= (uint64_t)(byte & ~MORE) << 7 * count;
        if (byte & MORE)
            continue;
        if (byte == 0 && count > 0 && !as->leading_zero)
            return FRAMED_MALFORMED;
        field->value = value;
        field->end = at + count + 1;
        return FRAMED_OK;
    }
    return FRAMED_MALFORMED;
}

static int decode_plain(const struct framed_framing *framing, struct framed_decoder *decoder,
                        const uint8_t *data, size_t length, struct framed_frame *frame)
{
    struct framed_field field;
    int verdict = read_at(&framing->as.length, 0, data, length, &field);

    (void)decoder;
    return framed_frame_plain(framing, verdict, &field, data, length, frame);
}

static int read_varint(const struct framed_framing *framing, const uint8_t *data, size_t length,
                       struct framed_field *field)
{
    return read_at(&framing->as.length, framing->as.length.offset, data, length, field);
}

static size_t write_varint(const struct framed_length *as, uint64_t value, uint8_t *start)
{
    size_t at = as->offset;

    for (; value >= MORE; value >>= 7)
        start[at++] = (uint8_t)(value | MORE);
    start[at++] = (uint8_t)value;
    return at - as->offset <= as->width ? at : 0;
}

const struct framed_encoding_ops framed_encoding_varint = {
    .decode_plain = decode_plain, .read = read_varint, .write = write_varint};
