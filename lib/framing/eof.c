/*
 * The kinds without frames. `eof`: the stream is one message, and its end is the message's. A
 * stream without a byte is none: whoever only connects and leaves has sent no message. `raw`: bytes
 * that are written as they are, and cannot be read.
 */
#include "framing/kind.h"

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    (void)decoder;
    (void)data;
    if (length > framing->max_message)
        return FRAMED_OVERSIZE;
    frame->need = length + 1;
    return FRAMED_NEED_MORE;
}

static int decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame)
{
    (void)decoder;
    (void)data;
    if (length > framing->max_message)
        return FRAMED_OVERSIZE;
    frame->payload = 0;
    frame->length = frame->size = length;
    return FRAMED_OK;
}

static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    (void)framing;
    (void)payload;
    (void)continued;
    envelope->head_length = envelope->tail_length = 0;
    envelope->taken = length;
    return FRAMED_OK;
}

static int decode_nothing(const struct framed_framing *framing, struct framed_decoder *decoder,
                          const uint8_t *data, size_t length, struct framed_frame *frame)
{
    (void)framing;
    (void)decoder;
    (void)data;
    (void)length;
    (void)frame;
    return FRAMED_MALFORMED;
}

static void settle(struct framed_framing *framing)
{
    framing->decode = framing->kind == FRAMED_KIND_RAW ? decode_nothing : decode;
    framing->encode = encode;
}

static int begin(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    (void)encoder;
    (void)envelope;
    return FRAMED_OK;
}

const struct framed_kind_ops framed_kind_eof = {
    .word = "eof", .settle = settle, .decode_end = decode_end, .begin = begin};
const struct framed_kind_ops framed_kind_raw = {.word = "raw", .settle = settle, .begin = begin};
