#include "handler/environment.h"

#include "config/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* USER of an account that has no name. */
#define NUMBER_SIZE 16

struct variable {
    const char *name;
    const char *value;
};

static const char *own(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value && value[0] != '\0' ? value : otherwise;
}

static int append(char **strings, size_t *count, const char *name, const char *value)
{
    if (asprintf(&strings[*count], "%s=%s", name, value) < 0) {
        strings[*count] = NULL;
        return -ENOMEM;
    }
    (*count)++;
    return 0;
}

static void free_strings(char **strings)
{
    for (char **string = strings; string && *string; string++)
        free(*string);
    free(strings);
}

int environment_adopt(const struct service_config *service)
{
    const struct config_settings *settings = &service->environment;
    const struct passwd *account = getpwuid(geteuid());
    char number[NUMBER_SIZE];
    const struct variable common[] = {
        {"PATH", config_search_path(service)},
        {"LANG", own("LANG", "C.UTF-8")},
        {"USER", account ? account->pw_name : number},
        {"HOME", account && account->pw_dir[0] ? account->pw_dir : "/"},
        {"TMPDIR", own("TMPDIR", "/tmp")},
        {"PYTHONUNBUFFERED", "1"}, /* else print() keeps a reply to itself */
    };
    const size_t common_count = sizeof(common) / sizeof(common[0]);
    char **strings = calloc(common_count + settings->count + 1, sizeof(*strings));
    size_t count = 0;
    int result = strings ? 0 : -ENOMEM;

    tzset(); /* the log goes on in framed's own time zone */
    snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
    for (size_t i = 0; i < common_count && result == 0; i++)
        if (!config_find_setting(settings, common[i].name))
            result = append(strings, &count, common[i].name, common[i].value);
    for (size_t i = 0; i < settings->count && result == 0; i++)
        result = append(strings, &count, settings->all[i].name, settings->all[i].value);
    if (result < 0) {
        free_strings(strings);
        return result;
    }
    environ = strings; /* for the process's life */
    return 0;
}
