/*
 * Fuzz target (libFuzzer): a configuration file of any bytes. What must hold: it is refused with a
 * message of whole bounded text, or it is good; then what is printed of it is good as well, and
 * prints to the same.
 */
#include "require.h"

#include "config/config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* NULL: refused. */
static struct config *load(const void *data, size_t size)
{
    int fd = memfd_create("config", MFD_CLOEXEC);
    char file[32];
    struct config *config = NULL;
    char error[CONFIG_ERROR_SIZE] = "";
    int result;

    EXPECT(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
    result = config_load(file, &config, error, sizeof(error));
    close(fd);
    EXPECT((result == 0) == (config != NULL));
    EXPECT((result < 0) == (error[0] != '\0'));
    EXPECT(memchr(error, '\0', sizeof(error)));
    return config;
}

static char *printed(const struct config *config, size_t *size)
{
    char *text = NULL;
    FILE *file = open_memstream(&text, size);

    EXPECT(file);
    config_print(config, file);
    EXPECT(fclose(file) == 0);
    return text;
}

/* Other files are not the subject, and patterns could read half of the machine. */
static bool reads_others(const uint8_t *data, size_t size)
{
    return memchr(data, '(', size) && (memchr(data, '/', size) || memchr(data, '*', size) ||
                                       memchr(data, '?', size) || memchr(data, '[', size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *config;
    struct config *again;
    char *first;
    char *second;
    size_t length;

    if (size == 0 || reads_others(data, size) || !(config = load(data, size)))
        return 0;
    first = printed(config, &length);
    again = load(first, length);
    EXPECT(again);
    second = printed(again, &length);
    EXPECT(strcmp(first, second) == 0);
    free(first);
    free(second);
    config_free(config);
    config_free(again);
    return 0;
}
