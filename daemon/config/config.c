#include "config/config.h"

#include "config/parts.h"
#include "config/schema.h"

#include <stdlib.h>
#include <string.h>

static const char *const handler_type_names[] = {
    [HANDLER_NONE] = "none",
    [HANDLER_BUILTIN] = "builtin",
    [HANDLER_MODULE] = "module",
    [HANDLER_COMMAND] = "command",
};

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

static void settings_deinit(struct config_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->all[i].name);
        free(settings->all[i].value);
    }
    free(settings->all);
}

void service_deinit(struct service_config *service)
{
    for (size_t i = 0; i < service->listen_count; i++)
        free(service->listen[i].text);
    free(service->listen);
    free(service->name);
    free(service->file);
    free(service->framing_name);
    free(service->reply_framing_name);
    framed_framing_free(service->framing);
    framed_framing_free(service->reply_framing);
    free(service->overload.busy_reply);
    free(service->overload.busy);
    settings_deinit(&service->environment);
    settings_deinit(&service->settings);
    free(service->process.user);
    free(service->process.group);
    free(service->process.directory);
    free(service->handler.module);
    free_words(service->handler.command);
    free(service->handler.probe_text);
    free(service->handler.probe_reply_text);
    free(service->handler.probe.data);
    free(service->handler.probe_reply.data);
    free(service->handler.error_reply);
    free(service->handler.error.data);
}

struct log_settings config_log_settings(const struct config *config)
{
    return (struct log_settings){.target = config->log_target,
                                 .format = config->log_format,
                                 .level = config->log_level,
                                 .file = config->log_file};
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->service_count; i++)
        service_deinit(&config->services[i]);
    free(config->services);
    for (size_t i = 0; i < config->framing_count; i++) {
        free(config->framings[i].name);
        free(config->framings[i].text);
        free(config->framings[i].base);
        free(config->framings[i].file);
    }
    free(config->framings);
    free(config->file);
    free(config->user);
    free(config->group);
    free(config->control);
    free(config->pid_file);
    free(config->log_file);
    free(config);
}

const struct service_config *config_find_service(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (strcmp(config->services[i].name, name) == 0)
            return &config->services[i];
    return NULL;
}

const char *config_find_setting(const struct config_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->all[i].name, name) == 0)
            return settings->all[i].value;
    return NULL;
}

const char *config_search_path(const struct service_config *service)
{
    const char *path = config_find_setting(&service->environment, "PATH");

    if (!path)
        path = getenv("PATH");
    return path ? path : "/usr/local/bin:/usr/bin:/bin";
}

const struct framing_config *config_find_framing(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->framing_count; i++)
        if (strcmp(config->framings[i].name, name) == 0)
            return &config->framings[i];
    return NULL;
}

const char *config_handler_type_name(enum handler_type type)
{
    return handler_type_names[type];
}

uint64_t config_room(const struct service_config *service)
{
    const struct handler_config *handler = &service->handler;
    bool alone = handler->type == HANDLER_COMMAND &&
                 (handler->per_connection || handler->codec == CODEC_RECORD);

    return alone ? 1 : service->workers.connections;
}

bool config_moves(const struct service_config *service)
{
    return service->workers.connections > 1 && !service->workers.sticky &&
           !(service->handler.type == HANDLER_COMMAND && service->handler.per_connection);
}

char *config_speech(const struct config *config, const struct service_config *service)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);

    if (!to)
        return NULL;
    fprintf(to, "%s", service->framing_name);
    if (service->reply_framing_name)
        fprintf(to, " reply %s", service->reply_framing_name);
    /* Any of them may be behind these names. */
    for (size_t i = 0; i < config->framing_count; i++)
        fprintf(to, " (%s = %s %s)", config->framings[i].name, config->framings[i].text,
                config->framings[i].base ? config->framings[i].base : "");
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

const char *config_framing_shown(const struct service_config *service)
{
    return service->handler.per_connection ? "none" : service->framing_name;
}

const char *config_codec_name(enum handler_codec codec)
{
    return schema_word_name(schema_row(KEY_CODEC)->words, (int)codec);
}

const char *config_workers_mode_name(enum workers_mode mode)
{
    return schema_word_name(schema_row(KEY_WORKERS_MODE)->words, (int)mode);
}
