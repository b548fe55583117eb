/* Connections that take turns with one set of buffers. */
#include <framed/conn.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Less is copied; more takes its buffer along, unless that is far larger. */
#define COPIED_MAX ((size_t)4 * 1024)
#define MOST_SLACK 8

static size_t in_use(const struct framed_buffer *buffer)
{
    return buffer->end - buffer->start;
}

static int keep_copy(const struct framed_buffer *input, struct framed_buffer *kept)
{
    const size_t length = in_use(input);
    uint8_t *data = malloc(length);

    if (!data)
        return -ENOMEM;
    memcpy(data, input->data + input->start, length);
    *kept = (struct framed_buffer){.data = data, .end = length, .size = length};
    return 0;
}

static int keep_buffer(struct framed_buffer *input, struct framed_buffer *kept)
{
    uint8_t *data = malloc(FRAMED_CONN_INPUT_SIZE);

    if (!data)
        return -ENOMEM;
    *kept = *input;
    *input = (struct framed_buffer){.data = data, .size = FRAMED_CONN_INPUT_SIZE};
    return 0;
}

static int keep(struct framed_buffer *input, struct framed_buffer *kept)
{
    const size_t length = in_use(input);

    *kept = (struct framed_buffer){0};
    if (length == 0)
        return 0;
    if (length <= COPIED_MAX || input->size / MOST_SLACK > length)
        return keep_copy(input, kept);
    return keep_buffer(input, kept);
}

int framed_conn_park(struct framed_conn *conn, struct framed_parked *parked)
{
    struct framed_buffer kept;
    int result = keep(&conn->input, &kept);

    if (result < 0)
        return result;
    *parked = (struct framed_parked){
        .decoder = conn->decoder,
        .unread = kept,
        .assembled = conn->assembled,
        .gap = conn->gap,
        .need = conn->need,
    };
    framed_conn_detach(conn);
    return 0;
}

void framed_conn_unpark(struct framed_conn *conn, int fd, struct framed_parked *parked)
{
    const size_t length = in_use(&parked->unread);

    framed_conn_attach(conn, fd);
    conn->decoder = parked->decoder;
    conn->assembled = parked->assembled;
    conn->gap = parked->gap;
    conn->need = parked->need;
    if (length > conn->input.size) {
        free(conn->input.data);
        conn->input = parked->unread;
        parked->unread.data = NULL;
    } else if (length > 0) {
        memcpy(conn->input.data, parked->unread.data + parked->unread.start, length);
        conn->input.end = length;
    }
    framed_parked_free(parked);
}

void framed_parked_free(struct framed_parked *parked)
{
    free(parked->unread.data);
    *parked = (struct framed_parked){0};
}
