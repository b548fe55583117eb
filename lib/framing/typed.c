/* The kind `typed`: one byte of the frame selects the framing that the whole frame has. */
#include "framing/frame.h"

/* The framing of the frame at DATA, or NULL with a verdict. */
static const struct framed_framing *select_framing(const struct framed_framing *framing,
                                                   const uint8_t *data, size_t length,
                                                   struct framed_frame *frame, int *verdict)
{
    const struct framed_typed *typed = framing->as.typed;

    if (length <= typed->at) {
        frame->need = (size_t)typed->at + 1;
        *verdict = FRAMED_NEED_MORE;
        return NULL;
    }
    *verdict = FRAMED_BAD_TYPE;
    return typed->of[data[typed->at]];
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    int verdict;
    const struct framed_framing *inner = select_framing(framing, data, length, frame, &verdict);

    return inner ? framed_inner_decode(inner, decoder, data, length, frame) : verdict;
}

static int decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame)
{
    int verdict;
    const struct framed_framing *inner = select_framing(framing, data, length, frame, &verdict);

    if (!inner)
        return verdict == FRAMED_NEED_MORE ? FRAMED_TRUNCATED : verdict;
    return framed_inner_decode_end(inner, decoder, data, length, frame);
}

/* The payload's own byte selects; then the frame's must select the same. */
static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    const struct framed_typed *typed = framing->as.typed;
    const struct framed_framing *inner =
        length > typed->at ? typed->of[payload[typed->at]] : typed->fallback;
    int verdict;
    int type;

    if (!inner)
        return FRAMED_UNENCODABLE;
    verdict = framed_inner_encode(inner, payload, length, continued, envelope);
    if (verdict != FRAMED_OK)
        return verdict;
    type = framed_envelope_byte(envelope, payload, typed->at);
    return type >= 0 && typed->of[type] == inner ? FRAMED_OK : FRAMED_UNENCODABLE;
}

static void settle(struct framed_framing *framing)
{
    framing->decode = decode;
    framing->encode = encode;
}

const struct framed_kind_ops framed_kind_typed = {
    .word = "typed", .settle = settle, .decode_end = decode_end};
