#include "try/samples.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sample is a number between these. */
static const struct {
    const char *name;
    const char *before;
    const char *after;
} kinds[SAMPLE_COUNT] = {
    [SAMPLE_GIVEN] = {"what was given", "", ""},   [SAMPLE_WORD] = {"a word", "framed-", ""},
    [SAMPLE_JSON] = {"JSON", "{\"framed\":", "}"}, [SAMPLE_NUMBER] = {"a number", "4", ""},
    [SAMPLE_EMPTY] = {"an empty message", "", ""},
};

const char *sample_name(enum sample_kind kind)
{
    return kinds[kind].name;
}

bool sample_applies(const struct try_options *options, enum sample_kind kind)
{
    return (kind == SAMPLE_GIVEN) == (options->message_count > 0);
}

struct iovec sample_make(const struct try_options *options, enum sample_kind kind, unsigned index,
                         char text[SAMPLE_SIZE])
{
    struct iovec made = {.iov_base = text};

    if (kind == SAMPLE_GIVEN)
        return options->messages[index % options->message_count];
    if (kind != SAMPLE_EMPTY)
        made.iov_len = (size_t)snprintf(text, SAMPLE_SIZE, "%s%u%s", kinds[kind].before, index,
                                        kinds[kind].after);
    return made;
}

/* Of what the user has given, the first byte must do. */
static enum sample_kind guess(const struct iovec *message)
{
    const char *text = message->iov_base;

    if (message->iov_len > 0 && strchr("{[\"", text[0]))
        return SAMPLE_JSON;
    return message->iov_len > 0 && isdigit((unsigned char)text[0]) ? SAMPLE_NUMBER : SAMPLE_WORD;
}

char *sample_large(const struct try_options *options, enum sample_kind kind, size_t length)
{
    char *text = malloc(length);

    if (kind == SAMPLE_GIVEN)
        kind = guess(&options->messages[0]);
    if (!text)
        return NULL;
    memset(text, kind == SAMPLE_NUMBER ? '1' : 'x', length);
    if (kind == SAMPLE_JSON && length >= 2)
        text[0] = text[length - 1] = '"';
    return text;
}

size_t sample_bytes(enum handler_codec codec, char bytes[256])
{
    size_t count = 0;

    for (int byte = 0; byte < 256; byte++)
        if (byte != '\n' || codec != CODEC_LINE)
            bytes[count++] = (char)byte;
    return count;
}
