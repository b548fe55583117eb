/* See log.h. A line is put together in one buffer on the stack and leaves in one write(2). */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Longer lines are cut: up to PIPE_BUF bytes a write is not split by those of other processes. */
#define LINE_SIZE PIPE_BUF
/* A field begins only with this much room left, and a value ends with this much: enough to close
 * what is open, so that a line that was cut is still well formed. */
#define FIELD_ROOM 64
#define VALUE_ROOM 16

struct line {
    char text[LINE_SIZE];
    size_t length;
};

static struct {
    enum log_target target;
    enum log_format format;
    int level;
    int fd;
    char *file;
    bool journal; /* standard error is the journal: priorities, no times */
    bool socket;  /* standard error is a socket */
    char service[64];
    int slot;
    unsigned lost; /* lines that nobody took */
} sink = {.target = LOG_TARGET_STDERR, .level = LOG_INFO, .fd = STDERR_FILENO, .slot = -1};

static const char *const level_names[] = {
    [LOG_EMERG] = "emergency", [LOG_ALERT] = "alert",     [LOG_CRIT] = "critical",
    [LOG_ERR] = "error",       [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
    [LOG_INFO] = "info",       [LOG_DEBUG] = "debug",
};

__attribute__((format(printf, 2, 3))) static void append(struct line *line, const char *format, ...)
{
    size_t room = sizeof(line->text) - line->length;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void append_byte(struct line *line, char byte)
{
    if (line->length < sizeof(line->text) - 1)
        line->text[line->length++] = byte;
}

/* Text between quotes: both formats escape the same bytes, JSON by its own names. */
static void append_quoted(struct line *line, const char *text, size_t length)
{
    bool json = sink.format == LOG_FORMAT_JSON;

    append_byte(line, '"');
    for (size_t i = 0; i < length && line->length < LINE_SIZE - VALUE_ROOM; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (byte == '"' || byte == '\\')
            append(line, "\\%c", byte);
        else if (byte == '\n')
            append(line, "\\n");
        else if (byte >= 0x20 && byte < 0x7f)
            append_byte(line, (char)byte);
        else
            append(line, json ? "\\u%04x" : "\\x%02x", byte);
    }
    append_byte(line, '"');
}

static bool is_plain(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] <= ' ' || text[i] == '"' || text[i] == '\\' || text[i] == '=' || text[i] > '~')
            return false;
    return length > 0;
}

static void append_field(struct line *line, const struct log_field *field)
{
    size_t length = field->length;

    if (field->kind == LOG_KIND_STRING) {
        if (!field->value.string)
            return;
        length = strlen(field->value.string);
    }
    if (line->length + strlen(field->key) > LINE_SIZE - FIELD_ROOM)
        return;
    append(line, sink.format == LOG_FORMAT_JSON ? ",\"%s\":" : " %s=", field->key);
    if (field->kind == LOG_KIND_INTEGER)
        append(line, "%lld", (long long)field->value.integer);
    else if (sink.format == LOG_FORMAT_TEXT && length < LINE_SIZE - line->length - VALUE_ROOM &&
             is_plain(field->value.string, length))
        append(line, "%.*s", (int)length, field->value.string);
    else
        append_quoted(line, field->value.string, length);
}

static void append_time(struct line *line)
{
    struct timespec now;
    struct tm utc;
    char text[32];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    append(line, sink.format == LOG_FORMAT_JSON ? "\"time\":\"%s.%03ldZ\"," : "time=%s.%03ldZ ",
           text, now.tv_nsec / 1000000);
}

/* What comes before the caller's fields. syslog and the journal know time and level themselves. */
static void append_start(struct line *line, int level, const char *event)
{
    bool json = sink.format == LOG_FORMAT_JSON;

    if (sink.journal)
        append(line, "<%d>", level);
    if (json)
        append_byte(line, '{');
    if (!sink.journal && sink.target != LOG_TARGET_SYSLOG)
        append_time(line);
    append(line, json ? "\"level\":\"%s\",\"event\":\"%s\"" : "level=%s event=%s",
           level_names[level], event);
    if (sink.service[0])
        append_field(line, &LOG_STR("service", sink.service));
    if (sink.slot >= 0)
        append_field(line, &LOG_INT("slot", sink.slot));
}

/* A line that is not taken at once is counted, and the next line says how many were lost. */
static void put(const struct line *line)
{
    ssize_t written = sink.socket
                          ? send(sink.fd, line->text, line->length, MSG_DONTWAIT | MSG_NOSIGNAL)
                          : write(sink.fd, line->text, line->length);

    sink.lost = written < 0 ? sink.lost + 1 : 0;
}

void log_write(int level, const char *event, const struct log_field *fields)
{
    struct line line = {.length = 0};
    int saved_errno = errno;

    if (level > sink.level)
        return;
    append_start(&line, level, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        append_field(&line, fields);
    if (sink.lost > 0)
        append_field(&line, &LOG_INT("lost_lines", sink.lost));
    if (sink.format == LOG_FORMAT_JSON)
        append_byte(&line, '}');
    if (sink.target == LOG_TARGET_SYSLOG) {
        line.text[line.length] = '\0';
        syslog(level, "%s", line.text);
    } else {
        append_byte(&line, '\n');
        put(&line);
    }
    errno = saved_errno;
}

bool log_enabled(int level)
{
    return level <= sink.level;
}

/* systemd names the journal's stream in the environment, as device and inode of our stderr. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(stream, ours) == 0;
}

static int open_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    return fd < 0 ? -errno : fd;
}

/*
 * Nobody may be stopped by the reader of a log: not by a full pipe, not by a terminal that was told
 * to wait. Standard error is shared with whoever started us, and must stay as it is for them; so a
 * pipe or a terminal is opened once more, for us alone, without blocking.
 */
static int open_stderr(void)
{
    struct stat status;
    int fd = -1;

    /* Once we are somebody else it could not be opened any more. */
    if (sink.target == LOG_TARGET_STDERR && sink.fd > STDERR_FILENO)
        return sink.fd;
    if (fstat(STDERR_FILENO, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)))
        fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? STDERR_FILENO : fd;
}

static bool is_socket(int fd)
{
    struct stat status;

    return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static void use_descriptor(int fd)
{
    if (sink.fd > STDERR_FILENO && sink.fd != fd)
        close(sink.fd);
    sink.fd = fd;
}

int log_open(const struct log_settings *settings)
{
    bool to_file = settings->target == LOG_TARGET_FILE;
    char *file = to_file ? strdup(settings->file) : NULL;
    int fd;

    if (to_file)
        fd = file ? open_file(file) : -ENOMEM;
    else
        fd = open_stderr();
    if (fd < 0) {
        free(file);
        return fd;
    }
    use_descriptor(fd);
    free(sink.file);
    sink.file = file;
    sink.target = settings->target;
    sink.format = settings->format;
    sink.level = settings->level;
    sink.journal = sink.target == LOG_TARGET_STDERR && stderr_is_journal();
    sink.socket = is_socket(fd);
    if (sink.target == LOG_TARGET_SYSLOG)
        openlog("framed", LOG_PID | LOG_NDELAY, LOG_DAEMON);
    return 0;
}

void log_change(const struct log_settings *settings)
{
    int result = log_open(settings);

    if (result < 0)
        log_error("log-open", LOG_STR("file", settings->file), LOG_ERRNO(result));
}

int log_reopen(void)
{
    int fd;

    if (sink.target != LOG_TARGET_FILE)
        return 0;
    fd = open_file(sink.file);
    if (fd < 0)
        return fd;
    use_descriptor(fd);
    return 0;
}

void log_set_identity(const char *service, int slot)
{
    snprintf(sink.service, sizeof(sink.service), "%s", service ? service : "");
    sink.slot = slot;
}

int log_descriptor(void)
{
    return sink.fd > STDERR_FILENO ? sink.fd : -1;
}

const char *log_errno_text(int error)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);

    return text ? text : "unknown error";
}
