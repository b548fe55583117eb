/*
 * The messages. Message N of a connection is a pure function of the plan, of the connection's
 * number and of N: so what comes back can be told to be right, or another one's, without keeping
 * what was sent.
 */
#ifndef FRAMED_TOOLS_FRAMEBENCH_TEXT_H
#define FRAMED_TOOLS_FRAMEBENCH_TEXT_H

#include "tools/framebench/buffer.h"
#include "tools/framebench/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    const struct plan *plan;
    uint8_t *payload; /* the largest: letters and digits, which all framings carry */
    uint32_t stamped; /* the connection whose number it starts with */
};

/* 0 or -ENOMEM; PLAN is borrowed. */
int text_init(struct text *text, const struct plan *plan);
void text_deinit(struct text *text);

/*
 * The payload of message NUMBER of CONNECTION: *LENGTH bytes, good until the next call. Where it
 * has room for 16, it starts with both numbers in hexadecimal.
 */
const uint8_t *text_payload(struct text *text, uint32_t connection, uint64_t number,
                            size_t *length);

/*
 * The first frame of the same message; FIRST: it is the first of its stream. It is the only one
 * where ENVELOPE takes all LENGTH bytes of PAYLOAD. As framed_encode().
 */
int text_encode(struct text *text, uint32_t connection, uint64_t number, bool first,
                struct framed_envelope *envelope, const uint8_t **payload, size_t *length);

/*
 * Appends the same message to OUT, framed; FIRST as above. FRAMED_OK, or the
 * verdict of a framing that cannot say it; OUT is then as before.
 */
int text_append(struct text *text, uint32_t connection, uint64_t number, bool first,
                struct buffer *out);

#endif
