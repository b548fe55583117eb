#include "base/runnable.h"

#include "nearest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NAME_SIZE 256
#define PATH_SIZE 4096
#define LINE_SIZE 128

/* What is nearest to some name, of the files seen so far. */
struct near {
    struct framed_nearest nearest;
    char name[NAME_SIZE];
};

static void consider_folder(struct near *near, const char *folder)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry;

    while (entries && (entry = readdir(entries))) {
        framed_nearest_consider(&near->nearest, entry->d_name);
        if (near->nearest.best != entry->d_name)
            continue;
        snprintf(near->name, sizeof(near->name), "%s", entry->d_name);
        near->nearest.best = near->name;
    }
    if (entries)
        closedir(entries);
}

static void append_near(const struct near *near, char *text, size_t size)
{
    size_t length = strlen(text);

    if (near->nearest.best)
        snprintf(text + length, size - length, "; did you mean \"%s\"?", near->name);
}

static void explain_search(const char *program, const char *path, char *text, size_t size)
{
    struct near near;

    snprintf(text, size, "it is in no folder of PATH (%.200s)", path);
    framed_nearest_init(&near.nearest, program);
    for (const char *at = path;; at++) {
        char folder[PATH_SIZE];
        size_t length = strcspn(at, ":");

        snprintf(folder, sizeof(folder), "%.*s", (int)length, at);
        consider_folder(&near, length > 0 ? folder : ".");
        at += length;
        if (*at == '\0')
            break;
    }
    append_near(&near, text, size);
}

/* The file is not there: perhaps its folder is not, either. */
static void explain_missing(const char *program, char *text, size_t size)
{
    char folder[PATH_SIZE];
    struct near near;
    char *slash;

    snprintf(folder, sizeof(folder), "%s", program);
    slash = strrchr(folder, '/');
    *slash = '\0';
    if (slash != folder && access(folder, F_OK) < 0) {
        snprintf(text, size, "there is no folder \"%s\"", folder);
        return;
    }
    snprintf(text, size, "there is no such file");
    framed_nearest_init(&near.nearest, slash + 1);
    consider_folder(&near, slash == folder ? "/" : folder);
    append_near(&near, text, size);
}

/* The words of the first line of a script, behind "#!". False: it is none. */
static bool read_interpreter(const char *program, char line[LINE_SIZE])
{
    int fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : read(fd, line, LINE_SIZE - 1);

    if (fd >= 0)
        close(fd);
    line[got > 0 ? got : 0] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return false;
    memmove(line, line + 2, strlen(line + 2) + 1);
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* What the file needs to be run is not there, or not to be executed (WHAT). */
static void explain_interpreter(const char *program, const char *what, char *text, size_t size)
{
    char line[LINE_SIZE];
    size_t blank, word;

    if (!read_interpreter(program, line)) {
        snprintf(text, size, "the loader that it was built for %s: it is for another system", what);
        return;
    }
    if (line[0] && line[strlen(line) - 1] == '\r') {
        snprintf(text, size,
                 "its first line ends with a carriage return, as on Windows: sed -i 's/\\r$//'");
        return;
    }
    blank = strspn(line, " \t");
    word = strcspn(line + blank, " \t");
    snprintf(text, size, "the interpreter of its first line, \"%.*s\", %s", (int)word, line + blank,
             what);
}

static void explain_forbidden(const char *program, char *text, size_t size)
{
    struct statvfs system;
    struct stat about;

    if (stat(program, &about) < 0)
        snprintf(text, size, "a folder on the way is closed to this user (uid %d)", (int)geteuid());
    else if (S_ISDIR(about.st_mode))
        snprintf(text, size, "it is a folder");
    else if (!S_ISREG(about.st_mode))
        snprintf(text, size, "it is no file");
    else if (!(about.st_mode & 0111))
        snprintf(text, size, "it has no execute permission (mode %04o): chmod +x",
                 about.st_mode & 07777);
    else if (statvfs(program, &system) == 0 && system.f_flag & ST_NOEXEC)
        snprintf(text, size, "its file system is mounted noexec");
    else if (access(program, X_OK) < 0)
        snprintf(text, size, "this user (uid %d) may not execute it (mode %04o)", (int)geteuid(),
                 about.st_mode & 07777);
    else
        explain_interpreter(program, "may not be executed", text, size);
}

void runnable_explain(const struct runnable *runnable, int failure, char *text, size_t size)
{
    const char *program = runnable->program;
    char file[PATH_SIZE];

    if (failure == -EISDIR || failure == -ENOEXEC)
        failure = -EACCES;
    if (!strchr(program, '/')) {
        if (failure == -ENOENT)
            explain_search(program, runnable->path, text, size);
        else
            snprintf(text, size, "%s",
                     failure == -EACCES ? "what PATH leads to may not be executed"
                                        : strerror(-failure));
        return;
    }
    if (runnable->directory && program[0] != '/')
        snprintf(file, sizeof(file), "%s/%s", runnable->directory, program);
    else
        snprintf(file, sizeof(file), "%s", program);
    if (failure == -ENOENT && access(file, F_OK) == 0)
        explain_interpreter(file, "is not there", text, size);
    else if (failure == -ENOENT)
        explain_missing(file, text, size);
    else if (failure == -EACCES)
        explain_forbidden(file, text, size);
    else
        snprintf(text, size, "%s", strerror(-failure));
}
