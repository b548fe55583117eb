#include "tools/source.h"

#include "tools/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE ((size_t)64 * 1024)

__attribute__((format(printf, 2, 3))) static enum source_result broken(struct source *source,
                                                                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(source->error, sizeof(source->error), format, arguments);
    va_end(arguments);
    return SOURCE_BROKEN;
}

/* Makes room for a read behind what is unused. 0 or -ENOMEM. */
static int make_room(struct source *source)
{
    size_t unused = source->end - source->start;
    size_t size = source->size ? source->size * 2 : READ_SIZE * 2;
    uint8_t *data;

    if (source->start > 0) {
        memmove(source->data, source->data + source->start, unused);
        source->start = 0;
        source->end = unused;
    }
    if (source->size - unused >= READ_SIZE)
        return 0;
    data = realloc(source->data, size);
    if (!data)
        return -ENOMEM;
    source->data = data;
    source->size = size;
    return 0;
}

/* One read(2). 0, also at the end, or a negative errno. */
static int read_some(struct source *source, int fd)
{
    int result = make_room(source);
    ssize_t got;

    if (result < 0)
        return result;
    do
        got = read(fd, source->data + source->end, source->size - source->end);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    source->end += (size_t)got;
    source->ended = got == 0;
    return 0;
}

static bool is_ready(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};

    return poll(&input, 1, 0) != 0;
}

/* A message from the next LENGTH unused bytes, and SKIP behind them. */
static enum source_result use(struct source *source, size_t length, size_t skip)
{
    source->message = source->data + source->start;
    source->length = length;
    source->start += length + skip;
    source->scanned = 0;
    return SOURCE_MESSAGE;
}

static enum source_result next_line(struct source *source, bool wait)
{
    for (;;) {
        size_t unused = source->end - source->start;
        size_t unseen = unused - source->scanned;
        const uint8_t *lf = NULL;
        int result;

        if (unseen > 0)
            lf = memchr(source->data + source->end - unseen, '\n', unseen);
        if (lf)
            return use(source, (size_t)(lf - source->data) - source->start, 1);
        source->scanned = unused;
        if (source->ended)
            return unused > 0 ? use(source, unused, 0) : SOURCE_END;
        if (!wait && !is_ready(STDIN_FILENO))
            return SOURCE_WAIT;
        result = read_some(source, STDIN_FILENO);
        if (result < 0)
            return broken(source, "standard input: %s", strerror(-result));
    }
}

static enum source_result next_hex(struct source *source, bool wait)
{
    enum source_result result = next_line(source, wait);
    uint8_t *bytes;
    size_t bad;
    ssize_t length;

    if (result != SOURCE_MESSAGE)
        return result;
    source->line++;
    bytes = source->data + (source->message - source->data); /* in place: they are fewer */
    length = hex_decode((const char *)source->message, source->length, bytes, &bad);
    if (length >= 0) {
        source->length = (size_t)length;
        return SOURCE_MESSAGE;
    }
    if (bad == source->length)
        return broken(source, "line %llu: the last hexadecimal digit has no partner",
                      (unsigned long long)source->line);
    return broken(source,
                  "line %llu, column %zu: found byte 0x%02x, allowed: pairs of hexadecimal digits",
                  (unsigned long long)source->line, bad + 1, source->message[bad]);
}

static enum source_result next_file(struct source *source)
{
    const char *name;
    bool standard;
    int result = 0;
    int fd;

    if (source->next_file == source->file_count)
        return SOURCE_END;
    name = source->files[source->next_file++];
    standard = strcmp(name, "-") == 0;
    fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return broken(source, "%s: %s", name, strerror(errno));
    source->start = source->end = 0;
    source->ended = false;
    while (result == 0 && !source->ended)
        result = read_some(source, fd);
    if (!standard)
        close(fd);
    if (result < 0)
        return broken(source, "%s: %s", standard ? "standard input" : name, strerror(-result));
    return use(source, source->end, 0);
}

enum source_result source_next(struct source *source, bool wait, const uint8_t **data,
                               size_t *length)
{
    if (source->left == 0) {
        enum source_result result = source->file_count ? next_file(source)
                                    : source->hex      ? next_hex(source, wait)
                                                       : next_line(source, wait);

        if (result != SOURCE_MESSAGE)
            return result;
        source->left = source->count;
    }
    source->left--;
    *data = source->message;
    *length = source->length;
    return SOURCE_MESSAGE;
}

void source_deinit(struct source *source)
{
    free(source->data);
    source->data = NULL;
}
