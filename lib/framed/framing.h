/*
 * Framing: where one message ends and the next begins in a stream of bytes.
 *
 * A framing is data: filled once from a preset's name, validated, then never changed. Decoding and
 * encoding are pure functions of it: no I/O, no allocation, no copy of a payload. So they serve
 * blocking sockets, non-blocking ones and files alike.
 */
#ifndef FRAMED_FRAMING_H
#define FRAMED_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Longest name of a framing, with its terminating NUL. */
#define FRAMED_FRAMING_NAME_SIZE 64
/* Longest header and trailer that any framing writes around a payload, in bytes. */
#define FRAMED_HEAD_MAX 32
#define FRAMED_TAIL_MAX 16
/* The largest max_message that a framing accepts: 1 GiB. */
#define FRAMED_MESSAGE_LIMIT ((size_t)1 << 30)
/* max_message of a framing that was parsed and not told otherwise: 1 MiB. */
#define FRAMED_MESSAGE_DEFAULT ((size_t)1 << 20)

/*
 * What decoding or encoding came to. A closed set: each has one word in the log (see
 * framed_verdict_word) and one counter in the daemon. Only OK and NEED_MORE leave a stream usable.
 */
enum framed_verdict {
    FRAMED_OK = 0,      /* a whole frame */
    FRAMED_NEED_MORE,   /* no error: the frame is not complete yet */
    FRAMED_OVERSIZE,    /* the message is larger than max_message, or than its field can hold */
    FRAMED_UNDERSIZE,   /* the frame is smaller than its own header, or than min_message */
    FRAMED_MALFORMED,   /* the length is not a number in this encoding */
    FRAMED_BAD_TRAILER, /* the byte that must end the frame is another one */
    FRAMED_TRUNCATED,   /* the stream ended inside a frame */
    FRAMED_UNENCODABLE, /* the payload contains the delimiter: it would be read as two messages */
    FRAMED_VERDICT_COUNT
};

enum framed_kind {
    FRAMED_KIND_LENGTH,    /* the frame tells its length in binary */
    FRAMED_KIND_DECIMAL,   /* the frame tells its length in ASCII digits up to an end byte */
    FRAMED_KIND_DELIMITED, /* the frame ends with a delimiter */
    FRAMED_KIND_COUNT
};

enum framed_byte_order {
    FRAMED_BIG_ENDIAN,
    FRAMED_LITTLE_ENDIAN
};

/*
 * How messages are cut out of a stream. Filled by framed_framing_parse(); read by everybody,
 * written by nobody else but for max_message (framed_framing_set_max).
 */
struct framed_framing {
    char name[FRAMED_FRAMING_NAME_SIZE];
    enum framed_kind kind;
    enum framed_byte_order order; /* LENGTH */
    uint8_t width;                /* LENGTH: bytes of the length field, 1 to 8 */
    uint8_t end_byte;             /* DECIMAL: the byte after the digits */
    bool has_trailer;             /* DECIMAL: a byte must follow the payload */
    uint8_t trailer;
    bool strip_cr; /* DELIMITED: one CR before the delimiter is not payload */
    uint8_t delimiter[FRAMED_TAIL_MAX];
    uint8_t delimiter_length;
    size_t max_message; /* bytes of payload; larger is FRAMED_OVERSIZE */
};

/* What a decoder keeps between two calls on the same, not yet complete, frame. Starts zeroed. */
struct framed_decoder {
    size_t scanned; /* bytes that hold no delimiter, so that a scan is linear */
};

/* Where a frame lies, in bytes from the first byte given to framed_decode(). */
struct framed_frame {
    size_t payload; /* offset of the payload */
    size_t length;  /* bytes of payload */
    size_t size;    /* bytes of the whole frame: what to consume */
    size_t need;    /* with FRAMED_NEED_MORE: the frame has at least this many bytes */
};

/* The bytes to write around a payload. */
struct framed_envelope {
    uint8_t head[FRAMED_HEAD_MAX];
    uint8_t tail[FRAMED_TAIL_MAX];
    uint8_t head_length;
    uint8_t tail_length;
};

/* A named framing, for listings: framed_presets() ends with a row whose name is NULL. */
struct framed_preset {
    const char *name;
    const char *grammar; /* one line, for people */
};

/*
 * Fills FRAMING from TEXT, a preset's name such as "u32be". 0, or -EINVAL with a message in ERROR
 * (SIZE bytes) that says what was found and what is allowed; *FRAMING is then untouched.
 */
int framed_framing_parse(const char *text, struct framed_framing *framing, char *error,
                         size_t size);

/*
 * Sets the largest message, in bytes (1 to FRAMED_MESSAGE_LIMIT). A length field that cannot say
 * that much is no error: its own limit then holds. 0, or -EINVAL.
 */
int framed_framing_set_max(struct framed_framing *framing, size_t max_message);

/*
 * Looks for one frame at the start of DATA (LENGTH bytes). FRAMED_OK and *FRAME says where it lies;
 * FRAMED_NEED_MORE and FRAME->need says how many bytes it has at least (always more than LENGTH,
 * never more than the largest message takes), then call again with the same first byte and more
 * behind it; else an error, final for the stream. An oversize message is one as soon as its length
 * is known. DECODER starts zeroed and is zeroed again by each FRAMED_OK.
 */
int framed_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame);

/*
 * Tells how to write PAYLOAD (LENGTH bytes) as one frame: *ENVELOPE gets the bytes around it. The
 * payload is read only where it must not contain a delimiter. FRAMED_OK, FRAMED_OVERSIZE (the field
 * cannot hold LENGTH, or it is above max_message) or FRAMED_UNENCODABLE.
 */
int framed_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  struct framed_envelope *envelope);

/* The word for a verdict in logs and counters, such as "oversize". Never NULL. */
const char *framed_verdict_word(int verdict);

/* All presets, ended by a NULL name. */
const struct framed_preset *framed_presets(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
