/*
 * Messages that are written in pieces: what all kinds share. Nothing is kept of a piece but what
 * the kind must remember of it, so a message may be larger than memory.
 */
#include "framing/kind.h"

#include <errno.h>

int framed_encode_begin(const struct framed_framing *framing, size_t length,
                        struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    const struct framed_kind_ops *kind = framed_kind(framing->kind);
    struct framed_encoder begun = {.framing = framing, .left = length};
    struct framed_envelope head = {0};
    int verdict = kind->begin ? FRAMED_OK : -ENOTSUP;

    if (verdict == FRAMED_OK && length != FRAMED_LENGTH_UNKNOWN)
        verdict = framed_judge_encoding(framing, length);
    if (verdict == FRAMED_OK)
        verdict = kind->begin(&begun, &head);
    if (verdict != FRAMED_OK)
        return verdict;
    *encoder = begun;
    *envelope = head;
    return FRAMED_OK;
}

int framed_encode_piece(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                        struct framed_envelope *envelope)
{
    const struct framed_kind_ops *kind = framed_kind(encoder->framing->kind);
    int verdict = FRAMED_OK;

    if (length > encoder->left)
        return FRAMED_OVERSIZE;
    *envelope = (struct framed_envelope){.taken = length};
    if (kind->piece && length > 0)
        verdict = kind->piece(encoder, piece, length, envelope);
    if (verdict != FRAMED_OK)
        return verdict;
    if (encoder->left != FRAMED_LENGTH_UNKNOWN)
        encoder->left -= envelope->taken;
    encoder->written += envelope->taken;
    return FRAMED_OK;
}

int framed_encode_end(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    const struct framed_kind_ops *kind = framed_kind(encoder->framing->kind);
    int verdict = framed_judge_encoding(encoder->framing, encoder->written);

    if (encoder->left != FRAMED_LENGTH_UNKNOWN && encoder->left > 0)
        return FRAMED_UNDERSIZE;
    *envelope = (struct framed_envelope){0};
    if (verdict == FRAMED_OK && kind->end)
        verdict = kind->end(encoder, envelope);
    if (verdict == FRAMED_OK)
        encoder->framing = NULL;
    return verdict;
}
