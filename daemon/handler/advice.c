#include "handler/advice.h"

#include "handler/buffering.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Bytes of output that would be a length, were they not text. */
#define HEAD 4

const char *advice_on_output(enum handler_codec codec)
{
    return codec == CODEC_RECORD ? "standard output is for records only (framed-record(5)); what "
                                   "is for people goes to standard error, or into LOG"
                                 : "standard output is for replies, one for each message; what is "
                                   "for people goes to standard error";
}

static bool is_mute(const struct fault *fault)
{
    return fault->outcome == HANDLER_TIMEOUT && fault->coprocess->received == 0;
}

static void advise_mute(const struct fault *fault, char text[ADVICE_SIZE])
{
    static const char start[] =
        "it has printed nothing since its start, so it probably buffers its output: ";

    memcpy(text, start, sizeof(start));
    buffering_advise(fault->service->handler.command, text + sizeof(start) - 1,
                     ADVICE_SIZE - sizeof(start) + 1);
}

static bool is_slow(const struct fault *fault)
{
    return fault->outcome == HANDLER_TIMEOUT && fault->service->deadlines.request_ms > 0;
}

static void advise_slow(const struct fault *fault, char text[ADVICE_SIZE])
{
    snprintf(text, ADVICE_SIZE, "if it needs longer: deadlines.request, now %" PRIu64 " ms",
             fault->service->deadlines.request_ms);
}

/* With a length before each reply, text is a huge one. */
static bool is_text(const struct fault *fault)
{
    const struct coprocess *coprocess = fault->coprocess;
    bool text = fault->outcome == HANDLER_PROTOCOL && coprocess->length >= HEAD &&
                fault->service->handler.codec == CODEC_FRAME;

    for (size_t i = 0; text && i < HEAD; i++)
        text = isprint(coprocess->output[i]) || isspace(coprocess->output[i]);
    return text;
}

static void advise_text(const struct fault *fault, char text[ADVICE_SIZE])
{
    (void)fault;
    snprintf(text, ADVICE_SIZE,
             "its output is text without a length before it: a program for codec = line? What is "
             "for people goes to standard error");
}

static bool is_large(const struct fault *fault)
{
    return fault->outcome == HANDLER_PROTOCOL && strcmp(fault->reason, COPROCESS_TOO_LARGE) == 0;
}

static void advise_large(const struct fault *fault, char text[ADVICE_SIZE])
{
    snprintf(text, ADVICE_SIZE, "if that is right: limits.max_reply, now %" PRIu64 " bytes",
             fault->service->limits.max_reply);
}

static bool is_output(const struct fault *fault)
{
    return fault->outcome == HANDLER_PROTOCOL && fault->coprocess->length > 0;
}

static void advise_output(const struct fault *fault, char text[ADVICE_SIZE])
{
    snprintf(text, ADVICE_SIZE, "%s", advice_on_output(fault->service->handler.codec));
}

static bool is_done(const struct fault *fault)
{
    return fault->outcome == HANDLER_DIED && strcmp(fault->status, "exit status 0") == 0;
}

static void advise_done(const struct fault *fault, char text[ADVICE_SIZE])
{
    (void)fault;
    snprintf(text, ADVICE_SIZE,
             "it ended as if it had done its work: a handler goes on with the next message until "
             "the end of its input");
}

/* The first that fits. */
static const struct {
    bool (*fits)(const struct fault *fault);
    void (*advise)(const struct fault *fault, char text[ADVICE_SIZE]);
} advice[] = {
    {is_mute, advise_mute},   {is_slow, advise_slow},     {is_text, advise_text},
    {is_large, advise_large}, {is_output, advise_output}, {is_done, advise_done},
};

bool advice_give(const struct fault *fault, char text[ADVICE_SIZE])
{
    for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
        if (advice[i].fits(fault)) {
            advice[i].advise(fault, text);
            return true;
        }
    return false;
}
