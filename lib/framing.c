/* What all framings share: the way from a framing to the code of its kind (framing/), and the
 * parameters that every kind has. */
#include <framed/framing.h>

#include "framing/frame.h"

#include <errno.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct framed_kind_ops *const kinds[] = {
    [FRAMED_KIND_LENGTH] = &framed_kind_length,
    [FRAMED_KIND_FIXED] = &framed_kind_fixed,
    [FRAMED_KIND_DELIMITED] = &framed_kind_delimited,
    [FRAMED_KIND_TYPED] = &framed_kind_typed,
    [FRAMED_KIND_CHUNKED] = &framed_kind_chunked,
    [FRAMED_KIND_EOF] = &framed_kind_eof,
    [FRAMED_KIND_RAW] = &framed_kind_raw,
};
_Static_assert(COUNT(kinds) == FRAMED_KIND_COUNT, "each kind has its code");

static const char *const words[] = {
    [FRAMED_OK] = "ok",
    [FRAMED_NEED_MORE] = "need-more",
    [FRAMED_FRAGMENT] = "fragment",
    [FRAMED_SKIP] = "skip",
    [FRAMED_END] = "end",
    [FRAMED_OVERSIZE] = "oversize",
    [FRAMED_UNDERSIZE] = "undersize",
    [FRAMED_MALFORMED] = "malformed",
    [FRAMED_BAD_MAGIC] = "bad-magic",
    [FRAMED_BAD_TRAILER] = "bad-trailer",
    [FRAMED_BAD_TYPE] = "bad-type",
    [FRAMED_TRUNCATED] = "truncated",
    [FRAMED_UNENCODABLE] = "unencodable",
};
_Static_assert(COUNT(words) == FRAMED_VERDICT_COUNT, "each verdict has its word");

const struct framed_kind_ops *framed_kind(enum framed_kind kind)
{
    return kinds[kind];
}

static void free_typed(struct framed_typed *typed)
{
    if (!typed)
        return;
    for (size_t i = 0; i < typed->count; i++)
        framed_framing_free(typed->cases[i].framing);
    framed_framing_free(typed->fallback);
    free(typed);
}

void framed_framing_free(struct framed_framing *framing)
{
    if (!framing)
        return;
    if (framing->kind == FRAMED_KIND_TYPED)
        free_typed(framing->as.typed);
    if (framing->kind == FRAMED_KIND_CHUNKED)
        framed_framing_free(framing->as.chunked.fragment);
    framed_framing_free(framing->first);
    framed_framing_free(framing->reply);
    free(framing->greeting);
    free(framing);
}

/* The framings that FRAMING's own messages may come in as well. How many. */
static size_t within(const struct framed_framing *framing,
                     struct framed_framing *found[FRAMED_CASES_MAX + 2])
{
    size_t count = 0;

    if (framing->first)
        found[count++] = framing->first;
    if (framing->kind == FRAMED_KIND_CHUNKED)
        found[count++] = framing->as.chunked.fragment;
    if (framing->kind != FRAMED_KIND_TYPED)
        return count;
    if (framing->as.typed->fallback)
        found[count++] = framing->as.typed->fallback;
    for (size_t i = 0; i < framing->as.typed->count; i++)
        found[count++] = framing->as.typed->cases[i].framing;
    return count;
}

/* What max_message must be at least. */
static size_t least_max(const struct framed_framing *framing)
{
    struct framed_framing *found[FRAMED_CASES_MAX + 2];
    size_t count = within(framing, found);
    size_t least = framing->min_message ? framing->min_message : 1;

    if (framing->kind == FRAMED_KIND_FIXED && framing->as.fixed > least)
        least = framing->as.fixed;
    while (count-- > 0) {
        size_t other = least_max(found[count]);

        least = other > least ? other : least;
    }
    return least;
}

static size_t prefixed_max(const struct framed_framing *framing)
{
    uint64_t limit = framing->prefix ? framed_prefix_limit(framing->prefix) : 0;

    return limit < framing->max_message ? (size_t)limit : framing->max_message;
}

static void set_max(struct framed_framing *framing, size_t max_message)
{
    struct framed_framing *found[FRAMED_CASES_MAX + 2];
    size_t count = within(framing, found);

    framing->max_message = max_message;
    framing->prefixed_max = prefixed_max(framing);
    while (count-- > 0)
        set_max(found[count], max_message);
}

int framed_framing_set_max(struct framed_framing *framing, size_t max_message)
{
    if (max_message > FRAMED_MESSAGE_LIMIT || least_max(framing) > max_message)
        return -EINVAL;
    set_max(framing, max_message);
    /* What is too much for a request may still be what each reply is. */
    if (framing->reply) {
        size_t least = least_max(framing->reply);

        set_max(framing->reply, least > max_message ? least : max_message);
    }
    return 0;
}

const char *framed_framing_name(const struct framed_framing *framing)
{
    return framing->name;
}

size_t framed_framing_max(const struct framed_framing *framing)
{
    return framing->max_message;
}

const struct framed_framing *framed_framing_first(const struct framed_framing *framing)
{
    return framing->first;
}

const struct framed_framing *framed_framing_reply(const struct framed_framing *framing)
{
    return framing->reply;
}

struct framed_framing *framed_framing_take_reply(struct framed_framing *framing)
{
    struct framed_framing *reply = framing->reply;

    framing->reply = NULL;
    return reply;
}

const uint8_t *framed_framing_greeting(const struct framed_framing *framing, size_t *length)
{
    *length = framing->greeting_length;
    return framing->greeting;
}

bool framed_framing_ends_stream(const struct framed_framing *framing)
{
    return framing->kind == FRAMED_KIND_EOF;
}

bool framed_framing_hides_cuts(const struct framed_framing *framing)
{
    return framing->kind == FRAMED_KIND_EOF || framing->kind == FRAMED_KIND_RAW ||
           (framing->kind == FRAMED_KIND_DELIMITED && framing->as.delimited.eof);
}

bool framed_framing_discards(const struct framed_framing *framing)
{
    return framing->kind == FRAMED_KIND_DELIMITED && framing->as.delimited.discard;
}

bool framed_framing_decodes(const struct framed_framing *framing)
{
    return framing->kind != FRAMED_KIND_RAW;
}

/* What `zero` and `min` make of a message of LENGTH bytes. */
static int judge(const struct framed_framing *framing, size_t length)
{
    if (length == 0 && framing->zero != FRAMED_ZERO_DELIVER)
        return framing->zero == FRAMED_ZERO_SKIP ? FRAMED_SKIP : FRAMED_UNDERSIZE;
    return length < framing->min_message ? FRAMED_UNDERSIZE : FRAMED_OK;
}

/* Bytes of the message that came in earlier frames. */
static size_t assembled(const struct framed_framing *framing, const struct framed_decoder *decoder)
{
    return framing->kind == FRAMED_KIND_CHUNKED ? decoder->assembled : 0;
}

int framed_inner_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                        const uint8_t *data, size_t length, struct framed_frame *frame)
{
    size_t before = assembled(framing, decoder);
    int verdict = framing->decode(framing, decoder, data, length, frame);

    return verdict == FRAMED_OK ? judge(framing, before + frame->length) : verdict;
}

int framed_inner_decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                            const uint8_t *data, size_t length, struct framed_frame *frame)
{
    const struct framed_kind_ops *kind = kinds[framing->kind];
    size_t before = assembled(framing, decoder);
    int verdict = kind->decode_end ? kind->decode_end(framing, decoder, data, length, frame)
                                   : FRAMED_TRUNCATED;

    return verdict == FRAMED_OK ? judge(framing, before + frame->length) : verdict;
}

static inline const struct framed_framing *in_force(const struct framed_framing *framing,
                                                    const struct framed_decoder *decoder)
{
    return framing->first && !decoder->started ? framing->first : framing;
}

/* Whether a frame is over with VERDICT, and not only a part of a message. */
static inline bool is_over(int verdict, const struct framed_decoder *decoder)
{
    return verdict == FRAMED_OK || (verdict == FRAMED_SKIP && !decoder->within);
}

static __attribute__((noinline)) int decode_general(const struct framed_framing *framing,
                                                    struct framed_decoder *decoder,
                                                    const uint8_t *data, size_t length,
                                                    struct framed_frame *frame)
{
    int verdict = framed_inner_decode(in_force(framing, decoder), decoder, data, length, frame);

    if (is_over(verdict, decoder))
        decoder->started = true;
    return verdict;
}

int framed_decode(const struct framed_framing *framing, struct framed_decoder *decoder,
                  const uint8_t *data, size_t length, struct framed_frame *frame)
{
    if (__builtin_expect(framing->plain, 1))
        return framing->decode(framing, decoder, data, length, frame);
    return decode_general(framing, decoder, data, length, frame);
}

int framed_decode_end(const struct framed_framing *framing, struct framed_decoder *decoder,
                      const uint8_t *data, size_t length, struct framed_frame *frame)
{
    int verdict;

    if (length == 0)
        return decoder->within ? FRAMED_TRUNCATED : FRAMED_END;
    verdict = framed_inner_decode_end(in_force(framing, decoder), decoder, data, length, frame);
    if (is_over(verdict, decoder))
        decoder->started = true;
    return verdict;
}

/* An empty message that a decoder skips would not arrive. */
int framed_judge_encoding(const struct framed_framing *framing, size_t length)
{
    int verdict = judge(framing, length);

    return verdict == FRAMED_SKIP ? FRAMED_UNENCODABLE : verdict;
}

int framed_inner_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                        bool continued, struct framed_envelope *envelope)
{
    int verdict;

    if (length > framing->max_message)
        return FRAMED_OVERSIZE;
    verdict = continued ? FRAMED_OK : framed_judge_encoding(framing, length);
    if (verdict != FRAMED_OK)
        return verdict;
    return framing->encode(framing, payload, length, continued, envelope);
}

int framed_encode(const struct framed_framing *framing, const uint8_t *payload, size_t length,
                  bool continued, struct framed_envelope *envelope)
{
    return framed_inner_encode(framing, payload, length, continued, envelope);
}

const char *framed_verdict_word(int verdict)
{
    return verdict >= 0 && verdict < FRAMED_VERDICT_COUNT ? words[verdict] : "unknown";
}
