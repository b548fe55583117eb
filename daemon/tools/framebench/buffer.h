/* Bytes in a row that grow at the end and are taken at the front. */
#ifndef FRAMED_TOOLS_FRAMEBENCH_BUFFER_H
#define FRAMED_TOOLS_FRAMEBENCH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data; /* bytes start..start+length are held */
    size_t start;
    size_t length;
    size_t size;
};

/* Room for SIZE bytes behind those that are held: where to write them. Ends the program without
 * memory: there is nothing sensible to measure then. */
uint8_t *buffer_reserve(struct buffer *buffer, size_t size);

/* The bytes that are held. */
static inline uint8_t *buffer_bytes(const struct buffer *buffer)
{
    return buffer->data + buffer->start;
}

/* SIZE bytes were written behind those that are held. */
static inline void buffer_added(struct buffer *buffer, size_t size)
{
    buffer->length += size;
}

/* The first SIZE bytes are done with. */
static inline void buffer_take(struct buffer *buffer, size_t size)
{
    buffer->length -= size;
    buffer->start = buffer->length == 0 ? 0 : buffer->start + size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_clear(struct buffer *buffer);
void buffer_deinit(struct buffer *buffer);

#endif
