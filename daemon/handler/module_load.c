#include "handler/module_load.h"

#include "config/config.h"
#include "nearest.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SIZE 256

int module_refuse(char *error, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, size, format, arguments);
    va_end(arguments);
    return -ENOEXEC;
}

/* What the dynamic linker says, and what would have been well. */
static const struct {
    const char *says;
    const char *allowed;
} causes[] = {
    {"undefined symbol", "symbols of the module itself and of the libraries that it is linked with "
                         "(cc -shared -fPIC ... -lNAME)"},
    {"version `", "a module that is built for the libraries of this system"},
    {"wrong ELF class", "a shared object for this machine"},
    {"cannot open shared object file", "a shared object that can be read, as all that it needs "
                                       "(see ldd(1))"},
    {"", "a shared object for this machine (cc -shared -fPIC)"},
};

static const char *allowed_for(const char *says)
{
    size_t i = 0;

    while (!strstr(says, causes[i].says))
        i++;
    return causes[i].allowed;
}

/* The linker begins with a path, which is ours already unless it is that of a library. */
static int explain(const char *path, char *error, size_t size)
{
    const char *says = dlerror();
    const size_t length = strlen(path);

    if (!says)
        says = "nothing is known";
    if (strncmp(says, path, length) == 0 && strncmp(says + length, ": ", 2) == 0)
        says += length + 2;
    return module_refuse(error, size, "module %s: found: %s, allowed: %s", path, says,
                         allowed_for(says));
}

static int check(const struct framed_module *found, const char *path, char *error, size_t size)
{
    if (!found)
        return module_refuse(error, size,
                             "module %s: found no symbol framed_module, allowed: a shared object "
                             "that exports one (see FRAMED_MODULE)",
                             path);
    if (found->abi != FRAMED_MODULE_ABI)
        return module_refuse(error, size,
                             "module %s: found ABI %u, allowed: %u; build it with this framed's "
                             "headers",
                             path, (unsigned)found->abi, (unsigned)FRAMED_MODULE_ABI);
    if (found->size != sizeof(*found))
        return module_refuse(error, size,
                             "module %s: found a framed_module of %u bytes, allowed: %zu; build it "
                             "with this framed's headers",
                             path, (unsigned)found->size, sizeof(*found));
    if (!found->message)
        return module_refuse(error, size,
                             "module %s: found no message function, allowed: a framed_module that "
                             "has one",
                             path);
    return 0;
}

int module_open(const char *path, char *error, size_t size, void **library,
                const struct framed_module **found)
{
    void *opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct framed_module *module;
    int result;

    if (!opened)
        return explain(path, error, size);
    module = dlsym(opened, "framed_module");
    result = check(module, path, error, size);
    if (result < 0) {
        dlclose(opened);
        return result;
    }
    *library = opened;
    *found = module;
    return 0;
}

static bool is_key(const struct framed_key *keys, const char *name)
{
    for (; keys && keys->name; keys++)
        if (strcmp(keys->name, name) == 0)
            return true;
    return false;
}

static int refuse_setting(const struct service_config *config, const struct framed_key *keys,
                          const char *name, char *error, size_t size)
{
    char all[NAMES_SIZE] = "";
    struct framed_nearest nearest;
    size_t used = 0;

    framed_nearest_init(&nearest, name);
    for (const struct framed_key *key = keys; key && key->name; key++) {
        framed_nearest_consider(&nearest, key->name);
        if (used < sizeof(all))
            used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s", used > 0 ? ", " : "",
                                     key->name);
    }
    return module_refuse(error, size, "module %s: found the setting \"%s\"%s%s%s, allowed: %s",
                         config->handler.module, name, nearest.best ? "; did you mean \"" : "",
                         nearest.best ? nearest.best : "", nearest.best ? "\"?" : "",
                         used > 0 ? all : "none, it has no settings");
}

int module_settings(const struct service_config *config, const struct framed_key *keys, char *error,
                    size_t size, struct framed_setting **settings)
{
    const struct config_settings *given = &config->settings;
    struct framed_setting *made;

    for (size_t i = 0; i < given->count; i++)
        if (!is_key(keys, given->all[i].name))
            return refuse_setting(config, keys, given->all[i].name, error, size);
    made = calloc(given->count + 1, sizeof(*made));
    if (!made) {
        module_refuse(error, size, "out of memory");
        return -ENOMEM;
    }
    for (size_t i = 0; i < given->count; i++)
        made[i] = (struct framed_setting){given->all[i].name, given->all[i].value};
    *settings = made;
    return 0;
}
