#include "config/draft.h"

#include "config/busy.h"
#include "config/check.h"
#include "config/framings.h"
#include "config/parts.h"
#include "config/values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A default that does not parse is a mistake in the schema; it is reported, and a test looks. */
static void set_defaults(struct draft *draft, bool global, void *base)
{
    char error[VALUE_ERROR_SIZE];

    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);
        struct place place = {.row = row};
        int result;

        if (!row->initial || (row->section == SECTION_GLOBAL) != global)
            continue;
        result = value_parse(row, row->initial, base, error);
        if (result < 0)
            report_status(draft->report, result, &place, "%s", error);
    }
}

static void forget(struct draft *draft, bool global)
{
    for (int key = 0; key < KEY_COUNT; key++)
        if ((schema_row((enum schema_key)key)->section == SECTION_GLOBAL) == global)
            draft->is_given[key] = false;
}

static int no_memory(struct draft *draft)
{
    report_status(draft->report, -ENOMEM, &(struct place){0}, "out of memory");
    return -ENOMEM;
}

int draft_init(struct draft *draft, struct report *report)
{
    *draft = (struct draft){.report = report, .config = calloc(1, sizeof(*draft->config))};
    if (!draft->config)
        return no_memory(draft);
    set_defaults(draft, true, draft->config);
    return 0;
}

void draft_deinit(struct draft *draft)
{
    draft_drop_service(draft);
    config_free(draft->config);
}

void draft_drop_service(struct draft *draft)
{
    if (draft->in_service)
        service_deinit(&draft->service);
    draft->in_service = false;
}

void draft_begin_service(struct draft *draft, const char *name, const char *file, unsigned line)
{
    draft->in_service = true;
    draft->service = (struct service_config){.line = line, .name = strdup(name)};
    if (file)
        draft->service.file = strdup(file);
    if (!draft->service.name || (file && !draft->service.file))
        no_memory(draft);
    forget(draft, false);
    set_defaults(draft, false, &draft->service);
}

/* The other time may be in another file: libconfuse alone would let the last one win. */
static void report_twice(struct draft *draft, const struct place *first, const struct place *place)
{
    if (place->file)
        report_add(draft->report, place, "given twice, first at %s:%u", first->file, first->line);
    else
        report_add(draft->report, place, "given twice");
}

void draft_set(struct draft *draft, const char *text, bool more, const struct place *place)
{
    enum schema_key key = schema_key(place->row);
    bool global = place->row->section == SECTION_GLOBAL;
    void *base = global ? (void *)draft->config : (void *)&draft->service;
    char error[VALUE_ERROR_SIZE];
    int result;

    if (draft->is_given[key] && !more) {
        report_twice(draft, &draft->given[key], place);
        return;
    }
    if (!more)
        draft->given[key] = *place;
    draft->is_given[key] = true;
    result = value_parse(place->row, text, base, error);
    if (result < 0)
        report_status(draft->report, result, place, "%s", error);
    else if (key == KEY_LISTEN)
        check_last_address(draft, place);
    else if (key == KEY_SETTINGS)
        draft->service.settings.all[draft->service.settings.count - 1].line = place->line;
}

/* Room for twice as many whenever the number is a power of two. */
static bool make_room(struct config *config)
{
    const size_t count = config->service_count;
    struct service_config *grown = config->services;

    if ((count & (count - 1)) == 0)
        grown = reallocarray(grown, count > 0 ? 2 * count : 1, sizeof(*grown));
    if (grown)
        config->services = grown;
    return grown != NULL;
}

static unsigned line_of(const struct draft *draft, enum schema_key key)
{
    return draft->is_given[key] ? draft->given[key].line : draft->service.line;
}

void draft_end_service(struct draft *draft)
{
    struct config *config = draft->config;

    check_service(draft);
    draft->service.framing_line = line_of(draft, KEY_FRAMING);
    draft->service.overload.busy_line = line_of(draft, KEY_BUSY_REPLY);
    draft->service.handler.error_reply_line = line_of(draft, KEY_ERROR_REPLY);
    draft->service.reply_framing_line = line_of(draft, KEY_REPLY_FRAMING);
    if (make_room(config)) {
        config->services[config->service_count++] = draft->service;
        draft->in_service = false;
        return;
    }
    no_memory(draft);
    draft_drop_service(draft);
}

struct config *draft_finish(struct draft *draft)
{
    struct config *config = draft->config;

    framings_settle(draft);
    busy_settle(draft);
    check_config(draft);
    if (draft->report->count > 0)
        return NULL;
    draft->config = NULL;
    return config;
}
