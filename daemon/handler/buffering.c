#include "handler/buffering.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 64
#define SEPARATORS " \t\n;|&()<>'\""

static const struct buffering table[] = {
    {"awk", "-W interactive", NULL, false}, /* mawk's; others do not mind it */
    {"egrep", "--line-buffered", NULL, false},
    {"fgrep", "--line-buffered", NULL, false},
    {"gawk", NULL, "call fflush() after each print", false},
    {"grep", "--line-buffered", NULL, false},
    {"jq", "--unbuffered", NULL, false},
    {"lua", NULL, "call io.stdout:setvbuf(\"line\") at its start", false},
    {"mawk", "-W interactive", NULL, false},
    {"mlr", "--records-per-batch 1 --fflush", NULL, false},
    {"original-awk", NULL, "call fflush() after each print", false},
    {"perl", NULL, "put $| = 1; at its start", false},
    {"pypy", "-u", NULL, false},
    {"python", "-u", NULL, false},
    {"rg", "--line-buffered", NULL, false},
    {"ruby", NULL, "put $stdout.sync = true at its start", false},
    {"sed", "-u", NULL, false},
    {"sort", NULL, NULL, true},
    {"tac", NULL, NULL, true},
    {"tclsh", NULL, "put fconfigure stdout -buffering line at its start", false},
    {"ugrep", "--line-buffered", NULL, false},
    {"wc", NULL, NULL, true},
};

/* Takes the next word of TEXT; what is left of TEXT, or NULL: there was none. */
static const char *take_word(const char *text, char *word, size_t size)
{
    size_t length;

    text += strspn(text, SEPARATORS);
    length = strcspn(text, SEPARATORS);
    snprintf(word, size, "%.*s", (int)length, text);
    return length > 0 ? text + length : NULL;
}

/* The name of the file, without a version: /usr/bin/python3.11 is python. */
static void name_of(const char *path, char *name, size_t size)
{
    const char *slash = strrchr(path, '/');

    snprintf(name, size, "%s", slash ? slash + 1 : path);
    for (size_t length = strlen(name); length > 1 && strchr("0123456789.", name[length - 1]);)
        name[--length] = '\0';
}

static const struct buffering *look_up(const char *name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].program, name) == 0)
            return &table[i];
    return NULL;
}

static bool is_shell(const char *name)
{
    static const char *const shells[] = {"sh", "bash", "dash", "ksh", "zsh", "busybox"};

    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++)
        if (strcmp(shells[i], name) == 0)
            return true;
    return false;
}

/* In a script, the first word that names a program of the table. */
static const struct buffering *find_in_script(const char *script, char *word, size_t size)
{
    char name[NAME_SIZE];

    while ((script = take_word(script, word, size))) {
        const struct buffering *found;

        name_of(word, name, sizeof(name));
        found = look_up(name);
        if (found)
            return found;
    }
    return NULL;
}

const struct buffering *buffering_find(char *const *command, char *name, size_t size)
{
    char word[NAME_SIZE];
    char own[NAME_SIZE];

    if (!name) {
        name = own;
        size = sizeof(own);
    }
    name_of(command[0], word, sizeof(word));
    if (strcmp(word, "env") == 0) {
        while (*++command && (strchr(*command, '=') || **command == '-'))
            ;
        return *command ? buffering_find(command, name, size) : NULL;
    }
    if (is_shell(word) && command[1] && strcmp(command[1], "-c") == 0 && command[2])
        return find_in_script(command[2], name, size);
    snprintf(name, size, "%s", command[0]);
    return look_up(word);
}

/* Whether the letter of OPTION ("-u") is among those of ARGUMENT ("-nu"), or of a script's words.
 */
static bool has_letter(const char *argument, const char *option)
{
    const char *script = strstr(argument, option);

    if (argument[0] == '-')
        return argument[1] != '-' && strchr(argument, option[1]);
    return script && script > argument && script[-1] == ' ';
}

bool buffering_has_option(char *const *command, const char *option)
{
    size_t first = strcspn(option, " ");

    for (command++; *command; command++)
        if (strlen(option) == 2 ? has_letter(*command, option)
                                : strstr(*command, option) || (strlen(*command) == first &&
                                                               !strncmp(*command, option, first)))
            return true;
    return false;
}

void buffering_advise(char *const *command, char *text, size_t size)
{
    char name[NAME_SIZE];
    const struct buffering *known = buffering_find(command, name, sizeof(name));

    if (known && known->hopeless)
        snprintf(text, size,
                 "%s answers only at the end of its input: it cannot be a handler that goes on",
                 name);
    else if (known && known->option && buffering_has_option(command, known->option))
        snprintf(text, size, "it has %s already: something else in it buffers, or it is slow",
                 known->option);
    else if (known && known->option)
        snprintf(text, size, "start it as \"%s %s\"", name, known->option);
    else if (known && known->advice)
        snprintf(text, size, "%s", known->advice);
    else
        snprintf(text, size, "flush after each reply, or try unbuffer = stdbuf, or pty");
}
