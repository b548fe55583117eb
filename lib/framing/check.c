/* What a framing cannot be is refused here, with the parameter that is wrong and why; what follows
 * from the rest is filled in. */
#include "framing/parse.h"

#include <inttypes.h>

/* More than any message has; sums and products with it do not overflow. */
#define LARGE ((uint64_t)1 << 40)

static int wrong(struct framed_parser *parser, const char *what)
{
    return framed_complain(&parser->complaint, "%s", what);
}

static bool is_binary(const struct framed_length *as)
{
    return as->encoding <= FRAMED_LITTLE_ENDIAN;
}

static bool is_digits(const struct framed_length *as)
{
    return as->encoding == FRAMED_DECIMAL || as->encoding == FRAMED_HEX;
}

/* Whether the field always takes the same number of bytes. */
static bool has_fixed_field(const struct framed_length *as)
{
    return is_binary(as) || (is_digits(as) && as->width > 0);
}

static size_t field_end(const struct framed_length *as)
{
    return (size_t)as->offset + as->width + as->has_end;
}

static int check_encoding(struct framed_parser *parser, const struct framed_length *as)
{
    if (is_digits(as) && as->width == 0 && !as->has_end)
        return wrong(parser,
                     "end: found nothing, allowed: the byte after the digits, such as end=:");
    if (as->has_end && !is_digits(as))
        return wrong(parser, "end: allowed only with decimal and hex");
    if (as->has_end && as->end >= '0' && as->end <= '9')
        return wrong(parser, "end: found a digit, allowed: a byte that is none");
    if (as->has_end && as->encoding == FRAMED_HEX && (as->end | 0x20) >= 'a' &&
        (as->end | 0x20) <= 'f')
        return wrong(parser, "end: found a digit, allowed: a byte that is none");
    if ((as->is_signed || as->mask != UINT64_MAX) && !is_binary(as))
        return wrong(parser, "signed and mask: allowed only with be, le and native");
    if (as->is_signed && as->mask != UINT64_MAX)
        return wrong(parser, "signed and mask: found both, allowed: one");
    if (is_binary(as) && as->mask != UINT64_MAX && as->width < 8 && as->mask >> (8 * as->width))
        return wrong(parser, "mask: found more bits than the length has");
    if (as->counts == FRAMED_COUNTS_FRAME && !has_fixed_field(as))
        return wrong(parser, "counts: found frame, allowed: payload and rest, because the length's "
                             "own size depends on it");
    if (as->leading_zero && !is_digits(as) && as->encoding != FRAMED_VARINT)
        return wrong(parser, "leading_zero: allowed only with decimal, hex and varint");
    if (as->marks && !has_fixed_field(as))
        return wrong(parser, "marks: allowed only with lengths of a fixed width");
    return 0;
}

static int check_magic(struct framed_parser *parser, const struct framed_length *as)
{
    size_t end = (size_t)as->magic_at + as->magic.length;

    if (as->magic.length == 0)
        return as->magic_at ? wrong(parser, "magic_at: allowed only with magic") : 0;
    if (end > as->offset && (!has_fixed_field(as) || as->magic_at < field_end(as)))
        return wrong(parser, "magic: it lies where the length is, allowed: before it, or behind it "
                             "where its width is fixed");
    if (end > as->offset && end > as->header)
        return wrong(parser, "magic: it lies behind the header, allowed: within (see header)");
    return 0;
}

static int check_header(struct framed_parser *parser, struct framed_length *as)
{
    size_t least = field_end(as);

    if (!has_fixed_field(as)) {
        if (as->header || as->has_pad)
            return wrong(parser, "header and pad_at: allowed only with lengths of a fixed width");
        return as->offset + (as->width ? as->width : 11) > FRAMED_HEAD_MAX
                   ? wrong(parser, "offset: the header would have more than 32 bytes")
                   : 0;
    }
    if (as->header && as->header < least)
        return framed_complain(&parser->complaint,
                               "header: found %u, allowed: %zu or more, where the length ends",
                               as->header, least);
    if (least > FRAMED_HEAD_MAX)
        return wrong(parser, "offset: the header would have more than 32 bytes");
    if (!as->header)
        as->header = (uint8_t)least;
    if (as->has_pad &&
        (as->pad_at >= as->header || (as->pad_at >= as->offset && as->pad_at < least)))
        return wrong(parser, "pad_at: allowed: a byte of the header that is not the length's");
    return 0;
}

/* Whether the header can be written without what the payload does not tell. */
static bool is_rebuildable(const struct framed_length *as)
{
    size_t magic_end = (size_t)as->magic_at + as->magic.length;

    if (as->encoding == FRAMED_BER || as->has_pad || as->marks)
        return false;
    for (size_t at = 0; at < as->offset || (as->header && at < as->header); at++) {
        bool field = at >= as->offset && at < field_end(as);
        bool magic = at >= as->magic_at && at < magic_end;

        if (!field && !magic)
            return false;
    }
    return as->mask == UINT64_MAX || is_binary(as);
}

static int check_strip(struct framed_parser *parser, struct framed_framing *framing)
{
    const struct framed_length *as = &framing->as.length;
    bool fixed = has_fixed_field(as);

    if (framing->strip == FRAMED_STRIP_AUTO)
        framing->strip = is_rebuildable(as) ? FRAMED_STRIP_PAYLOAD : 0;
    if (framing->strip > as->offset && (!fixed || (size_t)framing->strip < field_end(as)))
        return framed_complain(&parser->complaint,
                               "strip: found %d, which cuts through the length, allowed: payload, "
                               "none, 0 to %u%s",
                               framing->strip, as->offset, fixed ? ", or more than its end" : "");
    if (fixed && framing->strip > as->header)
        return framed_complain(&parser->complaint,
                               "strip: found %d, allowed: no more than the header, which has %u",
                               framing->strip, as->header);
    if (fixed && framing->strip == as->header && as->trailer.length == 0 && !as->has_pad)
        framing->strip = FRAMED_STRIP_PAYLOAD;
    return 0;
}

/* The largest value of the field, or LARGE: more than any message has. */
static int64_t largest_value(const struct framed_length *as)
{
    const uint64_t base = as->encoding == FRAMED_HEX      ? 16
                          : as->encoding == FRAMED_VARINT ? 128
                                                          : 10;
    uint64_t count = 1;

    if (is_binary(as))
        count = as->width >= 5 ? LARGE : (uint64_t)1 << (8 * as->width - as->is_signed);
    else
        for (unsigned i = 0; i < as->width && count < LARGE; i++)
            count *= base;
    if (count == 1 || count > LARGE)
        count = LARGE;
    return (int64_t)((count - 1) & as->mask);
}

/* Whether the field can tell the length of any frame, and of one that is no smaller than `min`. */
static int check_range(struct framed_parser *parser, const struct framed_framing *framing)
{
    const struct framed_length *as = &framing->as.length;
    int64_t largest = largest_value(as) * as->unit + as->adjust;

    if (as->counts != FRAMED_COUNTS_PAYLOAD)
        largest -= as->trailer.length;
    if (as->counts == FRAMED_COUNTS_FRAME)
        largest -= as->header;
    if (largest < 0)
        return wrong(parser, "adjust, counts: found a length that is too small for any frame");
    if (framing->strip != FRAMED_STRIP_PAYLOAD)
        largest += as->header + as->trailer.length + (as->has_pad ? UINT8_MAX : 0) - framing->strip;
    /* Whole frames of a varint or BER have headers of several sizes. */
    if (has_fixed_field(as) && framing->min_message > (uint64_t)largest)
        return framed_complain(&parser->complaint,
                               "min: found %zu, allowed: 0 to %" PRId64
                               ", the most that the length can tell",
                               framing->min_message, largest);
    return 0;
}

static int check_length(struct framed_parser *parser, struct framed_framing *framing)
{
    int result = check_encoding(parser, &framing->as.length);

    if (result == 0)
        result = check_header(parser, &framing->as.length);
    if (result == 0)
        result = check_magic(parser, &framing->as.length);
    if (result == 0)
        result = check_strip(parser, framing);
    return result == 0 ? check_range(parser, framing) : result;
}

/* What may lie within another framing. */
static int check_inner(struct framed_parser *parser, const char *what,
                       const struct framed_framing *inner, bool chunked)
{
    const struct framed_delimited *delimited = &inner->as.delimited;

    if (inner->kind == FRAMED_KIND_EOF || inner->kind == FRAMED_KIND_RAW ||
        (inner->kind == FRAMED_KIND_CHUNKED && !chunked))
        return framed_complain(&parser->complaint,
                               "%s: found %s, allowed: %slength, fixed, "
                               "delimited, typed",
                               what, framed_kind(inner->kind)->word, chunked ? "chunked, " : "");
    if (inner->kind == FRAMED_KIND_DELIMITED && (delimited->eof || delimited->discard))
        return framed_complain(&parser->complaint,
                               "%s: found eof=yes or oversize=discard, allowed: in the outermost "
                               "framing",
                               what);
    if (inner->first || inner->reply || inner->greeting)
        return framed_complain(&parser->complaint,
                               "%s: found first, reply or greeting, allowed: in the outermost "
                               "framing",
                               what);
    return 0;
}

/* What a type selects must have the byte that it was selected by. */
static int check_selected(struct framed_parser *parser, const char *what,
                          const struct framed_typed *typed, const struct framed_framing *selected)
{
    if (selected->kind == FRAMED_KIND_FIXED && selected->as.fixed <= typed->at)
        return framed_complain(&parser->complaint,
                               "%s: found a size of %zu, allowed: more than %u, where the "
                               "type is (see at)",
                               what, selected->as.fixed, typed->at);
    return check_inner(parser, what, selected, false);
}

/* A text may replace the cases of a name in it, but says each type once. */
static int check_case(struct framed_parser *parser, const struct framed_typed *typed, size_t index)
{
    const struct framed_case *one = &typed->cases[index];

    for (size_t i = 0; i < index; i++) {
        const struct framed_case *other = &typed->cases[i];
        uint8_t both = one->first > other->first ? one->first : other->first;

        if (one->links == other->links && both <= one->last && both <= other->last)
            return framed_complain(&parser->complaint,
                                   "case: found type 0x%02x twice, allowed: once", both);
    }
    return check_selected(parser, "case", typed, one->framing);
}

static int check_typed(struct framed_parser *parser, struct framed_typed *typed)
{
    int result = 0;

    if (typed->count == 0 && !typed->fallback)
        return wrong(parser, "typed: found no case, allowed: one or more, such as A=(fixed:5)");
    for (size_t i = 0; result == 0 && i < typed->count; i++) {
        const struct framed_case *one = &typed->cases[i];

        result = check_case(parser, typed, i);
        for (unsigned byte = one->first; byte <= one->last; byte++)
            typed->of[byte] = one->framing;
    }
    if (result == 0 && typed->fallback)
        result = check_selected(parser, "default", typed, typed->fallback);
    for (size_t byte = 0; byte < 256; byte++)
        if (!typed->of[byte])
            typed->of[byte] = typed->fallback;
    return result;
}

/* The bit must be the framing's own: neither a part of the length nor of the magic bytes. */
static bool bit_is_free(const struct framed_chunked *as)
{
    const struct framed_length *length = &as->fragment->as.length;
    size_t magic_end = (size_t)length->magic_at + length->magic.length;
    size_t place = (size_t)as->bit_at - length->offset;
    size_t shift;

    if (as->bit_at >= length->magic_at && as->bit_at < magic_end)
        return false;
    if (as->bit_at < length->offset || as->bit_at >= field_end(length))
        return as->bit_at < (length->header ? length->header : length->offset);
    if (!is_binary(length))
        return false;
    shift = 8 * (length->encoding == FRAMED_BIG_ENDIAN ? length->width - 1 - place : place);
    return !(length->mask >> shift & as->bit_mask);
}

static int check_chunked(struct framed_parser *parser, const struct framed_chunked *as)
{
    const struct framed_framing *fragment = as->fragment;

    if (fragment->kind != FRAMED_KIND_LENGTH || fragment->strip != FRAMED_STRIP_PAYLOAD)
        return wrong(parser, "chunked: allowed: fragments of the kind length whose header holds "
                             "nothing else, or with strip=payload");
    if ((as->last.length > 0) == (as->bit_mask != 0))
        return wrong(parser, "chunked: allowed: one of last, last_bit, more_bit");
    if (!as->bit_mask && as->bit_at)
        return wrong(parser, "bit_at: allowed only with last_bit or more_bit");
    if (as->bit_mask && !bit_is_free(as))
        return wrong(parser, "last_bit, more_bit: the bit lies in the length, the magic or behind "
                             "the header; allowed: a bit of the header that is free (see mask)");
    return check_inner(parser, "chunked", fragment, false);
}

static int check_kind(struct framed_parser *parser, struct framed_framing *framing)
{
    switch (framing->kind) {
    case FRAMED_KIND_LENGTH:
        return check_length(parser, framing);
    case FRAMED_KIND_TYPED:
        return check_typed(parser, framing->as.typed);
    case FRAMED_KIND_CHUNKED:
        return check_chunked(parser, &framing->as.chunked);
    default:
        return 0;
    }
}

static int check_common(struct framed_parser *parser, struct framed_framing *framing)
{
    const struct framed_framing *reply = framing->reply;

    if (framing->kind != FRAMED_KIND_LENGTH)
        framing->strip = FRAMED_STRIP_PAYLOAD;
    if (framing->zero != FRAMED_ZERO_DELIVER && framing->strip != FRAMED_STRIP_PAYLOAD)
        return wrong(parser, "zero: allowed only with strip=payload: a whole frame is never empty");
    if (framing->kind == FRAMED_KIND_RAW && (framing->first || reply || framing->greeting))
        return wrong(parser, "raw: it is for replies, allowed: nothing else with it");
    if (reply && (reply->first || reply->reply || reply->greeting))
        return wrong(parser, "reply: found first, reply or greeting, allowed: in the outermost "
                             "framing");
    if (!framing->first)
        return 0;
    /* Who reads asks the whole framing whether it goes on behind what is too large. */
    if (framed_framing_discards(framing))
        return wrong(parser, "oversize: found discard, allowed with first: close");
    return check_inner(parser, "first", framing->first, true);
}

int framed_check(struct framed_parser *parser, struct framed_framing *framing)
{
    int result = check_kind(parser, framing);

    if (result == 0)
        result = check_common(parser, framing);
    if (result < 0)
        return result;
    framing->plain =
        !framing->first && framing->zero == FRAMED_ZERO_DELIVER && framing->min_message == 0;
    framed_kind(framing->kind)->settle(framing);
    return 0;
}
