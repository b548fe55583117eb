/*
 * Fuzz target (libFuzzer): what a handler of the codec record writes. Most bytes of a body (2
 * bytes), then the stream. Cut anywhere, it is the same records, and the same end.
 */
#include "handler/record/wire.h"
#include "require.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS 2

/* The size of the first record of what is a buffer of its own, so that reading too far is seen. */
static ssize_t parse(const uint8_t *bytes, size_t length, size_t max, struct wire_record *record)
{
    uint8_t *copy = malloc(length + 1);
    const char *reason = NULL;
    ssize_t size;

    EXPECT(copy);
    if (length > 0)
        memcpy(copy, bytes, length);
    size = wire_parse(copy, length, max, record, &reason);
    EXPECT(size >= 0 || (size == -EPROTO && reason));
    EXPECT(size <= (ssize_t)length);
    if (size > 0) {
        EXPECT(record->body == copy + WIRE_HEAD && record->length == (size_t)size - WIRE_HEAD);
        EXPECT(record->length <= (max > WIRE_TEXT_MAX ? max : WIRE_TEXT_MAX));
    }
    free(copy);
    return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_record record, part;
    size_t max;
    ssize_t found;

    if (size < SETTINGS)
        return 0;
    max = (size_t)data[0] << 8 | data[1];
    data += SETTINGS;
    size -= SETTINGS;
    while ((found = parse(data, size, max, &record)) > 0) {
        uint8_t head[WIRE_HEAD];

        wire_put_head(&record, head);
        EXPECT(memcmp(head, data, WIRE_HEAD) == 0);
        for (ssize_t cut = 0; cut < found; cut += cut < WIRE_HEAD + 2 ? 1 : 97)
            EXPECT(parse(data, (size_t)cut, max, &part) == 0);
        data += found;
        size -= (size_t)found;
    }
    return 0;
}
