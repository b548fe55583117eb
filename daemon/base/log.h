/*
 * The log: one line for each event, as key=value text or as JSON, to standard error, a file or
 * syslog. Every process of framed writes for itself, each line with one write(2), so lines never
 * mix. A full disk or a closed reader loses lines, and never stops a process.
 *
 *     log_info("listen", LOG_STR("service", name), LOG_STR("address", text));
 *
 * writes `time=… level=info event=listen service=echo address=tcp:127.0.0.1:7000`. Fields set by
 * log_set_identity() (service, slot) come before those of the call.
 */
#ifndef FRAMED_BASE_LOG_H
#define FRAMED_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

enum log_kind {
    LOG_KIND_END,
    LOG_KIND_STRING,
    LOG_KIND_BYTES,
    LOG_KIND_INTEGER
};

struct log_field {
    const char *key;
    enum log_kind kind;
    size_t length;
    union {
        const char *string;
        int64_t integer;
    } value;
};

/* A string (NULL: the field is left out), bytes that may be anything, an integer. */
#define LOG_STR(k, s) ((struct log_field){.key = (k), .kind = LOG_KIND_STRING, .value.string = (s)})
#define LOG_BYTES(k, p, n)                                                                         \
    ((struct log_field){                                                                           \
        .key = (k), .kind = LOG_KIND_BYTES, .length = (n), .value.string = (const char *)(p)})
#define LOG_INT(k, i)                                                                              \
    ((struct log_field){.key = (k), .kind = LOG_KIND_INTEGER, .value.integer = (int64_t)(i)})
/* An errno, positive or negative, as its text: error="Connection reset by peer". */
#define LOG_ERRNO(e) LOG_STR("error", log_errno_text(e))

#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.kind = LOG_KIND_END}})

#define log_error(event, ...) log_write(LOG_ERR, (event), LOG_FIELDS(__VA_ARGS__))
#define log_warning(event, ...) log_write(LOG_WARNING, (event), LOG_FIELDS(__VA_ARGS__))
#define log_notice(event, ...) log_write(LOG_NOTICE, (event), LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...) log_write(LOG_INFO, (event), LOG_FIELDS(__VA_ARGS__))
#define log_debug(event, ...) log_write(LOG_DEBUG, (event), LOG_FIELDS(__VA_ARGS__))

enum log_target {
    LOG_TARGET_STDERR,
    LOG_TARGET_FILE,
    LOG_TARGET_SYSLOG
};

enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON
};

/* Where and how to write; the strings are copied. */
struct log_settings {
    enum log_target target;
    enum log_format format;
    int level; /* syslog level: less urgent events are dropped */
    const char *file;
};

/*
 * Opens the log as WANTED says. 0, or a negative errno: the log then goes on as it was. Before the
 * first call the log goes to standard error as text.
 */
int log_open(const struct log_settings *wanted);

/* As log_open(), for when there is a log to tell of a failure. */
void log_change(const struct log_settings *wanted);

/* Where that is, in words: a file's name, "stderr" … */
const char *log_target_text(const struct log_settings *wanted);

/* Opens the file anew (after a rotation). 0, or a negative errno: the log then goes on as it was.
 */
int log_reopen(void);

/* Fields that every line of this process has from now on: SERVICE (NULL: none), SLOT (-1: none). */
void log_set_identity(const char *service, int slot);

/* Writes one event; use the macros. FIELDS end with LOG_KIND_END. */
void log_write(int level, const char *event, const struct log_field *fields);

/* Whether an event of LEVEL would be written. */
bool log_enabled(int level);

/* The text of an errno of either sign; static storage. */
const char *log_errno_text(int error);

#endif
