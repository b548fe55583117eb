/* The kind `length`, written in pieces: what is known of the message is its length. */
#include "framing/frame.h"

#include <errno.h>
#include <string.h>

/* What comes behind the header is not looked at. */
int framed_length_begin(struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    static const uint8_t zeros[FRAMED_START_MAX];
    struct framed_framing boundless = *encoder->framing;
    int verdict;

    if (boundless.strip != FRAMED_STRIP_PAYLOAD || encoder->left == FRAMED_LENGTH_UNKNOWN)
        return -ENOTSUP;
    if (encoder->left > FRAMED_SIZE_LIMIT)
        return FRAMED_OVERSIZE;
    boundless.max_message = FRAMED_SIZE_LIMIT;
    verdict = boundless.encode(&boundless, zeros, encoder->left, false, envelope);
    envelope->tail_length = 0;
    envelope->taken = 0;
    return verdict;
}

int framed_length_end(const struct framed_encoder *encoder, struct framed_envelope *envelope)
{
    const struct framed_bytes *trailer = &encoder->framing->as.length.trailer;

    memcpy(envelope->tail, trailer->data, sizeof(envelope->tail));
    envelope->tail_length = trailer->length;
    return FRAMED_OK;
}
