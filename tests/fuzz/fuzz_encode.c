/*
 * Fuzz target (libFuzzer): the encoders. A framing (1 byte), max_message less one (1 byte), a cut
 * pattern (1 byte), then a payload: what can be written is read as the one message that it was,
 * whatever the cuts.
 */
#include "framings.h"

#define SETTINGS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framed_framing *framing;

    if (size < SETTINGS || size > SETTINGS + STREAM_MAX)
        return 0;
    framing = chosen_framing(data[0], (data[1] + (size_t)1) * 4);
    if (framing && framed_framing_decodes(framing))
        check_payload(framing, data[2], data + SETTINGS, size - SETTINGS);
    framed_framing_free(framing);
    return 0;
}
