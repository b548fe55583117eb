/*
 * The kind `length`: a field of the frame's header tells where the frame ends.
 *
 * Here are the binary fields, the quick ways for frames that are nothing but field and payload, and
 * the one for all parameters. Errors are told in the order of the bytes that show them, so that a
 * verdict does not depend on how the stream was cut.
 */
#include <framed/byteorder.h>

#include "framing/frame.h"

#include <string.h>

#define FIELD_MAX FRAMED_PREFIX_MAX

/* One load of 8 bytes serves every width and both orders: what is not the field is shifted out. */
static inline uint64_t get_field(const struct framed_length *as, const uint8_t *data, size_t length)
{
    unsigned other_bits = 64 - 8U * as->width;
    uint8_t padded[FIELD_MAX] = {0};

    if (__builtin_expect(length < FIELD_MAX, 0)) {
        memcpy(padded, data, as->width);
        data = padded;
    }
    if (as->encoding == FRAMED_BIG_ENDIAN)
        return framed_get_u64be(data) >> other_bits;
    return framed_get_u64le(data) << other_bits >> other_bits;
}

static int read_binary(const struct framed_framing *framing, const uint8_t *data, size_t length,
                       struct framed_field *field)
{
    const struct framed_length *as = &framing->as.length;

    field->end = (size_t)as->offset + as->width;
    if (length < field->end)
        return FRAMED_NEED_MORE;
    field->value = get_field(as, data + as->offset, length - as->offset);
    if (as->is_signed && field->value >> (8U * as->width - 1))
        return FRAMED_MALFORMED;
    return FRAMED_OK;
}

static size_t write_binary(const struct framed_length *as, uint64_t value, uint8_t *start)
{
    uint8_t *field = start + as->offset;

    if (value > UINT64_MAX >> (64 - 8U * as->width + as->is_signed))
        return 0;
    for (size_t i = 0; i < as->width; i++, value >>= 8)
        field[as->encoding == FRAMED_BIG_ENDIAN ? as->width - 1 - i : i] = (uint8_t)value;
    return (size_t)as->offset + as->width;
}

static int decode_binary(const struct framed_framing *framing, struct framed_decoder *decoder,
                         const uint8_t *data, size_t length, struct framed_frame *frame)
{
    struct framed_field field;
    int verdict = read_binary(framing, data, length, &field);

    (void)decoder; /* the field is cheaper to read again than to keep */
    return framed_frame_plain(framing, verdict, &field, data, length, frame);
}

/* The fields that most have, without a trailer: no parameter is looked at. */
#define EXACT(word, width, get)                                                                    \
    static int decode_##word(const struct framed_framing *framing, struct framed_decoder *decoder, \
                             const uint8_t *data, size_t length, struct framed_frame *frame)       \
    {                                                                                              \
        uint64_t value = 0;                                                                        \
                                                                                                   \
        (void)decoder;                                                                             \
        if (length >= (width))                                                                     \
            value = get(data);                                                                     \
        if (value > framing->max_message)                                                          \
            return FRAMED_OVERSIZE;                                                                \
        if (length < (width) + (size_t)value) {                                                    \
            frame->need = (width) + (size_t)value;                                                 \
            return FRAMED_NEED_MORE;                                                               \
        }                                                                                          \
        frame->payload = (width);                                                                  \
        frame->length = (size_t)value;                                                             \
        frame->size = (width) + (size_t)value;                                                     \
        return FRAMED_OK;                                                                          \
    }

static inline uint8_t get_u8(const uint8_t *data)
{
    return *data;
}

EXACT(u8, 1, get_u8)
EXACT(u16be, 2, framed_get_u16be)
EXACT(u16le, 2, framed_get_u16le)
EXACT(u32be, 4, framed_get_u32be)
EXACT(u32le, 4, framed_get_u32le)
EXACT(u64be, 8, framed_get_u64be)
EXACT(u64le, 8, framed_get_u64le)

static int (*const exact[FIELD_MAX + 1][2])(const struct framed_framing *, struct framed_decoder *,
                                            const uint8_t *, size_t, struct framed_frame *) = {
    [1] = {[FRAMED_BIG_ENDIAN] = decode_u8, [FRAMED_LITTLE_ENDIAN] = decode_u8},
    [2] = {[FRAMED_BIG_ENDIAN] = decode_u16be, [FRAMED_LITTLE_ENDIAN] = decode_u16le},
    [4] = {[FRAMED_BIG_ENDIAN] = decode_u32be, [FRAMED_LITTLE_ENDIAN] = decode_u32le},
    [8] = {[FRAMED_BIG_ENDIAN] = decode_u64be, [FRAMED_LITTLE_ENDIAN] = decode_u64le},
};

static const struct framed_encoding_ops binary = {
    .decode_plain = decode_binary, .read = read_binary, .write = write_binary};

static const struct framed_encoding_ops *const encodings[] = {
    [FRAMED_BIG_ENDIAN] = &binary,
    [FRAMED_LITTLE_ENDIAN] = &binary,
    [FRAMED_DECIMAL] = &framed_encoding_decimal,
    [FRAMED_HEX] = &framed_encoding_hex,
    [FRAMED_VARINT] = &framed_encoding_varint,
    [FRAMED_BER] = &framed_encoding_ber,
};

/* The parts of a frame, as its header tells them. */
struct parts {
    size_t header;
    size_t padding;
    size_t trailer;
    uint64_t payload;
};

/* Makes PARTS of what the field says. */
static int size_parts(const struct framed_length *as, uint64_t value, struct parts *parts)
{
    uint64_t units = value & as->mask;
    size_t behind = parts->padding + as->trailer.length;
    size_t counted = 0;
    int64_t rest;

    parts->trailer = as->trailer.length;
    parts->payload = 0;
    if (units < as->marks) {
        parts->padding = parts->trailer = 0;
        return FRAMED_OK;
    }
    if (__builtin_mul_overflow(units, (uint64_t)as->unit, &units) || units > FRAMED_SIZE_LIMIT)
        return FRAMED_OVERSIZE;
    if (as->counts != FRAMED_COUNTS_PAYLOAD)
        counted = behind + (as->counts == FRAMED_COUNTS_FRAME ? parts->header : 0);
    rest = (int64_t)units + as->adjust - (int64_t)counted;
    if (rest < 0)
        return FRAMED_UNDERSIZE;
    parts->payload = (uint64_t)rest;
    return FRAMED_OK;
}

/* Compares as much of the magic bytes as there is. */
static bool has_magic(const struct framed_length *as, const uint8_t *data, size_t length)
{
    size_t there = length > as->magic_at ? length - as->magic_at : 0;

    if (there > as->magic.length)
        there = as->magic.length;
    return framed_bytes_match(&as->magic, there, data + as->magic_at);
}

/* Reads the header at DATA into PARTS. FRAMED_NEED_MORE with FRAME->need, or how it is wrong. */
static int read_header(const struct framed_framing *framing, const uint8_t *data, size_t length,
                       struct parts *parts, struct framed_frame *frame)
{
    const struct framed_length *as = &framing->as.length;
    struct framed_field field;
    int verdict;

    if (as->magic_at <= as->offset && !has_magic(as, data, length))
        return FRAMED_BAD_MAGIC;
    verdict = encodings[as->encoding]->read(framing, data, length, &field);
    if (verdict == FRAMED_NEED_MORE)
        frame->need = field.end;
    if (verdict != FRAMED_OK)
        return verdict;
    parts->header = as->header ? as->header : field.end;
    if (length < parts->header) {
        frame->need = parts->header;
        return FRAMED_NEED_MORE;
    }
    if (as->magic_at > as->offset && !has_magic(as, data, length))
        return FRAMED_BAD_MAGIC;
    parts->padding = as->has_pad ? data[as->pad_at] : 0;
    return size_parts(as, field.value, parts);
}

/* Says where the frame lies whose header is at DATA, however much of it is there. */
static int measure(const struct framed_framing *framing, const uint8_t *data, size_t length,
                   struct parts *parts, struct framed_frame *frame)
{
    int verdict = read_header(framing, data, length, parts, frame);
    uint64_t size;
    uint64_t delivered;

    if (verdict != FRAMED_OK)
        return verdict;
    size = parts->header + parts->payload + parts->padding + parts->trailer;
    delivered = parts->payload;
    frame->payload = parts->header;
    if (framing->strip != FRAMED_STRIP_PAYLOAD) {
        frame->payload = (size_t)framing->strip;
        if (size < frame->payload)
            return FRAMED_UNDERSIZE;
        delivered = size - frame->payload;
    }
    if (delivered > framing->max_message)
        return FRAMED_OVERSIZE;
    frame->length = (size_t)delivered;
    frame->size = (size_t)size;
    return FRAMED_OK;
}

static int decode_any(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame)
{
    struct parts parts;
    int verdict = measure(framing, data, length, &parts, frame);

    (void)decoder;
    if (verdict != FRAMED_OK)
        return verdict;
    if (length < frame->size) {
        frame->need = frame->size;
        return FRAMED_NEED_MORE;
    }
    if (parts.trailer > 0 && !framed_bytes_match(&framing->as.length.trailer, parts.trailer,
                                                 data + frame->size - parts.trailer))
        return FRAMED_BAD_TRAILER;
    return FRAMED_OK;
}

/* The quick way where the field is the payload's length, and is all of the header. */
static int encode_plain(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                        bool continued, struct framed_envelope *envelope)
{
    const struct framed_length *as = &framing->as.length;
    size_t end;

    (void)payload;
    (void)continued;
    envelope->head[0] = 0; /* a tag */
    end = encodings[as->encoding]->write(as, length, envelope->head);
    if (end == 0)
        return FRAMED_OVERSIZE;
    memcpy(envelope->tail, as->trailer.data, sizeof(envelope->tail));
    envelope->head_length = (uint8_t)end;
    envelope->tail_length = as->trailer.length;
    envelope->taken = length;
    return FRAMED_OK;
}

/* Writes the field, which is not the payload's own, into START. */
static int write_field(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                       uint8_t *start, size_t *end)
{
    const struct framed_length *as = &framing->as.length;
    size_t behind = as->trailer.length;
    int64_t units = (int64_t)length;

    if (framing->strip != FRAMED_STRIP_PAYLOAD) {
        size_t cut = (size_t)framing->strip;

        if (as->has_pad && as->pad_at >= cut && as->pad_at - cut < length)
            behind += payload[as->pad_at - cut];
        units += (int64_t)cut - (int64_t)as->header - (int64_t)behind;
    }
    if (as->counts != FRAMED_COUNTS_PAYLOAD)
        units += (int64_t)(behind + (as->counts == FRAMED_COUNTS_FRAME ? as->header : 0));
    units -= as->adjust;
    if (units < 0 || units % as->unit != 0)
        return FRAMED_UNENCODABLE;
    units /= as->unit;
    if ((uint64_t)units & ~as->mask)
        return FRAMED_OVERSIZE;
    *end = encodings[as->encoding]->write(as, (uint64_t)units, start);
    return *end ? FRAMED_OK : FRAMED_OVERSIZE;
}

/*
 * Writes what goes before the payload, then reads the header back, of which a part may be the
 * payload's own: whatever would not come out as the same message is refused.
 */
static int encode_any(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                      bool continued, struct framed_envelope *envelope)
{
    const struct framed_length *as = &framing->as.length;
    bool bare = framing->strip == FRAMED_STRIP_PAYLOAD;
    uint8_t start[FRAMED_START_MAX] = {0};
    size_t cut = bare ? as->header : (size_t)framing->strip;
    size_t tail = bare ? as->trailer.length : 0;
    struct framed_frame frame;
    struct parts parts;
    size_t size;
    size_t own;

    (void)continued;
    memcpy(start + as->magic_at, as->magic.data, as->magic.length);
    if (bare || cut > as->offset) {
        size_t end = 0;
        int verdict = write_field(framing, payload, length, start, &end);

        if (verdict != FRAMED_OK)
            return verdict;
        if (cut == 0)
            cut = end;
    }
    if (cut > FRAMED_HEAD_MAX)
        return FRAMED_UNENCODABLE;
    own = length < sizeof(start) - cut ? length : sizeof(start) - cut;
    if (own > 0)
        memcpy(start + cut, payload, own);
    size = cut + length + tail;
    if (measure(framing, start, cut + own, &parts, &frame) != FRAMED_OK || frame.size != size ||
        frame.payload != cut || frame.length != length)
        return FRAMED_UNENCODABLE;
    if (!bare && parts.trailer > 0 &&
        !framed_bytes_match(&as->trailer, parts.trailer, payload + length - parts.trailer))
        return FRAMED_UNENCODABLE;
    memcpy(envelope->head, start, sizeof(envelope->head));
    memcpy(envelope->tail, as->trailer.data, sizeof(envelope->tail));
    envelope->head_length = (uint8_t)cut;
    envelope->tail_length = (uint8_t)tail;
    envelope->taken = length;
    return FRAMED_OK;
}

/* Quicker still, for most replies. */
static int encode_binary(const struct framed_framing *framing, const uint8_t *payload,
                         size_t length, bool continued, struct framed_envelope *envelope)
{
    const struct framed_length *as = &framing->as.length;

    (void)payload;
    (void)continued;
    if (length > framed_prefix_limit(as->width))
        return FRAMED_OVERSIZE;
    framed_prefix_put(as, length, envelope->head);
    envelope->head_length = as->width;
    envelope->tail_length = 0;
    envelope->taken = length;
    return FRAMED_OK;
}

/* Whether nothing is set that framed_frame_plain() does not look at. */
static bool is_plain(const struct framed_framing *framing)
{
    const struct framed_length *as = &framing->as.length;

    return framing->strip == FRAMED_STRIP_PAYLOAD && as->offset == 0 && as->magic.length == 0 &&
           (as->header == 0 || as->header == as->width + as->has_end) &&
           as->counts == FRAMED_COUNTS_PAYLOAD && as->adjust == 0 && as->unit == 1 &&
           as->mask == UINT64_MAX && as->marks == 0 && !as->is_signed && !as->has_pad;
}

static void settle(struct framed_framing *framing)
{
    const struct framed_length *as = &framing->as.length;

    framing->decode = decode_any;
    framing->encode = encode_any;
    framing->prefix = 0;
    if (!is_plain(framing))
        return;
    framing->decode = encodings[as->encoding]->decode_plain;
    framing->encode = encode_plain;
    if (as->encoding > FRAMED_LITTLE_ENDIAN || as->trailer.length > 0)
        return;
    framing->encode = encode_binary;
    framing->prefix = framing->plain ? as->width : 0;
    if (exact[as->width][as->encoding])
        framing->decode = exact[as->width][as->encoding];
}

const struct framed_kind_ops framed_kind_length = {
    .word = "length", .settle = settle, .begin = framed_length_begin, .end = framed_length_end};
