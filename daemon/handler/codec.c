#include "handler/codec.h"

/* A CR is payload here: what a client sends comes to the handler byte for byte, and back. */
static const char *const framings[] = {
    [CODEC_LINE] = "line,strip_cr=no",
    [CODEC_FRAME] = "u32be",
};

int codec_init(struct codec *codec, const struct service_config *service, char *error, size_t size)
{
    const char *text = framings[service->handler.codec];
    struct codec made = {0};
    int result = framed_framing_parse(text, NULL, &made.request, error, size);

    if (result == 0)
        result = framed_framing_parse(text, NULL, &made.reply, error, size);
    if (result == 0)
        result = framed_framing_set_max(made.request, service->limits.max_message);
    if (result == 0)
        result = framed_framing_set_max(made.reply, service->limits.max_reply);
    if (result == 0)
        *codec = made;
    else
        codec_deinit(&made);
    return result;
}

void codec_deinit(struct codec *codec)
{
    framed_framing_free(codec->request);
    framed_framing_free(codec->reply);
    *codec = (struct codec){0};
}
