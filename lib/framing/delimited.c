/*
 * The kind `delimited`: payload, then a delimiter of one or more bytes.
 *
 * The search is memchr(3) for the delimiter's last byte with a look back at the others: several
 * times faster than memmem(3), and a delimiter that straddles two reads is no special case. The
 * delimiter that ends first ends the message; of those that end there, the longest.
 */
#include "framing/frame.h"

#include <string.h>

/* Delimiters that end in different bytes are all looked for in this much before any is further on:
 * else each message would cost a search of the whole buffer for the rare ones. */
#define WINDOW ((size_t)512)

static inline uint8_t last_byte(const struct framed_bytes *delimiter)
{
    return delimiter->data[delimiter->length - 1];
}

/* The longest delimiter that ends at END of DATA, or NULL. */
static inline const struct framed_bytes *delimiter_at(const struct framed_delimited *as,
                                                      const uint8_t *data, size_t end)
{
    const struct framed_bytes *longest = NULL;

    for (size_t i = 0; i < as->count; i++) {
        const struct framed_bytes *one = &as->delimiters[i];

        if (one->length <= end && (!longest || one->length > longest->length) &&
            framed_bytes_match(one, one->length, data + end - one->length))
            longest = one;
    }
    return longest;
}

/* Where the first delimiter with the last byte LAST ends, behind FROM, of DATA's END bytes, and
 * *WHICH it is; 0 when there is none. */
static inline size_t find_by(uint8_t last, const struct framed_delimited *as, const uint8_t *data,
                             size_t from, size_t end, const struct framed_bytes **which)
{
    while (from < end) {
        const uint8_t *hit = memchr(data + from, last, end - from);

        if (!hit)
            break;
        from = (size_t)(hit - data) + 1;
        *which = delimiter_at(as, data, from);
        if (*which)
            return from;
    }
    return 0;
}

/* Whether no delimiter before the one at INDEX ends in the same byte. */
static bool is_new(const struct framed_delimited *as, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (last_byte(&as->delimiters[i]) == last_byte(&as->delimiters[index]))
            return false;
    return true;
}

/* find_by() for all last bytes. */
static size_t find_any(const struct framed_delimited *as, const uint8_t *data, size_t from,
                       size_t end, const struct framed_bytes **which)
{
    size_t found = 0;

    for (; !found && from < end; from += WINDOW) {
        size_t until = end - from > WINDOW ? from + WINDOW : end;

        for (size_t i = 0; i < as->count; i++) {
            const struct framed_bytes *one;
            size_t at = is_new(as, i)
                            ? find_by(last_byte(&as->delimiters[i]), as, data, from, until, &one)
                            : 0;

            if (at == 0)
                continue;
            *which = one;
            found = until = at;
        }
    }
    return found;
}

static inline size_t find(const struct framed_delimited *as, const uint8_t *data, size_t from,
                          size_t end, const struct framed_bytes **which)
{
    for (size_t i = 1; i < as->count; i++)
        if (is_new(as, i))
            return find_any(as, data, from, end, which);
    return find_by(last_byte(&as->delimiters[0]), as, data, from, end, which);
}

/* The bytes of payload in a frame of SIZE bytes that WHICH ends. */
static inline size_t payload_of(const struct framed_delimited *as, const uint8_t *data, size_t size,
                                const struct framed_bytes *which)
{
    size_t payload = size - which->length;

    if (as->strip_cr && payload > 0 && data[payload - 1] == '\r')
        payload--;
    return payload;
}

static size_t longest(const struct framed_delimited *as)
{
    size_t length = as->delimiters[0].length;

    for (size_t i = 1; i < as->count; i++)
        if (as->delimiters[i].length > length)
            length = as->delimiters[i].length;
    return length;
}

/* Drops what is surely not the delimiter's start; what may be is looked at again. */
static int discard(const struct framed_delimited *as, struct framed_decoder *decoder, int verdict,
                   size_t length, struct framed_frame *frame)
{
    size_t keep = longest(as) - 1;

    decoder->discarding = true;
    decoder->scanned = keep;
    frame->size = length - keep;
    return verdict;
}

/* The rest of an oversize message. */
static int go_on_discarding(const struct framed_delimited *as, struct framed_decoder *decoder,
                            const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_bytes *which;
    size_t size = find(as, data, decoder->scanned, length, &which);

    if (size > 0) {
        decoder->discarding = false;
        decoder->scanned = 0;
        frame->size = size;
        return FRAMED_SKIP;
    }
    if (length >= longest(as))
        return discard(as, decoder, FRAMED_SKIP, length, frame);
    frame->need = length + 1;
    return FRAMED_NEED_MORE;
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_delimited *as = &framing->as.delimited;
    /* The largest frame: nothing behind it is looked at, so the verdict is the same for every cut.
     */
    size_t largest = framing->max_message + as->strip_cr + longest(as);
    size_t end = length < largest ? length : largest;
    const struct framed_bytes *which;
    size_t size;
    size_t payload;

    if (__builtin_expect(decoder->discarding, 0))
        return go_on_discarding(as, decoder, data, length, frame);
    size = find(as, data, decoder->scanned, end, &which);
    if (size == 0 && end == largest)
        return as->discard ? discard(as, decoder, FRAMED_OVERSIZE, end, frame) : FRAMED_OVERSIZE;
    if (size == 0) {
        decoder->scanned = length;
        frame->need = length + 1;
        return FRAMED_NEED_MORE;
    }
    decoder->scanned = 0;
    payload = payload_of(as, data, size, which);
    frame->payload = 0;
    frame->length = payload;
    frame->size = size;
    return payload > framing->max_message ? FRAMED_OVERSIZE : FRAMED_OK;
}

static int decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_delimited *as = &framing->as.delimited;

    (void)data;
    if (!as->eof)
        return FRAMED_TRUNCATED;
    if (decoder->discarding)
        return FRAMED_END;
    decoder->scanned = 0;
    if (length > framing->max_message)
        return FRAMED_OVERSIZE;
    frame->payload = 0;
    frame->length = frame->size = length;
    return FRAMED_OK;
}

/* Whether the payload that ends at END, and the first delimiter behind it, would be read as such: a
 * delimiter may begin with what the payload ends with. */
static bool ends_right(const struct framed_delimited *as, const uint8_t *end, size_t length)
{
    const struct framed_bytes *written = &as->delimiters[0];
    const struct framed_bytes *which = written;
    size_t own = length < FRAMED_TAIL_MAX ? length : FRAMED_TAIL_MAX;
    uint8_t joint[2 * FRAMED_TAIL_MAX];
    size_t size = own + written->length;

    if (own > 0)
        memcpy(joint, end - own, own);
    memcpy(joint + own, written->data, written->length);
    return find(as, joint, 0, size, &which) == size && payload_of(as, joint, size, which) == own;
}

/* What the decoder would cut elsewhere is refused, so that a message is always read as it was. */
static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    const struct framed_delimited *as = &framing->as.delimited;
    const struct framed_bytes *which;

    (void)continued;
    if (length > 0 && find(as, payload, 0, length, &which) > 0)
        return FRAMED_UNENCODABLE;
    if (!ends_right(as, length > 0 ? payload + length : payload, length))
        return FRAMED_UNENCODABLE;
    memcpy(envelope->tail, as->delimiters[0].data, sizeof(envelope->tail));
    envelope->head_length = 0;
    envelope->tail_length = as->delimiters[0].length;
    envelope->taken = length;
    return FRAMED_OK;
}

/* The same for one delimiter of one byte, which most have: nothing but the search. */
static int decode_byte(const struct framed_framing *framing, struct framed_decoder *decoder,
                       const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_delimited *as = &framing->as.delimited;
    size_t largest = framing->max_message + as->strip_cr + 1;
    size_t end = length < largest ? length : largest;
    size_t from = decoder->scanned;
    const uint8_t *hit =
        from < end ? memchr(data + from, as->delimiters[0].data[0], end - from) : NULL;
    size_t payload;

    if (__builtin_expect(!hit, 0)) {
        if (end == largest)
            return FRAMED_OVERSIZE;
        decoder->scanned = length;
        frame->need = length + 1;
        return FRAMED_NEED_MORE;
    }
    payload = (size_t)(hit - data);
    decoder->scanned = 0;
    frame->payload = 0;
    frame->size = payload + 1;
    payload -= as->strip_cr && payload > 0 && data[payload - 1] == '\r';
    frame->length = payload;
    return payload > framing->max_message ? FRAMED_OVERSIZE : FRAMED_OK;
}

static void settle(struct framed_framing *framing)
{
    const struct framed_delimited *as = &framing->as.delimited;

    framing->decode = decode;
    if (as->count == 1 && as->delimiters[0].length == 1 && !as->discard)
        framing->decode = decode_byte;
    framing->encode = encode;
}

static int begin(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    (void)encoder;
    (void)envelope;
    return FRAMED_OK;
}

/* A delimiter may begin in the pieces before: their last bytes are looked at with the first of this
 * one. */
static int encode_piece(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                        struct framed_envelope *envelope)
{
    const struct framed_delimited *as = &encoder->framing->as.delimited;
    size_t own = length < FRAMED_TAIL_MAX ? length : FRAMED_TAIL_MAX;
    size_t size = encoder->recent_length + own;
    uint8_t joint[2 * FRAMED_TAIL_MAX];
    const struct framed_bytes *which;
    size_t keep = size < FRAMED_TAIL_MAX ? size : FRAMED_TAIL_MAX;

    (void)envelope;
    memcpy(joint, encoder->recent, encoder->recent_length);
    memcpy(joint + encoder->recent_length, piece, own);
    if (find(as, joint, 0, size, &which) > 0 || find(as, piece, 0, length, &which) > 0)
        return FRAMED_UNENCODABLE;
    memcpy(encoder->recent, own < length ? piece + length - keep : joint + size - keep, keep);
    encoder->recent_length = (uint8_t)keep;
    return FRAMED_OK;
}

static int end(const struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    const struct framed_delimited *as = &encoder->framing->as.delimited;

    if (!ends_right(as, encoder->recent + encoder->recent_length, encoder->recent_length))
        return FRAMED_UNENCODABLE;
    memcpy(envelope->tail, as->delimiters[0].data, sizeof(envelope->tail));
    envelope->tail_length = as->delimiters[0].length;
    return FRAMED_OK;
}

const struct framed_kind_ops framed_kind_delimited = {
    .word = "delimited",
    .settle = settle,
    .decode_end = decode_end,
    .begin = begin,
    .piece = encode_piece,
    .end = end,
};
