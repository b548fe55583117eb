/*
 * The kinds of framing, inside libframed: framing.c has one row for each and calls through it. A
 * framing that reaches these functions came from framed_framing_parse(): its parameters fit.
 *
 * `decode` and `encode` keep the contracts of framed_decode() and framed_encode(), but for the
 * check of max_message before encoding, which framed_encode() makes for all kinds.
 */
#ifndef FRAMED_FRAMING_KIND_H
#define FRAMED_FRAMING_KIND_H

#include <framed/framing.h>

struct framed_kind_ops {
    int (*decode)(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame);
    int (*encode)(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope);
};

#pragma GCC visibility push(hidden)

extern const struct framed_kind_ops framed_kind_length;
extern const struct framed_kind_ops framed_kind_decimal;
extern const struct framed_kind_ops framed_kind_delimited;

#pragma GCC visibility pop

#endif
