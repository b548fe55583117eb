/*
 * A handler's stderr: drained always, for a full pipe would stop the handler; cut into lines of
 * bounded length, of which a bounded number a second is logged.
 */
#ifndef FRAMED_HANDLER_STDERR_LOG_H
#define FRAMED_HANDLER_STDERR_LOG_H

#include "handler/limiter.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Longer lines are cut: with every byte escaped this still fits one line of the log. */
#define STDERR_LINE_MAX 800
/* Bytes that are kept to tell why a handler did not start. */
#define STDERR_TAIL_SIZE 240

struct stderr_log {
    struct limiter limiter;
    char line[STDERR_LINE_MAX];
    size_t length;
    bool cut; /* the line was longer; its rest is skipped */
    char tail[STDERR_TAIL_SIZE];
    size_t tail_length;
};

/* Forgets what the process before has said. */
void stderr_log_init(struct stderr_log *log);

/*
 * Reads once from FD, the non-blocking stderr of process PID, and logs the lines. The bytes read,
 * 0 at the end, or a negative errno.
 */
ssize_t stderr_log_read(struct stderr_log *log, int fd, pid_t pid);

/* Logs what is left: a line without end, and how many lines were suppressed. */
void stderr_log_finish(struct stderr_log *log, pid_t pid);

/* Writes its last words as one printable line into TEXT; empty when it said nothing. */
void stderr_log_last(const struct stderr_log *log, char *text, size_t size);

#endif
