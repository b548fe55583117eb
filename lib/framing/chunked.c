/*
 * The kind `chunked`: a message is one or more fragments, each a frame of another framing. The last
 * one has a bit for it in its header, or certain bytes stand behind it.
 */
#include "framing/frame.h"

#include <errno.h>

/* The first bytes of a fragment, to try what its field holds: it is read no further. */
static const uint8_t zeros[FRAMED_START_MAX];

static bool is_last(const struct framed_chunked *as, const uint8_t *data)
{
    return as->bit_mask && ((data[as->bit_at] & as->bit_mask) != 0) != as->bit_means_more;
}

/* Whether DATA begins with what ends a message: FRAMED_OK, FRAMED_NEED_MORE to tell, or
 * FRAMED_FRAGMENT: it does not. */
static int find_last(const struct framed_chunked *as, const uint8_t *data, size_t length,
                     struct framed_frame *frame)
{
    size_t there = length < as->last.length ? length : as->last.length;

    if (as->last.length == 0 || !framed_bytes_match(&as->last, there, data))
        return FRAMED_FRAGMENT;
    if (there < as->last.length) {
        frame->need = length + 1;
        return FRAMED_NEED_MORE;
    }
    frame->payload = frame->size = as->last.length;
    frame->length = 0;
    return FRAMED_OK;
}

/* One fragment, of no more than is left of the largest message. */
static int decode_fragment(const struct framed_framing *framing, struct framed_decoder *decoder,
                           const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_framing *fragment = framing->as.chunked.fragment;
    struct framed_framing rest;

    if (decoder->assembled > 0) {
        rest = *fragment;
        rest.max_message = framing->max_message - decoder->assembled;
        fragment = &rest;
    }
    return framed_inner_decode(fragment, decoder, data, length, frame);
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_chunked *as = &framing->as.chunked;
    int verdict = find_last(as, data, length, frame);

    if (verdict == FRAMED_FRAGMENT) {
        verdict = decode_fragment(framing, decoder, data, length, frame);
        if (verdict == FRAMED_SKIP)
            frame->payload = frame->length = 0; /* it may be the last one all the same */
        else if (verdict != FRAMED_OK)
            return verdict;
        verdict = is_last(as, data) ? FRAMED_OK : FRAMED_FRAGMENT;
    }
    if (verdict == FRAMED_FRAGMENT)
        decoder->assembled += frame->length;
    else if (verdict == FRAMED_OK)
        decoder->assembled = 0;
    if (verdict != FRAMED_NEED_MORE)
        decoder->within = verdict == FRAMED_FRAGMENT;
    return verdict;
}

/* Whether a frame could be taken for the bytes that end a message. */
static bool is_like_last(const struct framed_chunked *as, const struct framed_envelope *envelope,
                         const uint8_t *payload)
{
    for (size_t i = 0; i < as->last.length; i++) {
        int byte = framed_envelope_byte(envelope, payload, i);

        if (byte != as->last.data[i])
            return byte < 0;
    }
    return true;
}

static int mark(const struct framed_chunked *as, bool last, const uint8_t *payload,
                struct framed_envelope *envelope)
{
    if (as->bit_mask) {
        if (as->bit_at >= envelope->head_length)
            return FRAMED_UNENCODABLE;
        if (last != as->bit_means_more)
            envelope->head[as->bit_at] |= as->bit_mask;
        return FRAMED_OK;
    }
    if (is_like_last(as, envelope, payload))
        return FRAMED_UNENCODABLE;
    if (!last)
        return FRAMED_OK;
    if (envelope->tail_length + as->last.length > FRAMED_TAIL_MAX)
        return FRAMED_UNENCODABLE;
    for (size_t i = 0; i < as->last.length; i++)
        envelope->tail[envelope->tail_length++] = as->last.data[i];
    return FRAMED_OK;
}

/* The last fragment is the one that takes all of PAYLOAD, unless there is MORE. */
static int encode_fragment(const struct framed_chunked *as, const uint8_t *payload, size_t length,
                           bool more, struct framed_envelope *envelope)
{
    size_t part = length < as->fragment_max ? length : as->fragment_max;
    int verdict;

    if (length > 0 && part == 0)
        return FRAMED_OVERSIZE;
    if (length == 0 && as->last.length > 0) {
        *envelope = (struct framed_envelope){.tail_length = as->last.length};
        for (size_t i = 0; i < as->last.length; i++)
            envelope->tail[i] = as->last.data[i];
        return FRAMED_OK;
    }
    verdict = framed_inner_encode(as->fragment, payload, part, false, envelope);
    return verdict == FRAMED_OK ? mark(as, part == length && !more, payload, envelope) : verdict;
}

/* What would fail in a later fragment fails with the first: a message is sent whole or not. */
static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    const struct framed_chunked *as = &framing->as.chunked;
    int verdict = encode_fragment(as, payload, length, false, envelope);
    struct framed_envelope rest;

    if (verdict != FRAMED_OK || continued)
        return verdict;
    for (size_t at = envelope->taken; at < length && verdict == FRAMED_OK; at += rest.taken)
        verdict = encode_fragment(as, payload + at, length - at, false, &rest);
    return verdict;
}

/* The largest fragment that the field can tell the length of, and not more than LIMIT bytes. */
static size_t largest_fragment(const struct framed_framing *fragment, size_t limit)
{
    struct framed_framing probe = *fragment;
    struct framed_envelope envelope;
    size_t fits = 0;

    probe.max_message = FRAMED_MESSAGE_LIMIT;
    while (fits < limit) {
        size_t length = limit - (limit - fits) / 2;

        if (probe.encode(&probe, zeros, length, false, &envelope) == FRAMED_OVERSIZE)
            limit = length - 1;
        else
            fits = length;
    }
    return fits - fits % probe.as.length.unit;
}

static void settle(struct framed_framing *framing)
{
    struct framed_chunked *as = &framing->as.chunked;

    framing->decode = decode;
    framing->encode = encode;
    as->fragment_max =
        largest_fragment(as->fragment, as->fragment_max ? as->fragment_max : FRAMED_MESSAGE_LIMIT);
}

/* Whether the last piece of ENCODER's message could be told to be the last: it has the bit. */
static bool ends_with_piece(const struct framed_encoder *encoder)
{
    return encoder->framing->as.chunked.bit_mask && encoder->left != FRAMED_LENGTH_UNKNOWN;
}

/* Else an empty fragment is the last, and must be possible. */
static int begin(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    bool unknown = encoder->left == FRAMED_LENGTH_UNKNOWN;
    struct framed_envelope last;
    int verdict;

    (void)envelope;
    if (ends_with_piece(encoder) && encoder->left > 0)
        return FRAMED_OK;
    verdict = encode_fragment(&encoder->framing->as.chunked, zeros, 0, false, &last);
    return verdict != FRAMED_OK && unknown ? -ENOTSUP : verdict;
}

static int encode_piece(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                        struct framed_envelope *envelope)
{
    const struct framed_chunked *as = &encoder->framing->as.chunked;
    size_t most = as->fragment->max_message;
    size_t part = length < most ? length : most;
    bool last = ends_with_piece(encoder) && part == encoder->left;

    return encode_fragment(as, piece, part, !last, envelope);
}

static int end(const struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    if (ends_with_piece(encoder) && encoder->written > 0)
        return FRAMED_OK;
    return encode_fragment(&encoder->framing->as.chunked, zeros, 0, false, envelope);
}

const struct framed_kind_ops framed_kind_chunked = {
    .word = "chunked", .settle = settle, .begin = begin, .piece = encode_piece, .end = end};
