#include "handler/module_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    if (!found->save != !found->restore)
        return module_refuse(error, size, "module %s: found %s without %s, allowed: both, or none",
                             path, found->save ? "save" : "restore",
                             found->save ? "restore" : "save");
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
