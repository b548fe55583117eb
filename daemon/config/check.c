#include "config/check.h"

#include "base/runnable.h"
#include "config/draft.h"
#include "config/values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char name_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789_.-";

/* Where the service begins, for what is wrong with it as a whole; ROW: the key that lacks. */
static struct place service_place(const struct service_config *service,
                                  const struct schema_row *row)
{
    return (struct place){service->file, service->line, service->name, row};
}

void check_twice(struct draft *draft, const char *name, const struct place *place)
{
    const struct service_config *first = config_find_service(draft->config, name);
    const struct framing_config *framing = config_find_framing(draft->config, name);

    if (first)
        report_add(draft->report, place, "service \"%s\" given twice, first at %s:%u", name,
                   first->file, first->line);
    else if (framing)
        report_add(draft->report, place, "framing \"%s\" given twice, first at %s:%u", name,
                   framing->file, framing->line);
}

bool check_is_name(const char *name)
{
    const size_t length = strlen(name);

    return length > 0 && length <= CHECK_NAME_LENGTH && strspn(name, name_bytes) == length;
}

static void check_name(struct draft *draft)
{
    const struct service_config *service = &draft->service;
    const struct place place = {.file = service->file, .line = service->line};
    char quoted[REPORT_QUOTED_SIZE];

    if (!check_is_name(service->name))
        report_add(draft->report, &place, "service: found \"%s\", allowed: %s",
                   report_quote(service->name, quoted), CHECK_NAME_ALLOWED);
    else
        check_twice(draft, service->name, &place);
}

static void report_missing(struct draft *draft, enum schema_key key)
{
    const struct schema_row *row = schema_row(key);
    const struct place place = service_place(&draft->service, row);
    char allowed[VALUE_ALLOWED_SIZE];

    value_allowed(row, allowed);
    report_add(draft->report, &place, "missing, allowed: %s", allowed);
}

static void report_no_handler(struct draft *draft)
{
    const struct place place = service_place(&draft->service, NULL);

    report_add(draft->report, &place, "%s",
               place.file ? "handler: missing, allowed: one of builtin, module, command"
                          : "no handler, allowed: one of --builtin, --module, -- COMMAND");
}

/* What a key that is only for some codecs needs. */
static const char *codecs_for(enum schema_key key)
{
    switch (key) {
    case KEY_WINDOW:
        return "codec = record";
    case KEY_BATCH:
        return "codec = line or frame; with record there is window";
    default:
        return "codec = line or frame; with record the program says READY";
    }
}

/* A key of the handler that is only for commands, or only for some of their codecs. */
static void check_handler_key(struct draft *draft, enum schema_key key, enum handler_type type)
{
    if (!draft->is_given[key] || type == HANDLER_NONE)
        return;
    if (type != HANDLER_COMMAND)
        report_add(draft->report, &draft->given[key], "allowed only with a command");
    else if (!draft->service.handler.per_connection &&
             !schema_allows_codec(schema_row(key), draft->service.handler.codec))
        report_add(draft->report, &draft->given[key], "allowed only with %s", codecs_for(key));
}

/* Exactly one key says what the handler is; the others that are only for one kind must fit. */
static void check_handler(struct draft *draft)
{
    static const enum schema_key kinds[] = {KEY_BUILTIN, KEY_MODULE, KEY_COMMAND};
    enum handler_type type = HANDLER_NONE;
    const char *const *command = (const char *const *)draft->service.handler.command;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!draft->is_given[kinds[i]])
            continue;
        if (type != HANDLER_NONE)
            report_add(draft->report, &draft->given[kinds[i]],
                       "there is a %s already, allowed: one of builtin, module, command",
                       config_handler_type_name(type));
        else
            type = schema_row(kinds[i])->only;
    }
    if (type == HANDLER_NONE)
        report_no_handler(draft);
    else if (type == HANDLER_COMMAND && command && command[0][0] == '\0')
        report_add(draft->report, &draft->given[KEY_COMMAND],
                   "found \"\", allowed: a program and its arguments");
    for (int key = KEY_PER_CONNECTION; key <= KEY_SETTLE; key++)
        check_handler_key(draft, (enum schema_key)key, type);
    if (draft->is_given[KEY_SETTINGS] && type != HANDLER_NONE && type != HANDLER_MODULE)
        report_add(draft->report, &draft->given[KEY_SETTINGS], "allowed only with a module");
    if (draft->is_given[KEY_ERROR_REPLY] && draft->service.handler.reply == REPLY_NONE)
        report_add(draft->report, &draft->given[KEY_ERROR_REPLY], "allowed only with reply = yes");
    draft->service.handler.type = type;
}

/* Which of two keys is at fault: the first, unless only the second was written. */
static const struct place *fault_of(const struct draft *draft, enum schema_key key,
                                    enum schema_key other)
{
    return &draft->given[draft->is_given[key] || !draft->is_given[other] ? key : other];
}

static void check_order(struct draft *draft, enum schema_key low, enum schema_key high,
                        uint64_t least, uint64_t most)
{
    if (least > most)
        report_add(draft->report, fault_of(draft, low, high),
                   "%s = %" PRIu64 " and %s = %" PRIu64 ", allowed: %s up to %s",
                   schema_row(low)->key, least, schema_row(high)->key, most, schema_row(low)->key,
                   schema_row(high)->key);
}

static void check_workers(struct draft *draft)
{
    const struct workers_config *workers = &draft->service.workers;
    const struct schema_word *modes = schema_row(KEY_WORKERS_MODE)->words;

    for (int key = 0; key < KEY_COUNT; key++) {
        enum workers_mode mode = schema_row((enum schema_key)key)->mode;

        if (draft->is_given[key] && mode != WORKERS_STATIC && mode != workers->mode)
            report_add(draft->report, &draft->given[key], "allowed only with mode = %s",
                       schema_word_name(modes, mode));
    }
    if (workers->mode != WORKERS_DYNAMIC)
        return;
    check_order(draft, KEY_WORKERS_MIN, KEY_WORKERS_MAX, workers->min, workers->max);
    check_order(draft, KEY_SPARE_MIN, KEY_SPARE_MAX, workers->spare_min, workers->spare_max);
}

static void check_overload(struct draft *draft)
{
    for (int key = 0; key < KEY_COUNT; key++)
        if (draft->is_given[key] && schema_row((enum schema_key)key)->rejects &&
            draft->service.overload.mode != OVERLOAD_REJECT)
            report_add(draft->report, &draft->given[key], "allowed only with overload = reject");
}

void check_service(struct draft *draft)
{
    check_name(draft);
    if (!draft->is_given[KEY_LISTEN])
        report_missing(draft, KEY_LISTEN);
    check_handler(draft);
    check_per_connection(draft);
    check_overload(draft);
    check_probe(draft);
    check_workers(draft);
}

/* Port 0 is another port each time. What else overlaps (tcp:*:7000) only bind(2) can tell. */
static bool same_address(const struct listen_config *one, const struct listen_config *other)
{
    const struct framed_address *a = &one->address;
    const struct framed_address *b = &other->address;

    if (one->fd_name || other->fd_name)
        return one->fd_name && other->fd_name && strcmp(one->fd_name, other->fd_name) == 0;
    if (a->kind != b->kind)
        return false;
    if (a->kind == FRAMED_ADDRESS_TCP)
        return a->port == b->port && a->port != 0 && strcasecmp(a->host, b->host) == 0;
    return a->abstract == b->abstract && strcmp(a->path, b->path) == 0;
}

/* The first COUNT addresses of SERVICE. */
static bool listens_at(const struct service_config *service, size_t count,
                       const struct listen_config *listen)
{
    for (size_t i = 0; i < count; i++)
        if (same_address(&service->listen[i], listen))
            return true;
    return false;
}

void check_last_address(struct draft *draft, const struct place *place)
{
    const struct service_config *service = &draft->service;
    const struct listen_config *last = &service->listen[service->listen_count - 1];
    const char *owner = NULL;

    if (listens_at(service, service->listen_count - 1, last))
        owner = service->name;
    for (size_t i = 0; i < draft->config->service_count && !owner; i++)
        if (listens_at(&draft->config->services[i], draft->config->services[i].listen_count, last))
            owner = draft->config->services[i].name;
    if (owner)
        report_add(draft->report, place, "found \"%s\" a second time, service \"%s\" has it",
                   last->text, owner);
}

static void check_control(struct draft *draft)
{
    const struct config *config = draft->config;
    struct place place = {.file = config->file, .row = schema_row(KEY_CONTROL)};
    struct listen_config control = {0};
    char error[VALUE_ERROR_SIZE];

    if (!config->control ||
        framed_address_parse(config->control, &control.address, error, sizeof(error)))
        return;
    if (draft->is_given[KEY_CONTROL])
        place = draft->given[KEY_CONTROL];
    for (size_t i = 0; i < config->service_count; i++)
        if (listens_at(&config->services[i], config->services[i].listen_count, &control))
            report_add(draft->report, &place, "found \"%s\", which service \"%s\" has already",
                       config->control, config->services[i].name);
}

void check_config(struct draft *draft)
{
    const struct config *config = draft->config;
    const struct place place = {.file = config->file};
    uint64_t workers = 0;

    for (size_t i = 0; i < config->service_count; i++)
        workers += config->services[i].workers.max;
    if (workers > CHECK_WORKERS_MAX)
        report_add(draft->report, &place,
                   "found %" PRIu64 " workers in all services together, allowed: at most %d",
                   workers, CHECK_WORKERS_MAX);
    check_control(draft);
    /* After a syntax error there may well have been one. */
    if (config->service_count == 0 && draft->report->count == 0)
        report_add(draft->report, &place, "no service, allowed: service NAME { ... }");
}

/* 0, -EISDIR for what is no file, or the negative errno that tells why it cannot be used. */
static int check_file(const char *path, int mode)
{
    struct stat about;

    if (stat(path, &about) < 0)
        return -errno;
    if (!S_ISREG(about.st_mode))
        return S_ISDIR(about.st_mode) ? -EISDIR : -ENOEXEC;
    return access(path, mode) < 0 ? -errno : 0;
}

/* As execvp(3) looks for it: the first in PATH that can be run. */
static int find_in_path(const char *program, const char *path)
{
    int result = -ENOENT;

    for (;;) {
        const size_t length = strcspn(path, ":");
        char *file;

        if (asprintf(&file, "%.*s/%s", (int)length, length > 0 ? path : ".", program) < 0)
            return -ENOMEM;
        if (check_file(file, X_OK) == 0)
            result = 0;
        free(file);
        if (result == 0 || path[length] == '\0')
            return result;
        path += length + 1;
    }
}

/* With `unbuffer = stdbuf` that is what is run. */
static void check_stdbuf(const struct service_config *service, struct report *report)
{
    const struct place place = service_place(service, schema_row(KEY_UNBUFFER));
    int result = service->handler.unbuffer == UNBUFFER_STDBUF
                     ? find_in_path("stdbuf", config_search_path(service))
                     : 0;

    if (result < 0)
        report_status(report, result, &place,
                      "found stdbuf, a program which is not in PATH, allowed here: pty, no");
}

/* With a slash in it, a program is looked for from the directory on. */
static int check_from(const char *directory, const char *file, int mode)
{
    char *path;
    int result;

    if (file[0] == '/' || !directory)
        return check_file(file, mode);
    if (asprintf(&path, "%s/%s", directory, file) < 0)
        return -ENOMEM;
    result = check_file(path, mode);
    free(path);
    return result;
}

int config_find_command(const struct service_config *service)
{
    const char *program = service->handler.command[0];

    return strchr(program, '/') ? check_from(service->process.directory, program, X_OK)
                                : find_in_path(program, config_search_path(service));
}

static void check_handler_file(const struct service_config *service, struct report *report)
{
    const struct handler_config *handler = &service->handler;
    const bool module = handler->type == HANDLER_MODULE;
    const struct place place =
        service_place(service, schema_row(module ? KEY_MODULE : KEY_COMMAND));
    const char *file = module ? handler->module : handler->command[0];
    int result =
        module ? check_from(service->process.directory, file, R_OK) : config_find_command(service);
    char why[512];
    char quoted[REPORT_QUOTED_SIZE];

    if (result == 0)
        return;
    if (module)
        snprintf(why, sizeof(why), "%s", strerror(-result));
    else
        runnable_explain(&(struct runnable){.program = file,
                                            .directory = service->process.directory,
                                            .path = config_search_path(service)},
                         result, why, sizeof(why));
    report_status(report, result, &place, "found \"%s\": %s, allowed: %s",
                  report_quote(file, quoted), why,
                  module              ? "a shared object"
                  : strchr(file, ' ') ? "a program that can be run, and its arguments as words "
                                        "of their own: {\"jq\", \"-c\"}"
                                      : "a program that can be run");
}

static void check_accounts(const struct config *config, struct report *report)
{
    const struct place user = {.file = config->file, .row = schema_row(KEY_USER)};
    const struct place group = {.file = config->file, .row = schema_row(KEY_GROUP)};

    check_user(config->user, &user, report);
    check_group(config->group, &group, report);
}

int config_check_files(const struct config *config, char *error, size_t size)
{
    struct report report;

    report_init(&report, error, size);
    check_accounts(config, &report);
    for (size_t i = 0; i < config->service_count; i++) {
        enum handler_type type = config->services[i].handler.type;

        check_process(&config->services[i], &report);
        if (type == HANDLER_MODULE || type == HANDLER_COMMAND)
            check_handler_file(&config->services[i], &report);
        if (type == HANDLER_COMMAND)
            check_stdbuf(&config->services[i], &report);
    }
    return report_close(&report);
}
