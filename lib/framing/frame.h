/*
 * What the encodings of a length share: from the value of a length field to the frame, and back.
 *
 * An encoding reads and writes its field; length.c does the rest for all of them, whatever the
 * parameters. Where none is set but a trailer, the encoding decodes the frame itself, in one
 * function without a call: `decode_plain`.
 */
#ifndef FRAMED_FRAMING_FRAME_H
#define FRAMED_FRAMING_FRAME_H

#include "framing/kind.h"

#include <framed/byteorder.h>

/* What a frame has beside its payload is smaller than this: header, padding, trailer. */
#define FRAMED_AROUND_MAX 512
/* The header with room for the longest field that any encoding writes, before it is checked. */
#define FRAMED_START_MAX 64

/* No frame is as large; sums below it do not overflow. */
#define FRAMED_SIZE_LIMIT ((uint64_t)1 << 40)

/* The widest binary length. */
#define FRAMED_PREFIX_MAX sizeof(uint64_t)

/* A length field that was read. */
struct framed_field {
    uint64_t value;
    size_t end; /* where the field ends; with FRAMED_NEED_MORE: the bytes that there must be */
};

struct framed_encoding_ops {
    /* framed_decode() where the frame is the field, the payload and perhaps a trailer. */
    int (*decode_plain)(const struct framed_framing *framing, struct framed_decoder *decoder,
                        const uint8_t *data, size_t length, struct framed_frame *frame);
    /* Reads the field of the frame at DATA. FRAMED_OK, FRAMED_NEED_MORE or an error. */
    int (*read)(const struct framed_framing *framing, const uint8_t *data, size_t length,
                struct framed_field *field);
    /* Writes the field into START, which has room for it; a tag is what START has there. Where the
     * field ends, or 0 when it cannot hold VALUE. */
    size_t (*write)(const struct framed_length *as, uint64_t value, uint8_t *start);
};

#pragma GCC visibility push(hidden)

extern const struct framed_encoding_ops framed_encoding_decimal;
extern const struct framed_encoding_ops framed_encoding_hex;
extern const struct framed_encoding_ops framed_encoding_varint;
extern const struct framed_encoding_ops framed_encoding_ber;

/* Messages in pieces (length_pieces.c). */
int framed_length_begin(struct framed_encoder *encoder, struct framed_envelope *envelope);
int framed_length_end(const struct framed_encoder *encoder, struct framed_envelope *envelope);

#pragma GCC visibility pop

/* Larger values are oversize messages, whatever the other parameters make of them. */
static inline uint64_t framed_value_limit(const struct framed_framing *framing)
{
    int64_t adjust = framing->as.length.adjust;

    return framing->max_message + FRAMED_AROUND_MAX + (uint64_t)(adjust < 0 ? -adjust : 0);
}

/* Whether DATA begins with the first LENGTH of BYTES. A loop, because most are one or two. */
static inline bool framed_bytes_match(const struct framed_bytes *bytes, size_t length,
                                      const uint8_t *data)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] != bytes->data[i])
            return false;
    return true;
}

/* The frame behind a field that says the length of the payload; VERDICT is what reading FIELD was.
 */
static inline int framed_frame_plain(const struct framed_framing *framing, int verdict,
                                     const struct framed_field *field, const uint8_t *data,
                                     size_t length, struct framed_frame *frame)
{
    const struct framed_bytes *trailer = &framing->as.length.trailer;
    size_t size;

    if (verdict != FRAMED_OK) {
        if (verdict == FRAMED_NEED_MORE)
            frame->need = field->end;
        return verdict;
    }
    if (field->value > framing->max_message)
        return FRAMED_OVERSIZE;
    size = field->end + (size_t)field->value + trailer->length;
    if (length < size) {
        frame->need = size;
        return FRAMED_NEED_MORE;
    }
    if (!framed_bytes_match(trailer, trailer->length, data + size - trailer->length))
        return FRAMED_BAD_TRAILER;
    frame->payload = field->end;
    frame->length = (size_t)field->value;
    frame->size = size;
    return FRAMED_OK;
}

/* The largest length that WIDTH bytes hold. */
static inline uint64_t framed_prefix_limit(unsigned width)
{
    return UINT64_MAX >> (64 - 8U * width);
}

/* Writes a binary length to where FRAMED_PREFIX_MAX bytes have room, however few it has. */
static inline void framed_prefix_put(const struct framed_length *as, size_t length, uint8_t *to)
{
    if (as->encoding == FRAMED_BIG_ENDIAN)
        framed_put_u64be(to, (uint64_t)length << (64 - 8U * as->width));
    else
        framed_put_u64le(to, length);
}

/* The byte at AT of the frame that ENVELOPE and PAYLOAD make; -1: the frame is shorter. */
static inline int framed_envelope_byte(const struct framed_envelope *envelope,
                                       const uint8_t *payload, size_t at)
{
    if (at < envelope->head_length)
        return envelope->head[at];
    at -= envelope->head_length;
    if (at < envelope->taken)
        return payload[at];
    at -= envelope->taken;
    return at < envelope->tail_length ? envelope->tail[at] : -1;
}

#endif
