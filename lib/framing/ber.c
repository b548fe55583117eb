/*
 * Lengths of ASN.1's basic encoding rules, with the tag before them: a tag of one or more bytes,
 * then a length below 128 in one byte, or how many bytes of length follow. The indefinite form does
 * not tell where the frame ends without parsing all of it, so it is malformed here.
 */
#include "framing/frame.h"

#define TAG_FOLLOWS                                                                                \
    0x1fU                   /* these bits of the first byte: the tag's number is in the next bytes \
                             */
#define TAG_MORE 0x80U      /* and it goes on behind this one */
#define TAG_MAX ((size_t)6) /* bytes: numbers of 35 bits, more than anyone has */
#define LONG_FORM 0x80U
#define INDEFINITE 0x80U
#define RESERVED 0xffU
#define LENGTH_MAX 4 /* bytes of length behind the first */

/* The bytes of the tag at AT. FRAMED_OK, FRAMED_NEED_MORE or FRAMED_MALFORMED. */
static int read_tag(const uint8_t *data, size_t length, size_t at, size_t *bytes)
{
    size_t count = 1;

    if (at < length && (data[at] & TAG_FOLLOWS) == TAG_FOLLOWS)
        while (at + count < length && (data[at + count++] & TAG_MORE))
            if (count == TAG_MAX)
                return FRAMED_MALFORMED;
    *bytes = count;
    return at + count < length ? FRAMED_OK : FRAMED_NEED_MORE;
}

static int read_ber(const struct framed_framing *framing, const uint8_t *data, size_t length,
                    struct framed_field *field)
{
    size_t at = framing->as.length.offset;
    size_t tag = 0;
    int verdict = read_tag(data, length, at, &tag);
    uint8_t first;
    size_t count;

    field->end = at + tag + 1;
    if (verdict != FRAMED_OK)
        return verdict;
    at += tag;
    first = data[at++];
    field->value = first;
    if (first < LONG_FORM)
        return FRAMED_OK;
    if (first == INDEFINITE || first == RESERVED)
        return FRAMED_MALFORMED;
    count = first & ~LONG_FORM;
    if (count > LENGTH_MAX)
        return FRAMED_OVERSIZE;
    field->end = at + count;
    if (length < field->end)
        return FRAMED_NEED_MORE;
    for (field->value = 0; at < field->end; at++)
        field->value = field->value << 8 | data[at];
    return FRAMED_OK;
}

static int decode_plain(const struct framed_framing *framing, struct framed_decoder *decoder,
                        const uint8_t *data, size_t length, struct framed_frame *frame)
{
    struct framed_field field;
    int verdict = read_ber(framing, data, length, &field);

    (void)decoder;
    return framed_frame_plain(framing, verdict, &field, data, length, frame);
}

/* The tag is what the magic bytes say, else 0. The shortest form of the length. */
static size_t write_ber(const struct framed_length *as, uint64_t value, uint8_t *start)
{
    size_t at = as->offset;
    size_t tag = 1;
    size_t count = 0;

    if (value > UINT32_MAX || read_tag(start, FRAMED_START_MAX, at, &tag) != FRAMED_OK)
        return 0;
    at += tag;
    if (value < LONG_FORM) {
        start[at++] = (uint8_t)value;
        return at;
    }
    for (uint64_t rest = value; rest > 0; rest >>= 8)
        count++;
    start[at++] = (uint8_t)(LONG_FORM | count);
    while (count-- > 0)
        start[at++] = (uint8_t)(value >> 8 * count);
    return at;
}

const struct framed_encoding_ops framed_encoding_ber = {
    .decode_plain = decode_plain, .read = read_ber, .write = write_ber};
