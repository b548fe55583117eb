/*
 * Fuzz target (libFuzzer): the text of a framing, and what it stands for. The input is a text up to
 * a line feed, then bytes. Any text is refused with a message or makes a framing; that one decodes
 * the bytes, and reads what it writes of them.
 */
#include "framings.h"

#define TEXT_MAX 200
#define BYTES_MAX (SEEN_MAX - 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    struct framed_framing *framing = NULL;
    char text[TEXT_MAX + 1];
    char error[512] = "";
    int result;

    if (length > TEXT_MAX || size - length > BYTES_MAX)
        return 0;
    if (length)
        memcpy(text, data, length);
    text[length] = '\0';
    result = framed_framing_parse(text, NULL, &framing, error, sizeof(error));
    EXPECT(result == 0 || error[0]);
    if (result == 0 && framed_framing_set_max(framing, 40) == 0 &&
        framed_framing_decodes(framing)) {
        data += length + (end != NULL);
        size -= length + (end != NULL);
        check_cuts(framing, (uint32_t)length, data, size);
        check_payload(framing, (uint32_t)length, data, size);
    }
    framed_framing_free(framing);
    return 0;
}
