/* A module that does something while it is loaded, as the environment's LOAD says. */
#include <framed/module.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stay(void)
{
    for (;;)
        pause();
}

/* Who was it that loaded us? */
static void sign(const char *path)
{
    FILE *file = path ? fopen(path, "ae") : NULL;

    if (!file)
        return;
    fprintf(file, "%d\n", (int)getpid());
    fclose(file);
}

static void hold(void)
{
    if (fork() == 0)
        stay();
}

__attribute__((constructor)) static void load(void)
{
    const char *what = getenv("LOAD");

    sign(getenv("LOAD_FILE"));
    if (!what)
        return;
    if (strcmp(what, "crash") == 0 || strcmp(what, "hold and crash") == 0) {
        if (*what == 'h')
            hold();
        raise(SIGKILL); /* nothing that a sanitizer takes */
    }
    if (strcmp(what, "exit") == 0)
        _exit(0);
    if (strcmp(what, "hang") == 0)
        stay();
    if (strcmp(what, "hold") == 0)
        hold();
    if (strcmp(what, "talk") == 0) {
        puts("hello from a constructor");
        fflush(stdout);
        while (getchar() != EOF)
            ;
    }
}

__attribute__((destructor)) static void unload(void)
{
    const char *what = getenv("LOAD");

    if (what && strcmp(what, "talk") == 0)
        stay();
}

static int message(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length)
{
    (void)state;
    (void)connection;
    return framed_reply(call, data, length);
}

FRAMED_MODULE(.name = "loader", .message = message);
