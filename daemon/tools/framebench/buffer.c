#include "tools/framebench/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *buffer_reserve(struct buffer *buffer, size_t size)
{
    if (buffer->start > 0 && buffer->size - buffer->start - buffer->length < size) {
        memmove(buffer->data, buffer_bytes(buffer), buffer->length);
        buffer->start = 0;
    }
    if (buffer->size - buffer->length < size) {
        size_t wanted = buffer->length + size;
        uint8_t *data = realloc(buffer->data, wanted);

        if (!data) {
            fprintf(stderr, "framebench: no memory for a message of %zu bytes\n", wanted);
            exit(EXIT_FAILURE);
        }
        buffer->data = data;
        buffer->size = wanted;
    }
    return buffer_bytes(buffer) + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(buffer, size), data, size);
    buffer_added(buffer, size);
}

void buffer_clear(struct buffer *buffer)
{
    buffer->start = buffer->length = 0;
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.data = NULL};
}
