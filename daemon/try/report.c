/* The findings for people, or as JSON; and the configuration that goes with them. */
#include "try/try.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 32
/* A program that starts slowly gets more than the default to settle. */
#define SLOW_START_MS 500U
#define ROUND_MS 100U

static const char *const verdicts[] = {
    [VERDICT_PASS] = "PASS",
    [VERDICT_NOTE] = "NOTE",
    [VERDICT_FAIL] = "FAIL",
    [VERDICT_NO] = "no",
};
_Static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == VERDICT_COUNT, "each verdict has a word");

/* A service's name after the program's. */
static void name_service(const char *program, char name[NAME_SIZE])
{
    const char *slash = strrchr(program, '/');
    size_t length = 0;

    for (const char *byte = slash ? slash + 1 : program; *byte && length + 1 < NAME_SIZE; byte++)
        if (isalnum((unsigned char)*byte) || (length > 0 && strchr("._-", *byte)))
            name[length++] = *byte;
    if (length == 0)
        name[length++] = 'x';
    name[length] = '\0';
}

/* What would be if nothing had been said: and whatever is to be written in any case is different.
 */
static struct config *plain_config(void)
{
    char run[] = "run";
    char listen[] = "--listen=tcp:127.0.0.1:1";
    char framing[] = "--framing=nul";
    char end[] = "--";
    char command[] = "-";
    char *words[] = {run, listen, framing, end, command, NULL};
    struct config *config = NULL;
    char error[CONFIG_ERROR_SIZE];

    config_from_arguments(5, words, &config, NULL, NULL, error, sizeof(error));
    return config;
}

/* Writes what to put into framed.conf: 0, or -ENOMEM. */
static int print_service(const struct diagnosis *diagnosis, FILE *to)
{
    static char line[] = "line";
    struct service_config service = diagnosis->subject.service;
    const struct service_config *given = &diagnosis->subject.options->config->services[0];
    struct config *plain = plain_config();
    char name[NAME_SIZE];

    if (!plain)
        return -ENOMEM;
    name_service(given->handler.command[0], name);
    service.name = name;
    service.deadlines = given->deadlines;
    if (service.handler.codec == CODEC_LINE && strcmp(service.framing_name, "u32be") == 0)
        service.framing_name = line;
    if (service.handler.codec != CODEC_RECORD && diagnosis->first_ms > SLOW_START_MS)
        service.handler.settle_ms = (diagnosis->first_ms * 3 / 2 / ROUND_MS + 1) * ROUND_MS;
    plain->services[0].handler.codec =
        service.handler.codec == CODEC_LINE ? CODEC_FRAME : CODEC_LINE;
    config_print_changes(&service, &plain->services[0], to);
    config_free(plain);
    return 0;
}

static bool breaks_rules(const struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++)
        if (diagnosis->lines[i].section && diagnosis->lines[i].finding.verdict == VERDICT_FAIL)
            return true;
    return false;
}

static const char *conclusion(const struct diagnosis *diagnosis)
{
    if (diagnosis->works)
        return "It works, so:";
    if (breaks_rules(diagnosis))
        return "It breaks rules of framed-record(5).";
    if (!diagnosis->answers)
        return "It does not work.";
    return "It does not work as it is. It does so:";
}

static bool is_to_be_pasted(const struct diagnosis *diagnosis)
{
    return diagnosis->works ||
           (diagnosis->answers && diagnosis->subject.service.handler.codec != CODEC_RECORD);
}

void report_text(const struct diagnosis *diagnosis)
{
    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct line *line = &diagnosis->lines[i];

        printf("%-4s  %-17s %s%s%s%s\n", verdicts[line->finding.verdict], line->name,
               line->finding.text, line->section ? " [" : "", line->section ? line->section : "",
               line->section ? "]" : "");
    }
    printf("\n%s\n", conclusion(diagnosis));
    if (diagnosis->advice[0] && !diagnosis->works)
        printf("Advice: %s.\n", diagnosis->advice);
    if (is_to_be_pasted(diagnosis)) {
        putchar('\n');
        print_service(diagnosis, stdout);
    }
}

static json_t *text(const char *words)
{
    json_t *made = json_string(words);

    return made ? made : json_string("?"); /* no UTF-8 */
}

static json_t *lines_json(const struct diagnosis *diagnosis)
{
    json_t *lines = json_array();

    for (size_t i = 0; i < diagnosis->count; i++) {
        const struct line *line = &diagnosis->lines[i];
        json_t *one = json_object();

        json_object_set_new(one, "name", text(line->name));
        json_object_set_new(one, "verdict", text(verdicts[line->finding.verdict]));
        json_object_set_new(one, "text", text(line->finding.text));
        if (line->section)
            json_object_set_new(one, "section", text(line->section));
        json_array_append_new(lines, one);
    }
    return lines;
}

static json_t *speed_json(const struct speed *speed)
{
    return json_pack("{s:I, s:f, s:f, s:f}", "requests", (json_int_t)speed->requests, "median_us",
                     speed->median_us, "p99_us", speed->p99_us, "per_second", speed->per_second);
}

static json_t *service_json(const struct diagnosis *diagnosis)
{
    char *written = NULL;
    size_t size;
    FILE *to = open_memstream(&written, &size);
    json_t *made;

    if (!to)
        return NULL;
    print_service(diagnosis, to);
    fclose(to);
    made = text(written);
    free(written);
    return made;
}

int report_json(const struct diagnosis *diagnosis)
{
    json_t *all = json_object();
    int result;

    json_object_set_new(all, "works", json_boolean(diagnosis->works));
    if (diagnosis->answers)
        json_object_set_new(all, "codec",
                            text(config_codec_name(diagnosis->subject.service.handler.codec)));
    json_object_set_new(all, "findings", lines_json(diagnosis));
    if (diagnosis->speed.requests > 0)
        json_object_set_new(all, "speed", speed_json(&diagnosis->speed));
    if (diagnosis->advice[0] && !diagnosis->works)
        json_object_set_new(all, "advice", text(diagnosis->advice));
    if (is_to_be_pasted(diagnosis))
        json_object_set_new(all, "configuration", service_json(diagnosis));
    result = json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
    return result;
}
