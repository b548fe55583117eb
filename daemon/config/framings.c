#include "config/framings.h"

#include "config/check.h"
#include "config/values.h"

#include <framed/framing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void report_memory(struct draft *draft)
{
    report_status(draft->report, -ENOMEM, &(struct place){0}, "out of memory");
}

static const char *text_of(void *context, const char *name)
{
    const struct framing_config *framing = config_find_framing(context, name);

    return framing ? framing->text : NULL;
}

const char *framings_key(size_t n)
{
    return n == 0 ? FRAMINGS_BASE : framed_parameters()[n - 1].key;
}

static bool is_ours(const char *name)
{
    for (const struct framed_preset *preset = framed_presets(); preset->name; preset++)
        if (strcmp(preset->name, name) == 0)
            return true;
    return false;
}

static void check_framing_name(struct draft *draft, const char *name, const struct place *place)
{
    const struct framing_config *first = config_find_framing(draft->config, name);
    char quoted[REPORT_QUOTED_SIZE];

    if (!check_is_name(name))
        report_add(draft->report, place, "framing: found \"%s\", allowed: %s",
                   report_quote(name, quoted), CHECK_NAME_ALLOWED);
    else if (is_ours(name))
        report_add(draft->report, place, "framing: found \"%s\", allowed: a name that is no preset",
                   name);
    if (first)
        report_add(draft->report, place, "framing \"%s\" given twice, first at %s:%u", name,
                   first->file, first->line);
}

void framings_begin(struct draft *draft, const char *name, const struct place *place)
{
    struct config *config = draft->config;
    struct framing_config *grown;

    check_framing_name(draft, name, place);
    grown = reallocarray(config->framings, config->framing_count + 1, sizeof(*grown));
    if (!grown) {
        report_memory(draft);
        return;
    }
    config->framings = grown;
    grown += config->framing_count;
    *grown = (struct framing_config){
        .name = strdup(name), .file = strdup(place->file), .line = place->line};
    if (grown->name && grown->file) {
        config->framing_count++;
        draft->in_framing = true;
        return;
    }
    free(grown->name);
    free(grown->file);
    report_memory(draft);
}

/* A value that is a framing itself stands in parentheses; in any other, what would end it is
 * escaped. */
static char *parameter_text(const char *before, const char *key, const char *value)
{
    static const struct {
        char byte;
        const char *escape;
    } special[] = {{',', "\\c"}, {'(', "\\("}, {')', "\\)"}};
    bool nested =
        strcmp(key, "first") == 0 || strcmp(key, "reply") == 0 || strcmp(key, "default") == 0;
    bool as_it_is =
        strcmp(key, "case") == 0 || (nested && *value == '(') || strcmp(value, "reject") == 0;
    char *text = NULL;
    size_t size;
    FILE *to;

    if (as_it_is)
        return asprintf(&text, "%s,%s=%s", before, key, value) < 0 ? NULL : text;
    if (nested)
        return asprintf(&text, "%s,%s=(%s)", before, key, value) < 0 ? NULL : text;
    to = open_memstream(&text, &size);
    if (!to)
        return NULL;
    fprintf(to, "%s,%s=", before, key);
    for (; *value; value++) {
        size_t i = 0;

        while (i < sizeof(special) / sizeof(special[0]) && special[i].byte != *value)
            i++;
        if (i < sizeof(special) / sizeof(special[0]))
            fputs(special[i].escape, to);
        else
            putc(*value, to);
    }
    return fclose(to) == 0 ? text : NULL;
}

void framings_add(struct draft *draft, const char *key, const char *value,
                  const struct place *place)
{
    struct framing_config *framing = &draft->config->framings[draft->config->framing_count - 1];
    bool base = strcmp(key, FRAMINGS_BASE) == 0;
    char *text;

    if (!draft->in_framing)
        return;
    if (base && framing->base) {
        report_add(draft->report, place, "%s given twice", key);
        return;
    }
    text = base ? strdup(value) : parameter_text(framing->text ? framing->text : "", key, value);
    if (!text) {
        report_memory(draft);
        return;
    }
    free(base ? framing->base : framing->text);
    *(base ? &framing->base : &framing->text) = text;
}

void framings_end(struct draft *draft)
{
    struct framing_config *framing = &draft->config->framings[draft->config->framing_count - 1];
    const struct place place = {.file = framing->file, .line = framing->line};
    char *text = NULL;

    if (!draft->in_framing)
        return;
    draft->in_framing = false;
    if (!framing->base)
        report_add(draft->report, &place,
                   "framing \"%s\": " FRAMINGS_BASE
                   ": missing, allowed: a kind or another framing, such as length:be4",
                   framing->name);
    /* With or without a positional value, what follows the base is separated by a comma. */
    if (asprintf(&text, "%s%s", framing->base ? framing->base : "u32be",
                 framing->text ? framing->text : "") < 0) {
        report_memory(draft);
        return;
    }
    free(framing->text);
    framing->text = text;
}

/* NULL after an error, which is reported. */
static struct framed_framing *make(struct draft *draft, const char *text, const struct place *place)
{
    const struct framed_names names = {.text = text_of, .context = draft->config};
    struct framed_framing *made = NULL;
    char why[VALUE_ERROR_SIZE] = "";
    int result = framed_framing_parse(text ? text : "", &names, &made, why, sizeof(why));

    if (result < 0)
        report_status(draft->report, result, place, "%s", why);
    return made;
}

static void bound(struct draft *draft, struct framed_framing *framing, uint64_t max,
                  const char *key, const struct place *place)
{
    if (framing && framed_framing_set_max(framing, max) < 0)
        report_add(draft->report, place,
                   "\"%s\" does not fit: its messages are larger than %s (%zu bytes)",
                   framed_framing_name(framing), key, (size_t)max);
}

static void make_requests(struct draft *draft, struct service_config *service)
{
    const struct place place = {service->file, service->framing_line, service->name,
                                schema_row(KEY_FRAMING)};

    service->framing = make(draft, service->framing_name, &place);
    bound(draft, service->framing, service->limits.max_message, "limits.max_message", &place);
    if (service->framing && !framed_framing_decodes(service->framing))
        report_add(draft->report, &place, "\"%s\" only writes, allowed: as reply_framing",
                   service->framing_name);
}

/* The framing of replies is the service's own word, or what its framing says, or the same again:
 * made anew in any case, for its limit is another. */
static void make_replies(struct draft *draft, struct service_config *service)
{
    bool own = service->reply_framing_name != NULL;
    const struct place place = {service->file,
                                own ? service->reply_framing_line : service->framing_line,
                                service->name, schema_row(own ? KEY_REPLY_FRAMING : KEY_FRAMING)};
    struct framed_framing *made;
    struct framed_framing *reply;

    if (!own && !service->framing)
        return;
    made = make(draft, own ? service->reply_framing_name : service->framing_name, &place);
    reply = made && !own ? framed_framing_take_reply(made) : NULL;
    if (reply) {
        framed_framing_free(made);
        made = reply;
    }
    service->reply_framing = made;
    bound(draft, made, service->limits.max_reply, "limits.max_reply", &place);
}

void framings_settle(struct draft *draft)
{
    struct config *config = draft->config;

    for (size_t i = 0; i < config->framing_count; i++) {
        const struct framing_config *framing = &config->framings[i];
        const struct place place = {.file = framing->file, .line = framing->line};

        framed_framing_free(make(draft, framing->name, &place));
    }
    for (size_t i = 0; i < config->service_count; i++) {
        make_requests(draft, &config->services[i]);
        make_replies(draft, &config->services[i]);
    }
}
