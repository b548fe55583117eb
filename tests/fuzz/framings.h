/* The framings that the targets draw from: all presets, and what no preset has. */
#ifndef FRAMED_TESTS_FUZZ_FRAMINGS_H
#define FRAMED_TESTS_FUZZ_FRAMINGS_H

#include "require.h"

#include "unit/framing_support.h"

/* Every cut copies what it has: longer streams only cost time. */
#define STREAM_MAX 1024

static const char *const more_framings[] = {
    "length:be4,counts=frame,offset=1,strip=none",
    "length:le3,offset=2,magic=ab,adjust=2,unit=2,trailer=T",
    "length:be2,header=8,offset=4,pad_at=6,counts=rest,strip=none",
    "length:decimal,end=\\s,leading_zero=allow,zero=skip",
    "length:hex4,counts=frame,marks=2,strip=none,min=4",
    "length:varint3,zero=reject",
    "fixed:5",
    "delimited:ab,or=b,or=aab",
    "delimited:\\n\\n,oversize=discard,eof=yes",
    "delimited:]]>]]>,strip_cr=yes",
    "typed:at=1,x=(fixed:3),y=(length:be1,offset=2,strip=none),default=(fixed:2)",
    "chunked:(length:be4,mask=0x7fffffff),last_bit=0x80,fragment=8",
    "chunked:(u8),last=\\0,fragment=8",
    "chunked:(length:be2,mask=0x7fff),more_bit=0x80,fragment=9",
    "eof",
    "line,first=(u8)",
};
#define MORE_FRAMINGS (sizeof(more_framings) / sizeof(more_framings[0]))

static inline const char *framing_text(unsigned choice)
{
    size_t presets = 0;

    while (framed_presets()[presets].name)
        presets++;
    choice %= presets + MORE_FRAMINGS;
    return choice < presets ? framed_presets()[choice].name : more_framings[choice - presets];
}

/* NULL when it does not take MAX. */
static inline struct framed_framing *chosen_framing(unsigned choice, size_t max)
{
    struct framed_framing *framing = NULL;
    char error[512];

    EXPECT(framed_framing_parse(framing_text(choice), NULL, &framing, error, sizeof(error)) == 0);
    if (framed_framing_set_max(framing, max) == 0)
        return framing;
    framed_framing_free(framing);
    return NULL;
}

static inline size_t cut_by_pattern(void *context, size_t given, size_t all)
{
    uint32_t *pattern = context;
    size_t step = 1 + (*pattern >> 16) % 13;

    *pattern = *pattern * 1664525U + 1013904223U;
    return all - given < step ? all : given + step;
}

/* All of DATA comes to the same, whole or in cuts. */
static inline void check_cuts(const struct framed_framing *framing, uint32_t pattern,
                              const uint8_t *data, size_t size)
{
    static struct seen whole, cut;

    read_stream(framing, data, size, cut_nowhere, NULL, &whole);
    read_stream(framing, data, size, cut_by_pattern, &pattern, &cut);
    expect_same(&whole, &cut);
}

/* What can be written is read as what it was. */
static inline void check_payload(const struct framed_framing *framing, uint32_t pattern,
                                 const uint8_t *payload, size_t length)
{
    static uint8_t wire[WIRE_SIZE(STREAM_MAX)];
    static struct seen seen;
    uint8_t *copy = malloc(length ? length : 1);
    size_t size;

    EXPECT(copy);
    if (length)
        memcpy(copy, payload, length);
    if (encode_message(framed_framing_first(framing) ? framed_framing_first(framing) : framing,
                       copy, length, wire, &size) == FRAMED_OK) {
        read_stream(framing, wire, size, cut_by_pattern, &pattern, &seen);
        EXPECT(seen.verdict == FRAMED_END);
        EXPECT(seen.count == 1 || (length == 0 && seen.count == 0));
        EXPECT(seen.count == 0 || seen.length[0] == length);
        EXPECT(seen.count == 0 || memcmp(seen.bytes, payload, length) == 0);
    }
    free(copy);
}

#endif
