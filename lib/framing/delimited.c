/*
 * The kind `delimited`: payload, then a delimiter of one or more bytes.
 *
 * The search is memchr(3) for the delimiter's last byte with a look back at the others: several
 * times faster than memmem(3), and a delimiter that straddles two reads is no special case.
 */
#include "framing/kind.h"

#include <string.h>

/* Where the first delimiter that ends at FROM or behind begins, of DATA's END bytes; else END. */
static size_t find_delimiter(const struct framed_framing *framing, const uint8_t *data, size_t from,
                             size_t end)
{
    size_t before = framing->delimiter_length - (size_t)1;
    uint8_t last = framing->delimiter[before];

    if (from < before)
        from = before;
    while (from < end) {
        const uint8_t *hit = memchr(data + from, last, end - from);

        if (!hit)
            break;
        if (memcmp(hit - before, framing->delimiter, before) == 0)
            return (size_t)(hit - before - data);
        from = (size_t)(hit - data) + 1;
    }
    return end;
}

static int decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    /* The largest frame: nothing behind it is looked at, so the verdict is the same for every cut.
     */
    size_t largest = framing->max_message + framing->strip_cr + framing->delimiter_length;
    size_t end = length < largest ? length : largest;
    size_t payload = find_delimiter(framing, data, decoder->scanned, end);
    size_t size = payload + framing->delimiter_length;

    if (payload == end) {
        if (end == largest)
            return FRAMED_OVERSIZE;
        decoder->scanned = length;
        frame->need = length + 1;
        return FRAMED_NEED_MORE;
    }
    if (framing->strip_cr && payload > 0 && data[payload - 1] == '\r')
        payload--;
    if (payload > framing->max_message)
        return FRAMED_OVERSIZE;
    decoder->scanned = 0;
    frame->payload = 0;
    frame->length = payload;
    frame->size = size;
    return FRAMED_OK;
}

/* What the decoder would cut elsewhere is refused, so that a message is always read as it was. */
static int encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope)
{
    if (framing->strip_cr && length > 0 && payload[length - 1] == '\r')
        return FRAMED_UNENCODABLE;
    if (find_delimiter(framing, payload, 0, length) != length)
        return FRAMED_UNENCODABLE;
    memcpy(envelope->tail, framing->delimiter, sizeof(envelope->tail));
    envelope->head_length = 0;
    envelope->tail_length = framing->delimiter_length;
    return FRAMED_OK;
}

const struct framed_kind_ops framed_kind_delimited = {.decode = decode, .encode = encode};
