#include "tools/framebench/text.h"

#include <framed/byteorder.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Hexadecimal digits of each of the two numbers that a payload starts with. */
#define STAMP 8
#define NOBODY UINT32_MAX

int text_init(struct text *text, const struct plan *plan)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    *text = (struct text){.plan = plan, .stamped = NOBODY};
    text->payload = malloc(plan->size_max + 1);
    if (!text->payload)
        return -ENOMEM;
    for (size_t i = 0; i < plan->size_max; i++)
        text->payload[i] = (uint8_t)alphabet[i % (sizeof(alphabet) - 1)];
    return 0;
}

void text_deinit(struct text *text)
{
    free(text->payload);
}

/* Spreads the numbers evenly (the finaliser of splitmix64), so that sizes come in no order. */
static uint64_t mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static size_t size_of(const struct plan *plan, uint32_t connection, uint64_t number)
{
    const struct plan_size *size = plan->sizes;
    uint64_t draw;

    if (plan->size_count == 1)
        return size->size;
    draw = mix(((uint64_t)connection << 40) + number + 1) % plan->size_weight;
    while (draw >= size->weight)
        draw -= size++->weight;
    return size->size;
}

/* Its eight hexadecimal digits, most significant first: all at once, for this is done for each
 * message twice. */
static void write_hex(uint8_t at[STAMP], uint32_t value)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t digits = value, letters;

    digits = (digits << 16 | digits) & UINT64_C(0x0000ffff0000ffff);
    digits = (digits << 8 | digits) & UINT64_C(0x00ff00ff00ff00ff);
    digits = (digits << 4 | digits) & (0xf * ones);
    letters = (digits + 6 * ones) >> 4 & ones;
    digits += '0' * ones + letters * ('a' - '0' - 10);
    framed_put_u64be(at, digits);
}

const uint8_t *text_payload(struct text *text, uint32_t connection, uint64_t number, size_t *length)
{
    uint8_t stamp[2 * STAMP];

    *length = size_of(text->plan, connection, number);
    if (*length >= sizeof(stamp)) {
        if (connection != text->stamped)
            write_hex(text->payload, connection);
        text->stamped = connection;
        write_hex(text->payload + STAMP, (uint32_t)number);
        return text->payload;
    }
    /* Too short for both: the last digits of the number alone. */
    write_hex(stamp, connection);
    write_hex(stamp + STAMP, (uint32_t)number);
    memcpy(text->payload, stamp + sizeof(stamp) - *length, *length);
    text->stamped = NOBODY;
    return text->payload;
}

static const struct framed_framing *framing_of(const struct text *text, bool first)
{
    const struct framed_framing *framing = text->plan->framing;

    return first && framed_framing_first(framing) ? framed_framing_first(framing) : framing;
}

int text_encode(struct text *text, uint32_t connection, uint64_t number, bool first,
                struct framed_envelope *envelope, const uint8_t **payload, size_t *length)
{
    *payload = text_payload(text, connection, number, length);
    return framed_encode(framing_of(text, first), *payload, *length, false, envelope);
}

static void append(struct buffer *out, const struct framed_envelope *envelope,
                   const uint8_t *payload)
{
    size_t size = envelope->head_length + envelope->taken + envelope->tail_length;
    uint8_t *at = buffer_reserve(out, size);

    memcpy(at, envelope->head, envelope->head_length);
    memcpy(at + envelope->head_length, payload, envelope->taken);
    memcpy(at + envelope->head_length + envelope->taken, envelope->tail, envelope->tail_length);
    buffer_added(out, size);
}

int text_append(struct text *text, uint32_t connection, uint64_t number, bool first,
                struct buffer *out)
{
    size_t length, before = out->length;
    const uint8_t *payload;
    struct framed_envelope envelope;
    int verdict = text_encode(text, connection, number, first, &envelope, &payload, &length);

    while (verdict == FRAMED_OK) {
        append(out, &envelope, payload);
        payload += envelope.taken;
        length -= envelope.taken;
        if (length == 0)
            return FRAMED_OK;
        verdict = framed_encode(framing_of(text, first), payload, length, true, &envelope);
    }
    out->length = before;
    return verdict;
}
