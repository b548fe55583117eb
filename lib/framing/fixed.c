/* The kind `fixed`: all frames are of one size. */
#include "framing/kind.h"

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    size_t size = framing->as.fixed;

    (void)decoder;
    (void)data;
    if (length < size) {
        frame->need = size;
        return FRAMED_NEED_MORE;
    }
    frame->payload = 0;
    frame->length = frame->size = size;
    return FRAMED_OK;
}

static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    (void)payload;
    (void)continued;
    if (length != framing->as.fixed)
        return length > framing->as.fixed ? FRAMED_OVERSIZE : FRAMED_UNDERSIZE;
    envelope->head_length = envelope->tail_length = 0;
    envelope->taken = length;
    return FRAMED_OK;
}

static void settle(struct framed_framing *framing)
{
    framing->decode = decode;
    framing->encode = encode;
}

static int begin(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    if (encoder->left == FRAMED_LENGTH_UNKNOWN)
        encoder->left = encoder->framing->as.fixed;
    (void)envelope;
    if (encoder->left == encoder->framing->as.fixed)
        return FRAMED_OK;
    return encoder->left > encoder->framing->as.fixed ? FRAMED_OVERSIZE : FRAMED_UNDERSIZE;
}

const struct framed_kind_ops framed_kind_fixed = {
    .word = "fixed", .settle = settle, .begin = begin};
