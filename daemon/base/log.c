/* See log.h. A line is put together in one buffer on the stack and leaves at once (settings.h). */
#include "base/log.h"

#include "base/sink.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
    enum log_format format;
    int level;
    char service[64];
    int slot;
    unsigned lost; /* lines that nobody took */
} settings = {.level = LOG_INFO, .slot = -1};

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
    bool json = settings.format == LOG_FORMAT_JSON;

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
    append(line, settings.format == LOG_FORMAT_JSON ? ",\"%s\":" : " %s=", field->key);
    if (field->kind == LOG_KIND_INTEGER)
        append(line, "%lld", (long long)field->value.integer);
    else if (settings.format == LOG_FORMAT_TEXT && length < LINE_SIZE - line->length - VALUE_ROOM &&
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
    append(line, settings.format == LOG_FORMAT_JSON ? "\"time\":\"%s.%03ldZ\"," : "time=%s.%03ldZ ",
           text, now.tv_nsec / 1000000);
}

/* What comes before the caller's fields. syslog and the journal know time and level themselves. */
static void append_start(struct line *line, int level, const char *event)
{
    bool json = settings.format == LOG_FORMAT_JSON;

    if (sink_is_journal())
        append(line, "<%d>", level);
    if (json)
        append_byte(line, '{');
    if (!sink_is_journal() && sink_target() != LOG_TARGET_SYSLOG)
        append_time(line);
    append(line, json ? "\"level\":\"%s\",\"event\":\"%s\"" : "level=%s event=%s",
           level_names[level], event);
    if (settings.service[0])
        append_field(line, &LOG_STR("service", settings.service));
    if (settings.slot >= 0)
        append_field(line, &LOG_INT("slot", settings.slot));
}

void log_write(int level, const char *event, const struct log_field *fields)
{
    struct line line = {.length = 0};
    int saved_errno = errno;

    if (level > settings.level)
        return;
    append_start(&line, level, event);
    for (; fields->kind != LOG_KIND_END; fields++)
        append_field(&line, fields);
    if (settings.lost > 0)
        append_field(&line, &LOG_INT("lost_lines", settings.lost));
    if (settings.format == LOG_FORMAT_JSON)
        append_byte(&line, '}');
    if (sink_target() != LOG_TARGET_SYSLOG)
        append_byte(&line, '\n');
    /* The next line that is taken says how many were not. */
    settings.lost = sink_put(level, line.text, line.length) ? 0 : settings.lost + 1;
    errno = saved_errno;
}

bool log_enabled(int level)
{
    return level <= settings.level;
}

int log_open(const struct log_settings *wanted)
{
    int result = sink_open(wanted->target, wanted->file);

    if (result < 0)
        return result;
    settings.format = wanted->format;
    settings.level = wanted->level;
    return 0;
}

void log_change(const struct log_settings *wanted)
{
    int result = log_open(wanted);

    if (result < 0)
        log_error("log-open", LOG_STR("file", log_target_text(wanted)), LOG_ERRNO(result));
}

const char *log_target_text(const struct log_settings *wanted)
{
    static const char *const words[] = {
        [LOG_TARGET_STDERR] = "stderr", [LOG_TARGET_SYSLOG] = "syslog (/dev/log)"};

    return wanted->target == LOG_TARGET_FILE ? wanted->file : words[wanted->target];
}

int log_reopen(void)
{
    return sink_reopen();
}

void log_set_identity(const char *service, int slot)
{
    snprintf(settings.service, sizeof(settings.service), "%s", service ? service : "");
    settings.slot = slot;
}

const char *log_errno_text(int error)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);

    return text ? text : "unknown error";
}
