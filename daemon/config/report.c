#include "config/report.h"

#include "config/schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_SIZE 768
#define TAIL_ROOM 32 /* for "... and 4294967295 more errors" */

void report_init(struct report *report, char *text, size_t size)
{
    *report = (struct report){.text = text, .size = size};
    if (size > 0)
        text[0] = '\0';
}

static size_t filled(int length, size_t size)
{
    if (length < 0)
        return 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}

static size_t format_place(const struct place *place, char *text, size_t size)
{
    char name[SCHEMA_NAME_SIZE];
    size_t used = 0;

    text[0] = '\0';
    if (place->file && place->line > 0)
        used += filled(snprintf(text, size, "%s:%u: ", place->file, place->line), size);
    else if (place->file)
        used += filled(snprintf(text, size, "%s: ", place->file), size);
    if (place->file && place->service)
        used += filled(snprintf(text + used, size - used, "service \"%s\": ", place->service),
                       size - used);
    if (place->row) {
        if (place->file)
            schema_name(place->row, name);
        else
            schema_option(place->row, name);
        used += filled(snprintf(text + used, size - used, "%s: ", name), size - used);
    }
    return used;
}

/* The first line is kept even when it must be cut: something has to be said. */
static void append(struct report *report, const char *line)
{
    size_t room = report->size - report->used;

    if (report->hidden > 0 || (report->used > 0 && strlen(line) + 1 + TAIL_ROOM >= room)) {
        report->hidden++;
        return;
    }
    report->used += filled(
        snprintf(report->text + report->used, room, "%s%s", report->used > 0 ? "\n" : "", line),
        room);
}

__attribute__((format(printf, 4, 0))) static void
add(struct report *report, int status, const struct place *place, const char *format, va_list list)
{
    char line[LINE_SIZE];
    size_t used = format_place(place, line, sizeof(line));

    if (vsnprintf(line + used, sizeof(line) - used, format, list) < 0)
        line[used] = '\0';
    report->count++;
    if (report->status == 0)
        report->status = status;
    if (report->size > 0)
        append(report, line);
}

void report_add(struct report *report, const struct place *place, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    add(report, -EINVAL, place, format, list);
    va_end(list);
}

void report_status(struct report *report, int status, const struct place *place, const char *format,
                   ...)
{
    va_list list;

    va_start(list, format);
    add(report, status, place, format, list);
    va_end(list);
}

int report_close(struct report *report)
{
    if (report->hidden > 0)
        snprintf(report->text + report->used, report->size - report->used,
                 "\n... and %u more error%s", report->hidden, report->hidden == 1 ? "" : "s");
    return report->status;
}

const char *report_quote(const char *text, char quoted[REPORT_QUOTED_SIZE])
{
    static const char mark[] = "...";
    size_t used = 0;

    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;

        if (used + sizeof("\\x00") + sizeof(mark) > REPORT_QUOTED_SIZE) {
            memcpy(quoted + used, mark, sizeof(mark));
            return quoted;
        }
        if (byte < 0x20 || byte == 0x7f) {
            used += (size_t)snprintf(quoted + used, sizeof("\\x00"), "\\x%02x", byte);
            continue;
        }
        if (byte == '"' || byte == '\\')
            quoted[used++] = '\\';
        quoted[used++] = (char)byte;
    }
    quoted[used] = '\0';
    return quoted;
}
