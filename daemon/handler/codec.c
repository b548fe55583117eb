#include "handler/codec.h"

static const char *const framings[] = {
    [CODEC_LINE] = "line",
    [CODEC_FRAME] = "u32be",
};

int codec_init(struct codec *codec, const struct service_config *service, char *error, size_t size)
{
    struct codec made;
    int result = framed_framing_parse(framings[service->handler.codec], &made.request, error, size);

    if (result < 0)
        return result;
    /* A CR is payload here: what a client sends comes to the handler byte for byte, and back. */
    made.request.strip_cr = false;
    made.reply = made.request;
    result = framed_framing_set_max(&made.request, service->limits.max_message);
    if (result == 0)
        result = framed_framing_set_max(&made.reply, service->limits.max_reply);
    if (result == 0)
        *codec = made;
    return result;
}
