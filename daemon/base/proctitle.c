#include "base/proctitle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    char *start;
    size_t size;
    char **arguments; /* the copy: used to the end, and held here for the leak checkers */
} room;

/* A copy of the vector and of its strings, made to last for the process's life: one block, so that
 * an unsetenv(3) loses nothing. */
static char **copy_vector(char **vector)
{
    size_t count = 0;
    size_t size = sizeof(*vector);
    char **copy;
    char *text;

    for (; vector[count]; count++)
        size += sizeof(*vector) + strlen(vector[count]) + 1;
    copy = malloc(size);
    if (!copy)
        return NULL;
    text = (char *)(copy + count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = text;
        text = stpcpy(text, vector[i]) + 1;
    }
    copy[count] = NULL;
    return copy;
}

/* The kernel lays argv's strings and the environment's one behind the other. */
static size_t contiguous(char **vector, char *end)
{
    size_t size = 0;

    for (; *vector && *vector == end; vector++) {
        size_t length = strlen(*vector) + 1;

        size += length;
        end += length;
    }
    return size;
}

int proctitle_init(int argc, char **argv, char ***argv_copy)
{
    char **arguments = copy_vector(argv);
    char **environment = copy_vector(environ);
    size_t size = argc > 0 ? contiguous(argv, argv[0]) : 0;

    if (!arguments || !environment) {
        free(arguments);
        free(environment);
        return -ENOMEM;
    }
    if (argc > 0) {
        size += contiguous(environ, argv[0] + size);
        room.start = argv[0];
        room.size = size;
    }
    environ = environment;
    *argv_copy = room.arguments = arguments;
    return 0;
}

char **proctitle_arguments(void)
{
    return room.arguments;
}

void proctitle_set(const char *format, ...)
{
    va_list arguments;
    int length;

    if (room.size == 0)
        return;
    va_start(arguments, format);
    length = vsnprintf(room.start, room.size, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length < room.size)
        memset(room.start + length, 0, room.size - (size_t)length);
}
