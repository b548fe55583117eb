/*
 * Framing: where one message ends and the next begins in a stream of bytes.
 *
 * A framing is data: made once from its one-line text, validated, then never changed. Decoding and
 * encoding are pure functions of it: no I/O, no allocation, no copy of a payload. So they serve
 * blocking sockets, non-blocking ones and files alike.
 *
 * The text is a name and parameters: `u32be`, `length:be4,counts=frame,offset=1`, `fixed:1036`,
 * `delimited:\r\n,oversize=discard`, `typed:at=0,A=(fixed:5),B=(u8)`. The name is a kind's, a
 * preset's (whose own text it stands for) or one that the caller knows. framed.conf(5) has the
 * grammar.
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

/* Longest text of a framing that is kept as its name, with its terminating NUL. */
#define FRAMED_FRAMING_NAME_SIZE 64
/* Longest header and trailer that any framing writes around a payload, in bytes. */
#define FRAMED_HEAD_MAX 32
#define FRAMED_TAIL_MAX 16
/* The largest max_message that a framing accepts: 1 GiB. */
#define FRAMED_MESSAGE_LIMIT ((size_t)1 << 30)
/* max_message of a framing that was parsed and not told otherwise: 1 MiB. */
#define FRAMED_MESSAGE_DEFAULT ((size_t)1 << 20)
/* Framings within a framing, one inside the other, at most. */
#define FRAMED_DEPTH_MAX 4

/*
 * What decoding or encoding came to. A closed set: each has one word in the log (see
 * framed_verdict_word), and each error one counter in the daemon.
 */
enum framed_verdict {
    FRAMED_OK = 0,    /* a whole message */
    FRAMED_NEED_MORE, /* no error: the frame is not complete yet */
    FRAMED_FRAGMENT,  /* a part of a message: keep its payload, the rest comes in further frames */
    FRAMED_SKIP,      /* bytes to be dropped: an empty frame, or more of an oversize message */
    FRAMED_END,       /* the stream has ended where a frame may end */
    /* errors; those but OVERSIZE with `oversize=discard` are final for the stream */
    FRAMED_OVERSIZE,    /* the message is larger than max_message, or than its field can hold */
    FRAMED_UNDERSIZE,   /* the frame is smaller than its own header, or than min_message */
    FRAMED_MALFORMED,   /* the length is not a number in this encoding */
    FRAMED_BAD_MAGIC,   /* the bytes that every frame has are others */
    FRAMED_BAD_TRAILER, /* the byte that must end the frame is another one */
    FRAMED_BAD_TYPE,    /* no frame begins with this type */
    FRAMED_TRUNCATED,   /* the stream ended inside a frame */
    FRAMED_UNENCODABLE, /* the payload would not be read as the one message that it is */
    FRAMED_VERDICT_COUNT
};
#define FRAMED_ERROR_FIRST FRAMED_OVERSIZE

/* A framing that is valid. Opaque: what others need of it, they ask for below. */
struct framed_framing;

/* What a decoder keeps between calls on the same stream. Starts zeroed, and is its owner's to copy;
 * its fields are the library's own. */
struct framed_decoder {
    size_t scanned;   /* bytes that hold no delimiter, so that a scan is linear */
    size_t assembled; /* bytes of the fragments before this one */
    bool started;     /* the first frame is over */
    bool discarding;  /* dropping the rest of an oversize message */
    bool within;      /* a message has begun: its fragments so far */
};

/* Where a frame lies, in bytes from the first byte given to framed_decode(). */
struct framed_frame {
    size_t payload; /* offset of the payload */
    size_t length;  /* bytes of payload */
    size_t size;    /* bytes of the whole frame: what to consume */
    size_t need;    /* with FRAMED_NEED_MORE: the frame has at least this many bytes */
};

/* The bytes to write around a payload, or around as much of it as one frame takes. */
struct framed_envelope {
    uint8_t head[FRAMED_HEAD_MAX];
    uint8_t tail[FRAMED_TAIL_MAX];
    uint8_t head_length;
    uint8_t tail_length;
    size_t taken; /* bytes of the payload between head and tail: less than all of it in fragments */
};

/* The length of a message that is not known before its end. */
#define FRAMED_LENGTH_UNKNOWN SIZE_MAX

/* What writing a message in pieces keeps from one to the next; its fields are the library's own. */
struct framed_encoder {
    const struct framed_framing *framing; /* NULL: no message has begun */
    size_t left;                          /* bytes to come, or FRAMED_LENGTH_UNKNOWN */
    size_t written;
    uint8_t recent[FRAMED_TAIL_MAX]; /* the last bytes: a delimiter may begin in them */
    uint8_t recent_length;
};

/* A named framing, for listings: framed_presets() ends with a row whose name is NULL. */
struct framed_preset {
    const char *name;
    const char *text;    /* what it stands for */
    const char *grammar; /* one line, for people */
};

/* A parameter of the text, for listings and for configuration that names them one by one:
 * framed_parameters() ends with a row whose key is NULL. */
struct framed_parameter {
    const char *key;
    const char *kinds;   /* the kinds that have it, or "all" */
    const char *allowed; /* "0 to 31", "payload, rest or frame" */
    const char *text;    /* one line, for people */
};

/* Names beyond the presets: the text that NAME stands for, or NULL. It must live until
 * framed_framing_parse() returns. */
struct framed_names {
    const char *(*text)(void *context, const char *name);
    void *context;
};

/*
 * Makes a framing from TEXT. NAMES may be NULL. 0 and *FRAMING, which the caller frees, or -EINVAL
 * with a message in ERROR (SIZE bytes) that says which parameter is wrong, what was found and what
 * is allowed, or -ENOMEM; *FRAMING is then untouched.
 */
int framed_framing_parse(const char *text, const struct framed_names *names,
                         struct framed_framing **framing, char *error, size_t size);

/* Frees FRAMING and what belongs to it; NULL is harmless. */
void framed_framing_free(struct framed_framing *framing);

/* The text it was made from, cut to FRAMED_FRAMING_NAME_SIZE. */
const char *framed_framing_name(const struct framed_framing *framing);

/*
 * Sets the largest message, in bytes (1 to FRAMED_MESSAGE_LIMIT), that the framing and all framings
 * within it take. A length field that cannot say that much is no error: its own limit then holds.
 * 0, or -EINVAL: also where frames of a fixed size, or min, are larger. To be called before the
 * framing is in use.
 */
int framed_framing_set_max(struct framed_framing *framing, size_t max_message);
size_t framed_framing_max(const struct framed_framing *framing);

/* The framing of a stream's first frame, if the text names one (`first=`); NULL: the same. Belongs
 * to FRAMING. Decoding takes it by itself; who writes a stream writes the first message with it. */
const struct framed_framing *framed_framing_first(const struct framed_framing *framing);

/* The framing of replies, if the text names one (`reply=`); NULL: the same. Belongs to FRAMING. */
const struct framed_framing *framed_framing_reply(const struct framed_framing *framing);

/* The same, and hands it over: the caller frees it, and FRAMING has none any more. */
struct framed_framing *framed_framing_take_reply(struct framed_framing *framing);

/* What the server sends as soon as a client has connected (`greeting=`): *LENGTH bytes, perhaps 0.
 * Belongs to FRAMING. */
const uint8_t *framed_framing_greeting(const struct framed_framing *framing, size_t *length);

/* Whether a message written with it ends with the stream: the server closes after one reply. */
bool framed_framing_ends_stream(const struct framed_framing *framing);

/* Whether a message that is cut off looks like a whole one to who reads until the end of the stream
 * (`eof`, `raw`, `eof=yes`): then only a reset tells that something is missing. */
bool framed_framing_hides_cuts(const struct framed_framing *framing);

/* Whether an oversize message is dropped up to its delimiter, and the stream goes on. */
bool framed_framing_discards(const struct framed_framing *framing);

/* Whether it can decode: `raw` only writes. */
bool framed_framing_decodes(const struct framed_framing *framing);

/*
 * Looks for one frame at the start of DATA (LENGTH bytes).
 *
 * FRAMED_OK and *FRAME says where it lies. FRAMED_FRAGMENT: the same, but its payload is only the
 * next part of a message, whose last part comes with FRAMED_OK (perhaps of length 0). FRAMED_SKIP:
 * FRAME->size bytes carry no message. FRAMED_NEED_MORE: FRAME->need says how many bytes the frame
 * has at least (always more than LENGTH, never more than the largest frame takes); call again with
 * the same first byte and more behind it. Else an error, final for the stream; only where
 * framed_framing_discards() is FRAMED_OVERSIZE told once, with FRAME->size bytes to drop, and the
 * next calls go on behind them. A message that is too large is told as soon as its length is known.
 */
int framed_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame);

/*
 * Says what the end of the stream means for DATA (LENGTH bytes), for which framed_decode() has
 * answered FRAMED_NEED_MORE: FRAMED_OK with *FRAME where the end of the stream ends a message,
 * FRAMED_END where nothing is missing, else FRAMED_TRUNCATED (or another error).
 */
int framed_decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame);

/*
 * Tells how to write PAYLOAD (LENGTH bytes) as one message: *ENVELOPE gets the bytes around it, and
 * how much of it they go around. When that is not all, the message takes several frames: call again
 * with what is left and CONTINUED true. The payload is read only where a framing must look at it.
 * FRAMED_OK, FRAMED_OVERSIZE (the field cannot hold LENGTH, or it is above max_message),
 * FRAMED_UNDERSIZE (below min) or FRAMED_UNENCODABLE: it contains the delimiter, or is to be sent
 * as a whole frame and is none.
 */
int framed_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope);

/*
 * The same for a message that is never in memory as a whole: begin, pieces, end, each of which
 * fills *ENVELOPE with the bytes to write around as much of its piece as it has taken (of begin and
 * end: nothing). max_message does not bound it. LENGTH is that of the whole message.
 *
 * framed_encode_begin(): FRAMED_OK, FRAMED_OVERSIZE, FRAMED_UNDERSIZE, FRAMED_UNENCODABLE, or
 * -ENOTSUP: the framing must see the whole message first (`typed`, whole frames), or its length
 * (`length` with FRAMED_LENGTH_UNKNOWN).
 * framed_encode_piece(): FRAMED_OK, FRAMED_OVERSIZE (more than LENGTH) or FRAMED_UNENCODABLE (a
 * delimiter ends in it); when not all of the piece is taken, call again with what is left.
 * framed_encode_end(): FRAMED_OK, FRAMED_UNDERSIZE (less than LENGTH, or than min) or
 * FRAMED_UNENCODABLE. After an error of the last two the message can only be left unfinished.
 */
int framed_encode_begin(const struct framed_framing *framing, size_t length,
                        struct framed_encoder *encoder, struct framed_envelope *envelope);
int framed_encode_piece(struct framed_encoder *encoder, const uint8_t *piece, size_t length,
                        struct framed_envelope *envelope);
int framed_encode_end(struct framed_encoder *encoder, struct framed_envelope *envelope);

/* The word for a verdict in logs and counters, such as "oversize". Never NULL. */
const char *framed_verdict_word(int verdict);

/*
 * What DATA (LENGTH bytes, the first of a stream that turned out to be malformed) looks like
 * instead: "HTTP", "TLS", "SSH", "PROXY protocol" …, or NULL. For a hint in a log.
 */
const char *framed_guess(const uint8_t *data, size_t length);

/* All presets, all parameters. */
const struct framed_preset *framed_presets(void);
const struct framed_parameter *framed_parameters(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif
#endif
