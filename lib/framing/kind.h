/*
 * What a framing is, inside libframed. parse.c fills it from text, check.c refuses what cannot be
 * and works out what decoding needs; after that it is only read. Each kind has its code in a file
 * beside this one, and a row in framing.c.
 *
 * `decode`, `decode_end` and `encode` keep the contracts of framed_decode(), framed_decode_end()
 * and framed_encode(). What all kinds share stays out of them (framing.c): the first frame's
 * framing, `zero`, `min`, the check of max_message before encoding.
 */
#ifndef FRAMED_FRAMING_KIND_H
#define FRAMED_FRAMING_KIND_H

#include <framed/framing.h>

enum framed_kind {
    FRAMED_KIND_LENGTH,    /* the frame tells its length */
    FRAMED_KIND_FIXED,     /* all frames are of one size */
    FRAMED_KIND_DELIMITED, /* the frame ends with a delimiter */
    FRAMED_KIND_TYPED,     /* a byte of the frame selects another framing */
    FRAMED_KIND_CHUNKED,   /* a message is several frames of another framing */
    FRAMED_KIND_EOF,       /* the stream is one message */
    FRAMED_KIND_RAW,       /* written as it is; cannot be read */
    FRAMED_KIND_COUNT
};

enum framed_encoding {
    FRAMED_BIG_ENDIAN,
    FRAMED_LITTLE_ENDIAN,
    FRAMED_DECIMAL,
    FRAMED_HEX,
    FRAMED_VARINT,
    FRAMED_BER,
};

enum framed_counts {
    FRAMED_COUNTS_PAYLOAD,
    FRAMED_COUNTS_REST,
    FRAMED_COUNTS_FRAME
};

enum framed_zero {
    FRAMED_ZERO_DELIVER,
    FRAMED_ZERO_SKIP,
    FRAMED_ZERO_REJECT
};

/* `strip`: 0 is none. The default depends on the header; check.c leaves no AUTO. */
#define FRAMED_STRIP_PAYLOAD (-1)
#define FRAMED_STRIP_AUTO (-2)

#define FRAMED_DELIMITERS_MAX 4
#define FRAMED_CASES_MAX 32
#define FRAMED_GREETING_MAX 512
/* Framings in one text, those that its names stand for included. */
#define FRAMED_FRAMINGS_MAX 64

/* A few bytes that a framing writes and expects. */
struct framed_bytes {
    uint8_t data[FRAMED_TAIL_MAX];
    uint8_t length; /* 0: none */
};

struct framed_length {
    enum framed_encoding encoding;
    uint8_t width;  /* bytes or digits of the field; most bytes of a varint; 0: up to END */
    uint8_t offset; /* bytes before the field */
    uint8_t header; /* bytes before the payload; 0: as many as the field turns out to have */
    uint8_t magic_at;
    enum framed_counts counts;
    int32_t adjust;
    uint32_t unit;
    uint64_t mask;  /* all ones: none */
    uint64_t marks; /* values below this stand for a frame that is only its header */
    bool is_signed;
    bool leading_zero;
    bool has_end;
    uint8_t end; /* the byte after the digits */
    bool has_pad;
    uint8_t pad_at; /* the byte of the header that tells the padding */
    struct framed_bytes magic;
    struct framed_bytes trailer;
};

struct framed_delimited {
    struct framed_bytes delimiters[FRAMED_DELIMITERS_MAX];
    uint8_t count;
    bool strip_cr;
    bool eof;     /* the end of the stream ends a last message */
    bool discard; /* an oversize message is dropped, and the stream goes on */
};

/* Types FIRST to LAST are framed by FRAMING. */
struct framed_case {
    uint8_t first, last;
    uint8_t links; /* names on the way to the text that has it: a text replaces its names' cases */
    struct framed_framing *framing;
};

struct framed_typed {
    uint8_t at;
    uint8_t count;
    struct framed_case cases[FRAMED_CASES_MAX]; /* owned */
    struct framed_framing *fallback;            /* owned; NULL: reject */
    struct framed_framing *of[256];             /* by type: what check.c made of the above */
};

struct framed_chunked {
    struct framed_framing *fragment; /* owned */
    struct framed_bytes last;        /* stands for the end of the message */
    uint8_t bit_mask;                /* else this bit of the header's byte does */
    uint8_t bit_at;
    bool bit_means_more;
    size_t fragment_max; /* the largest fragment to write; 0: as the field allows */
};

struct framed_framing {
    /* What decoding one frame asks for comes first. */
    int (*decode)(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame);
    int (*encode)(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope);
    size_t max_message;
    size_t min_message;
    enum framed_kind kind;
    enum framed_zero zero;
    int32_t strip;  /* bytes cut off the front of each frame, or FRAMED_STRIP_PAYLOAD */
    bool plain;     /* nothing of the common parameters is set: DECODE says it all */
    uint8_t prefix; /* bytes of the binary length, where a frame is that and its payload; else 0 */
    size_t prefixed_max; /* and the longest payload of such a frame */
    union {
        struct framed_length length;
        size_t fixed; /* bytes */
        struct framed_delimited delimited;
        struct framed_typed *typed; /* owned; as large as all others together */
        struct framed_chunked chunked;
    } as;
    struct framed_framing *first; /* of the stream's first frame; owned */
    struct framed_framing *reply; /* owned */
    uint8_t *greeting;            /* owned */
    size_t greeting_length;
    char name[FRAMED_FRAMING_NAME_SIZE];
};

struct framed_kind_ops {
    const char *word;
    /* Picks decode and encode once the parameters are settled. */
    void (*settle)(struct framed_framing *framing);
    /* NULL: the end of the stream inside a frame is always FRAMED_TRUNCATED. */
    int (*decode_end)(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame);
    /* framed_encode_begin() and its kin, without what pieces.c does for all kinds. `begin` NULL: a
     * message cannot be written in pieces; `piece` NULL: they go as they are; `end` NULL: nothing
     * comes behind them. */
    int (*begin)(struct framed_encoder *encoder, struct framed_envelope *envelope);
    int (*piece)(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                 struct framed_envelope *envelope);
    int (*end)(const struct framed_encoder *encoder, struct framed_envelope *envelope);
};

#pragma GCC visibility push(hidden)

extern const struct framed_kind_ops framed_kind_length;
extern const struct framed_kind_ops framed_kind_fixed;
extern const struct framed_kind_ops framed_kind_delimited;
extern const struct framed_kind_ops framed_kind_typed;
extern const struct framed_kind_ops framed_kind_chunked;
extern const struct framed_kind_ops framed_kind_eof;
extern const struct framed_kind_ops framed_kind_raw;
/* Its row. */
const struct framed_kind_ops *framed_kind(enum framed_kind kind);

/* framed_decode(), framed_decode_end() and framed_encode() of a framing within another: with its
 * own `zero` and `min`, without `first`, which only a whole stream has. */
int framed_inner_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                        const uint8_t *data, size_t length, struct framed_frame *frame);
int framed_inner_decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                            const uint8_t *data, size_t length, struct framed_frame *frame);
int framed_inner_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                        bool continued, struct framed_envelope *envelope);

/* What `zero` and `min` make of a message of LENGTH bytes that is to be written. */
int framed_judge_encoding(const struct framed_framing *framing, size_t length);

#pragma GCC visibility pop

#endif
