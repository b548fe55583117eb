/*
 * Fuzz target (libFuzzer): the decoders on any bytes, in any cuts.
 *
 * The input is a framing (1 byte), max_message less one (1 byte), a cut pattern (1 byte), then the
 * stream. What must hold, whatever the bytes, is in unit/framing_support.h: a frame lies inside
 * what was given, a need is more than that and never more than the largest message takes. Cuts
 * change nothing. Each call gets a heap block of exactly its length, so that AddressSanitizer sees
 * a read behind it.
 */
#include "framings.h"

#define SETTINGS 3
/* So that the harness has room for all messages of a stream: each has a byte at least. */
#define INPUT_MAX (SETTINGS + SEEN_MAX - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framed_framing *framing;

    if (size < SETTINGS || size > INPUT_MAX)
        return 0;
    framing = chosen_framing(data[0], data[1] + (size_t)1);
    if (framing && framed_framing_decodes(framing))
        check_cuts(framing, data[2], data + SETTINGS, size - SETTINGS);
    framed_framing_free(framing);
    return 0;
}
