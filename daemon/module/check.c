/* What `framed check` makes of the modules of a configuration. */
#include "module/module.h"

#include "base/identity.h"
#include "config/config.h"
#include "config/report.h"
#include "handler/attributes.h"
#include "handler/environment.h"
#include "handler/module_keys.h"
#include "handler/module_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 512

struct subject {
    const struct config *config;
    const struct service_config *service;
};

/* A line of the file, and what is wrong there, in one line of OUT. */
static void tell(unsigned line, const char *text, FILE *out)
{
    fprintf(out, "%u ", line);
    for (; *text; text++)
        putc((unsigned char)*text < ' ' ? ' ' : *text, out);
    putc('\n', out);
}

/* As a worker of the service is, as far as we may: whoever checks need not be who serves. */
static void become_worker(const struct subject *subject)
{
    const struct service_config *service = subject->service;
    const struct process_config *process = &service->process;
    const bool own = process->user || process->group;
    struct identity identity;
    char ignored[LINE_SIZE];

    attributes_take(service, 0, ignored, sizeof(ignored));
    if (identity_commands_others() && identity_lookup(own ? process->user : subject->config->user,
                                                      own ? process->group : subject->config->group,
                                                      &identity, ignored, sizeof(ignored)) == 0)
        identity_become(&identity, IDENTITY_KEEP_NONE, ignored, sizeof(ignored));
    environment_adopt(service);
    attributes_settle(service, ignored, sizeof(ignored));
}

static int check_settings(const struct service_config *service, const struct framed_key *keys,
                          FILE *out)
{
    const struct config_settings *given = &service->settings;
    char error[LINE_SIZE] = "";
    char text[LINE_SIZE + 16];
    int result = 0;

    for (size_t i = 0; i < given->count; i++) {
        if (module_keys_take(keys, &given->all[i], NULL, error, sizeof(error)) == 0)
            continue;
        snprintf(text, sizeof(text), "module: %s", error);
        tell(given->all[i].line, text, out);
        result = -EINVAL;
    }
    return result;
}

/* It is never unloaded: that would run code of it, too. */
static int look(const char *path, const void *context, FILE *out)
{
    const struct subject *subject = context;
    const struct service_config *service = subject->service;
    const struct framed_module *found;
    char error[LINE_SIZE] = "";
    char why[LINE_SIZE / 2] = "";
    void *library;
    int result;

    become_worker(subject);
    result = module_open(path, error, sizeof(error), &library, &found);
    if (result == 0 && (result = module_keys_begin(found->keys, NULL, why, sizeof(why))) < 0)
        module_refuse(error, sizeof(error), "module %s: %s", path, why);
    if (result == 0)
        return check_settings(service, found->keys, out);
    tell(service->line, error, out);
    return result;
}

/* The lines of TEXT, each at its place. */
static void report_lines(const struct service_config *service, char *text, struct report *report)
{
    char *rest = text;
    char *line;

    while ((line = strsep(&rest, "\n")) && *line) {
        struct place place = {.file = service->file, .service = service->name};

        place.line = (unsigned)strtoul(line, &line, 10);
        report_add(report, &place, "%s", *line == ' ' ? line + 1 : line);
    }
}

static uint64_t bound_of(const struct service_config *service)
{
    uint64_t start_ms = service->deadlines.start_ms;

    return start_ms && start_ms < MODULE_LOAD_MS ? start_ms : MODULE_LOAD_MS;
}

static void check(const struct config *config, const struct service_config *service,
                  struct report *report)
{
    const struct place place = {service->file, service->line, service->name, NULL};
    const struct subject subject = {config, service};
    const char *path = service->handler.module;
    char error[LINE_SIZE];
    char *text;
    int result = module_apart(look, path, &subject, bound_of(service), &text, error, sizeof(error));

    if (result < 0 && result != -ENOEXEC)
        report_status(report, result, &place, "module %s: %s", path, error);
    else if (result < 0)
        report_lines(service, text, report);
    if (result == 0 || result == -ENOEXEC)
        free(text);
}

int module_check(const struct config *config, char *error, size_t size)
{
    struct report report;

    report_init(&report, error, size);
    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].handler.type == HANDLER_MODULE)
            check(config, &config->services[i], &report);
    return report_close(&report);
}
