/*
 * Framings drawn at random, and a slow, obvious decoder for them. It knows the parameters that were
 * drawn, not what the library has made of their text; it reads one byte after the other, keeps
 * nothing between two calls, and shares no code with the library.
 */
#ifndef FRAMED_TESTS_FRAMING_REFERENCE_H
#define FRAMED_TESTS_FRAMING_REFERENCE_H

#include "framings.h"

#include <stdarg.h>
#include <stdio.h>

enum drawn_kind {
    DRAWN_BINARY,
    DRAWN_DIGITS,
    DRAWN_VARINT,
    DRAWN_FIXED,
    DRAWN_DELIMITED,
    DRAWN_KINDS
};

enum drawn_counts {
    DRAWN_PAYLOAD,
    DRAWN_REST,
    DRAWN_FRAME
};

/* -1 and 0 mean what they mean in the text; absent parameters have the library's default. */
struct drawn {
    enum drawn_kind kind;
    int width;
    bool little, hex, is_signed;
    int offset, header, adjust, unit, pad_at, marks, end, trailer;
    uint64_t mask;
    enum drawn_counts counts;
    bool magic;
    bool leading_zero;
    int strip; /* -1: the payload alone */
    int zero;  /* 0 deliver, 1 skip, 2 reject */
    int min;
    char delimiters[3][4];
    int delimiter_count;
    bool strip_cr, eof;
    size_t max;
    char text[512];
};

static inline bool often(uint64_t *state)
{
    return draw(state, 4) != 0;
}

__attribute__((format(printf, 2, 3))) static void say(struct drawn *drawn, const char *format, ...)
{
    size_t used = strlen(drawn->text);
    va_list list;

    va_start(list, format);
    vsnprintf(drawn->text + used, sizeof(drawn->text) - used, format, list);
    va_end(list);
}

static void draw_binary(uint64_t *state, struct drawn *drawn)
{
    static const uint64_t masks[] = {0x7f, 0xff, 0x0f, 0x3fff};

    drawn->width = 1 + (int)draw(state, 8);
    drawn->little = draw(state, 2);
    say(drawn, "length:%s%d", drawn->little ? "le" : "be", drawn->width);
    if (!often(state))
        say(drawn, ",mask=0x%llx",
            (unsigned long long)(drawn->mask = masks[draw(state, drawn->width > 1 ? 4 : 3)]));
    else if ((drawn->is_signed = !often(state)))
        say(drawn, ",signed=yes");
    if (!often(state))
        say(drawn, ",unit=%d", drawn->unit = 1 + (int)draw(state, 4));
    if (!often(state))
        say(drawn, ",marks=%d", (drawn->marks = (int)draw(state, 3)));
}

static void draw_digits(uint64_t *state, struct drawn *drawn)
{
    drawn->hex = draw(state, 2);
    drawn->width = draw(state, 2) ? 1 + (int)draw(state, 5) : 0;
    say(drawn, drawn->width ? "length:%s%d" : "length:%s", drawn->hex ? "hex" : "decimal",
        drawn->width);
    if (!drawn->width || !often(state))
        say(drawn, ",end=%c", drawn->end = draw(state, 2) ? ':' : ' ' + 1);
    if (!drawn->width && (drawn->leading_zero = draw(state, 2)))
        say(drawn, ",leading_zero=allow");
}

static void draw_length_parameters(uint64_t *state, struct drawn *drawn)
{
    bool fixed_header = drawn->kind == DRAWN_BINARY || drawn->width;

    if (draw(state, 2) && drawn->kind != DRAWN_VARINT)
        say(drawn, ",offset=%d", drawn->offset = (int)draw(state, 4));
    if (drawn->offset > 0 && draw(state, 2)) {
        drawn->magic = true;
        say(drawn, ",magic=%.*s,magic_at=0", drawn->offset, "MNO");
    }
    if (!often(state))
        say(drawn, ",counts=rest"), drawn->counts = DRAWN_REST;
    else if (!often(state) && fixed_header)
        say(drawn, ",counts=frame"), drawn->counts = DRAWN_FRAME;
    if (!often(state))
        say(drawn, ",adjust=%d", drawn->adjust = (int)draw(state, 9) - 4);
    if (!often(state))
        say(drawn, ",trailer=%c", drawn->trailer = 'T');
    if (!often(state) && drawn->kind == DRAWN_BINARY) {
        drawn->header = drawn->offset + drawn->width + 1 + (int)draw(state, 3);
        say(drawn, ",header=%d", drawn->header);
        if (draw(state, 2))
            say(drawn, ",pad_at=%d", drawn->pad_at = drawn->offset + drawn->width);
    }
    if (!often(state))
        say(drawn, ",strip=none"), drawn->strip = 0;
    else
        say(drawn, ",strip=payload");
}

static void draw_delimited(uint64_t *state, struct drawn *drawn)
{
    drawn->delimiter_count = 1 + (int)draw(state, 3);
    for (int i = 0; i < drawn->delimiter_count; i++) {
        size_t length = 1 + draw(state, 3);

        for (size_t at = 0; at < length; at++)
            drawn->delimiters[i][at] = "ab;"[draw(state, 3)];
        say(drawn, i == 0 ? "delimited:%s" : ",or=%s", drawn->delimiters[i]);
    }
    if ((drawn->strip_cr = !often(state)))
        say(drawn, ",strip_cr=yes");
    if ((drawn->eof = !often(state)))
        say(drawn, ",eof=yes");
}

static void draw_framing(uint64_t *state, struct drawn *drawn)
{
    static const char *const zeros[] = {"deliver", "skip", "reject"};

    memset(drawn, 0, sizeof(*drawn));
    drawn->kind = (enum drawn_kind)draw(state, DRAWN_KINDS);
    drawn->unit = 1;
    drawn->mask = UINT64_MAX;
    drawn->marks = drawn->end = drawn->trailer = drawn->pad_at = drawn->strip = -1;
    drawn->max = 1 + draw(state, 30);
    if (drawn->kind == DRAWN_BINARY)
        draw_binary(state, drawn);
    else if (drawn->kind == DRAWN_DIGITS)
        draw_digits(state, drawn);
    else if (drawn->kind == DRAWN_VARINT)
        say(drawn, "length:varint%d", drawn->width = 1 + (int)draw(state, 5));
    else if (drawn->kind == DRAWN_FIXED)
        say(drawn, "fixed:%d", drawn->width = 1 + (int)draw(state, 9));
    else
        draw_delimited(state, drawn);
    if (drawn->kind <= DRAWN_VARINT)
        draw_length_parameters(state, drawn);
    if (!often(state) && drawn->kind != DRAWN_FIXED)
        say(drawn, ",zero=%s", zeros[drawn->zero = (int)draw(state, 3)]);
    else if (!often(state) && drawn->kind != DRAWN_FIXED)
        say(drawn, ",min=%d", drawn->min = (int)draw(state, 4));
}

/* A field that was read by hand. */
struct reference_field {
    uint64_t value; /* saturated */
    size_t end;
};

static int reference_binary(const struct drawn *drawn, const uint8_t *data, size_t length,
                            struct reference_field *field)
{
    size_t at = (size_t)drawn->offset;

    field->end = at + (size_t)drawn->width;
    if (length < field->end)
        return FRAMED_NEED_MORE;
    for (int i = 0; i < drawn->width; i++)
        field->value =
            field->value * 256 + data[at + (size_t)(drawn->little ? drawn->width - 1 - i : i)];
    if (drawn->is_signed && data[at + (size_t)(drawn->little ? drawn->width - 1 : 0)] > 127)
        return FRAMED_MALFORMED;
    return FRAMED_OK;
}

static int digit_value(uint8_t byte, bool hex)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (hex && byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return hex && byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

/* OVERSIZE for what no framing of these tests can mean: the others are below 100,000. */
static int reference_digits(const struct drawn *drawn, const uint8_t *data, size_t length,
                            struct reference_field *field)
{
    size_t at = (size_t)drawn->offset;
    int count = 0;

    for (; !drawn->width || count < drawn->width; at++, count++) {
        if (at >= length)
            return FRAMED_NEED_MORE;
        if (digit_value(data[at], drawn->hex) < 0)
            break;
        if (count > 0 && field->value == 0 && !drawn->width && !drawn->leading_zero)
            return FRAMED_MALFORMED;
        if (count >= 20)
            return FRAMED_MALFORMED;
        field->value =
            field->value * (drawn->hex ? 16 : 10) + (uint64_t)digit_value(data[at], drawn->hex);
        if (field->value > 100000)
            return FRAMED_OVERSIZE;
    }
    if (count == 0 || count < drawn->width)
        return FRAMED_MALFORMED;
    if (drawn->end >= 0) {
        if (at >= length)
            return FRAMED_NEED_MORE;
        if (data[at++] != drawn->end)
            return FRAMED_MALFORMED;
    }
    field->end = at;
    return FRAMED_OK;
}

static int reference_varint(const struct drawn *drawn, const uint8_t *data, size_t length,
                            struct reference_field *field)
{
    for (size_t i = 0; i < (size_t)drawn->width; i++) {
        if (i >= length)
            return FRAMED_NEED_MORE;
        field->value |= (uint64_t)(data[i] & 0x7f) << (7 * i);
        if (data[i] < 0x80) {
            field->end = i + 1;
            return FRAMED_OK;
        }
    }
    return FRAMED_MALFORMED;
}

static int found(struct framed_frame *frame, size_t payload, size_t length, size_t size)
{
    *frame = (struct framed_frame){.payload = payload, .length = length, .size = size};
    return FRAMED_OK;
}

/* The frame behind a header that is whole. */
static int reference_frame(const struct drawn *drawn, const uint8_t *data, size_t length,
                           size_t header, uint64_t value, struct framed_frame *frame)
{
    int64_t padding = drawn->pad_at >= 0 ? data[drawn->pad_at] : 0;
    int64_t trailer = drawn->trailer >= 0;
    int64_t payload = 0;
    int64_t size;
    int64_t cut = drawn->strip < 0 ? (int64_t)header : drawn->strip;
    bool mark = drawn->marks >= 0 && (value & drawn->mask) <= (uint64_t)drawn->marks;

    if (mark) {
        padding = trailer = 0;
    } else {
        if ((value & drawn->mask) > 1000000)
            return FRAMED_OVERSIZE;
        payload = (int64_t)(value & drawn->mask) * drawn->unit + drawn->adjust;
        payload -= drawn->counts >= DRAWN_REST ? padding + trailer : 0;
        payload -= drawn->counts == DRAWN_FRAME ? (int64_t)header : 0;
        if (payload < 0)
            return FRAMED_UNDERSIZE;
    }
    size = (int64_t)header + payload + padding + trailer;
    if (drawn->strip >= 0)
        payload = size - cut;
    if (payload > (int64_t)drawn->max)
        return FRAMED_OVERSIZE;
    if ((int64_t)length < size)
        return FRAMED_NEED_MORE;
    if (trailer && data[size - 1] != drawn->trailer)
        return FRAMED_BAD_TRAILER;
    return found(frame, (size_t)cut, (size_t)payload, (size_t)size);
}

static int reference_length(const struct drawn *drawn, const uint8_t *data, size_t length,
                            struct framed_frame *frame)
{
    struct reference_field field = {0};
    size_t header;
    int verdict;

    for (size_t i = 0; drawn->magic && i < (size_t)drawn->offset && i < length; i++)
        if (data[i] != "MNO"[i])
            return FRAMED_BAD_MAGIC;
    if (drawn->kind == DRAWN_BINARY)
        verdict = reference_binary(drawn, data, length, &field);
    else if (drawn->kind == DRAWN_DIGITS)
        verdict = reference_digits(drawn, data, length, &field);
    else
        verdict = reference_varint(drawn, data, length, &field);
    frame->length =
        field.value < SIZE_MAX ? (size_t)field.value : SIZE_MAX; /* as far as it was read */
    if (verdict != FRAMED_OK)
        return verdict;
    header = drawn->header ? (size_t)drawn->header : field.end;
    if (length < header)
        return FRAMED_NEED_MORE;
    return reference_frame(drawn, data, length, header, field.value, frame);
}

static int reference_delimited(const struct drawn *drawn, const uint8_t *data, size_t length,
                               struct framed_frame *frame)
{
    size_t longest = 0;

    for (int i = 0; i < drawn->delimiter_count; i++)
        if (strlen(drawn->delimiters[i]) > longest)
            longest = strlen(drawn->delimiters[i]);
    for (size_t end = 1; end <= length; end++) {
        size_t best = 0;

        for (int i = 0; i < drawn->delimiter_count; i++) {
            size_t wide = strlen(drawn->delimiters[i]);

            if (wide <= end && wide > best &&
                memcmp(data + end - wide, drawn->delimiters[i], wide) == 0)
                best = wide;
        }
        if (best > 0) {
            size_t payload = end - best;

            payload -= drawn->strip_cr && payload > 0 && data[payload - 1] == '\r';
            return payload > drawn->max ? FRAMED_OVERSIZE : found(frame, 0, payload, end);
        }
    }
    return length >= drawn->max + longest + drawn->strip_cr ? FRAMED_OVERSIZE : FRAMED_NEED_MORE;
}

/* Digits that already say too much are oversize, whatever comes behind them: how many of them a
 * decoder takes before it says so is its own affair. */
static bool may_be_oversize(const struct drawn *drawn, int wanted,
                            const struct framed_frame *expected)
{
    return drawn->kind == DRAWN_DIGITS &&
           (wanted == FRAMED_MALFORMED || wanted == FRAMED_NEED_MORE) &&
           expected->length > drawn->max;
}

/* As framed_decode() from a fresh start; does not set FRAME->need. */
static int reference_decode(const struct drawn *drawn, const uint8_t *data, size_t length,
                            struct framed_frame *frame)
{
    int verdict;

    if (drawn->kind == DRAWN_FIXED)
        verdict = length < (size_t)drawn->width
                      ? FRAMED_NEED_MORE
                      : found(frame, 0, (size_t)drawn->width, (size_t)drawn->width);
    else if (drawn->kind == DRAWN_DELIMITED)
        verdict = reference_delimited(drawn, data, length, frame);
    else
        verdict = reference_length(drawn, data, length, frame);
    if (verdict != FRAMED_OK)
        return verdict;
    if (frame->length == 0 && drawn->zero)
        return drawn->zero == 1 ? FRAMED_SKIP : FRAMED_UNDERSIZE;
    return frame->length < (size_t)drawn->min ? FRAMED_UNDERSIZE : FRAMED_OK;
}

#endif
