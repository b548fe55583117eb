#include "handler/stderr_log.h"

#include "base/clock.h"
#include "base/log.h"
#include "handler/printable.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_SIZE 16384
#define LINES_PER_SECOND 20

void stderr_log_init(struct stderr_log *log)
{
    log->length = 0;
    log->cut = false;
    log->tail_length = 0;
}

static void tell_suppressed(struct stderr_log *log, pid_t pid)
{
    unsigned suppressed = limiter_take(&log->limiter);

    if (suppressed > 0)
        log_warning("handler-stderr", LOG_INT("handler_pid", pid),
                    LOG_INT("suppressed_lines", suppressed));
}

static void end_line(struct stderr_log *log, pid_t pid)
{
    if (limiter_pass(&log->limiter, LINES_PER_SECOND, clock_coarse_ms())) {
        tell_suppressed(log, pid);
        log_notice("handler-stderr", LOG_INT("handler_pid", pid),
                   LOG_BYTES("text", log->line, log->length),
                   LOG_STR("cut", log->cut ? "yes" : NULL));
    }
    log->length = 0;
    log->cut = false;
}

static void add(struct stderr_log *log, const char *text, size_t length)
{
    size_t room = sizeof(log->line) - log->length;

    if (length > room) {
        length = room;
        log->cut = true;
    }
    memcpy(log->line + log->length, text, length);
    log->length += length;
}

/* The last bytes of all that was said. */
static void keep_tail(struct stderr_log *log, const char *text, size_t length)
{
    size_t keep;

    if (length > sizeof(log->tail)) {
        text += length - sizeof(log->tail);
        length = sizeof(log->tail);
    }
    keep = sizeof(log->tail) - length;
    if (keep > log->tail_length)
        keep = log->tail_length;
    memmove(log->tail, log->tail + log->tail_length - keep, keep);
    memcpy(log->tail + keep, text, length);
    log->tail_length = keep + length;
}

ssize_t stderr_log_read(struct stderr_log *log, int fd, pid_t pid)
{
    char text[READ_SIZE];
    ssize_t got = read(fd, text, sizeof(text));
    const char *at = text;

    if (got <= 0)
        return got < 0 ? -errno : 0;
    keep_tail(log, text, (size_t)got);
    for (const char *end = text + got; at < end;) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));

        add(log, at, (size_t)((feed ? feed : end) - at));
        if (!feed)
            break;
        end_line(log, pid);
        at = feed + 1;
    }
    return got;
}

void stderr_log_finish(struct stderr_log *log, pid_t pid)
{
    if (log->length > 0)
        end_line(log, pid);
    tell_suppressed(log, pid);
}

void stderr_log_last(const struct stderr_log *log, char *text, size_t size)
{
    size_t length = log->tail_length;

    while (length > 0 && log->tail[length - 1] == '\n')
        length--;
    printable(log->tail, length, text, size);
}
