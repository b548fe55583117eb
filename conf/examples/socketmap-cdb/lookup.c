/*
 * Lookups for Postfix in constant databases, as a module: the message "MAP KEY" is looked up in the
 * file FOLDER/MAP.cdb; see socketmap_table(5) and cdb(5). A file that was replaced (`cdb -c` and
 * `postmap cdb:` write another and rename it) is opened anew, at most a second later.
 *
 *     cc -shared -fPIC $(pkg-config --cflags framed) -o /tmp/lookup.so lookup.c -lcdb
 */
#include <framed/module.h>

#include <cdb.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAP_NAME_MAX 64
#define LOOK_EVERY_S 1

struct map {
    struct map *next;
    char name[MAP_NAME_MAX + 1];
    struct cdb database; /* good while its cdb_fd is not -1 */
    struct stat file;
    time_t looked; /* when it was last looked whether the file is another */
};

struct state {
    const struct framed_service *service;
    const char *folder;
    struct map *maps; /* those that were asked for */
};

static int reply(struct framed_call *call, const char *status, const void *text, size_t length)
{
    size_t head = strlen(status);
    char *whole = malloc(head + length);
    int result;

    if (!whole)
        return -ENOMEM;
    memcpy(whole, status, head);
    if (length > 0)
        memcpy(whole + head, text, length);
    result = framed_reply(call, whole, head + length);
    free(whole);
    return result;
}

static void close_map(struct map *map)
{
    if (map->database.cdb_fd < 0)
        return;
    close(map->database.cdb_fd);
    cdb_free(&map->database);
    map->database.cdb_fd = -1;
}

static void open_map(const struct state *state, struct map *map)
{
    char path[4096];
    int fd;

    snprintf(path, sizeof(path), "%s/%s.cdb", state->folder, map->name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &map->file) < 0 || cdb_init(&map->database, fd) < 0)) {
        framed_log(state->service, FRAMED_LOG_ERROR, "a file is no constant database");
        close(fd);
        fd = -1;
    }
    map->database.cdb_fd = fd;
}

/* The file is looked at now and then; one that cannot be opened, each time. */
static void refresh(const struct state *state, struct map *map)
{
    struct timespec now;
    struct stat file;
    char path[4096];

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (map->database.cdb_fd >= 0 && now.tv_sec - map->looked < LOOK_EVERY_S)
        return;
    map->looked = now.tv_sec;
    snprintf(path, sizeof(path), "%s/%s.cdb", state->folder, map->name);
    if (map->database.cdb_fd >= 0 && stat(path, &file) == 0 && file.st_ino == map->file.st_ino &&
        file.st_dev == map->file.st_dev)
        return;
    close_map(map);
    open_map(state, map);
}

static struct map *find_map(struct state *state, const char *name, size_t length)
{
    struct map *map = state->maps;

    while (map && (strlen(map->name) != length || memcmp(map->name, name, length) != 0))
        map = map->next;
    if (map)
        return map;
    map = calloc(1, sizeof(*map));
    if (!map)
        return NULL;
    memcpy(map->name, name, length);
    map->database.cdb_fd = -1;
    open_map(state, map);
    if (map->database.cdb_fd < 0) { /* whatever clients ask for, only files that exist are kept */
        free(map);
        return NULL;
    }
    map->next = state->maps;
    state->maps = map;
    return map;
}

static bool is_name(const char *name, size_t length)
{
    return length > 0 && length <= MAP_NAME_MAX && name[0] != '.' && !memchr(name, '/', length) &&
           !memchr(name, '\0', length);
}

static int message(void *state, void *connection, struct framed_call *call, const void *data,
                   size_t length)
{
    static const char usage[] = "PERM expected: MAP KEY";
    const char *text = data;
    const char *blank = memchr(text, ' ', length);
    size_t name = blank ? (size_t)(blank - text) : 0;
    struct map *map;
    int found;

    (void)connection;
    if (!is_name(text, name))
        return framed_reply(call, usage, sizeof(usage) - 1);
    map = find_map(state, text, name);
    if (map)
        refresh(state, map);
    if (!map || map->database.cdb_fd < 0)
        return reply(call, "TEMP there is no map ", text, name);
    found = cdb_find(&map->database, blank + 1, (unsigned)(length - name - 1));
    if (found < 0)
        return reply(call, "TEMP damaged: ", text, name);
    if (found == 0)
        return reply(call, "NOTFOUND ", NULL, 0);
    return reply(call, "OK ", cdb_getdata(&map->database), cdb_datalen(&map->database));
}

static int init(const struct framed_service *service, void **state, char *error, size_t size)
{
    struct state *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->service = service;
    made->folder = framed_setting(service, "folder");
    if (!made->folder || access(made->folder, R_OK | X_OK) < 0) {
        snprintf(error, size, "folder: found \"%s\", allowed: a folder of MAP.cdb files",
                 made->folder ? made->folder : "");
        free(made);
        return -ENOENT;
    }
    *state = made;
    return 0;
}

static void fini(void *state)
{
    struct state *mine = state;
    struct map *map;

    while ((map = mine->maps)) {
        mine->maps = map->next;
        close_map(map);
        free(map);
    }
    free(mine);
}

static const struct framed_key keys[] = {
    {.name = "folder", .text = "where the files are: MAP.cdb for the map MAP"},
    {.name = NULL},
};

FRAMED_MODULE(.name = "lookup", .keys = keys, .init = init, .message = message, .fini = fini);
