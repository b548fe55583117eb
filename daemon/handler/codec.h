/* Codecs: what a co-process speaks on its pipes, whatever framing its clients speak. */
#ifndef FRAMED_HANDLER_CODEC_H
#define FRAMED_HANDLER_CODEC_H

#include "config/config.h"

struct codec {
    struct framed_framing *request;
    struct framed_framing *reply;
};

/* Fills CODEC with the limits of SERVICE. 0, or a negative errno with a message in ERROR. */
int codec_init(struct codec *codec, const struct service_config *service, char *error, size_t size);
void codec_deinit(struct codec *codec);

#endif
