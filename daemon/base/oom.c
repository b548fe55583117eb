#include "base/oom.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MACHINE_FILE "/proc/vmstat"
/* Enough for whole tables of mounts, and small enough for the stack. */
#define TEXT_SIZE ((size_t)64 * 1024)

/* A hierarchy of cgroups: how it is called in both tables, and where it counts. */
static const struct hierarchy {
    const char *controller; /* in /proc/PID/cgroup; v2 has none */
    const char *type;       /* of the mount */
    const char *option;     /* of the mount; NULL: any */
    const char *file;
} hierarchies[] = {
    {"memory", "cgroup", "memory", "memory.oom_control"},
    {"", "cgroup2", NULL, "memory.events"},
};

/* Whether WORD is one of those that commas separate in LIST, up to END. */
static bool is_listed(const char *list, const char *end, const char *word)
{
    size_t length = strlen(word);

    while (list <= end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        const char *stop = comma ? comma : end;

        if ((size_t)(stop - list) == length && memcmp(list, word, length) == 0)
            return true;
        list = stop + 1;
    }
    return false;
}

/* The path in a line "ID:CONTROLLERS:PATH" that is HIERARCHY's; its *LENGTH. NULL: there is none.
 */
static const char *find_group(const char *text, const struct hierarchy *hierarchy, size_t *length)
{
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        const char *first = memchr(line, ':', size);
        const char *second =
            first ? memchr(first + 1, ':', size - (size_t)(first + 1 - line)) : NULL;

        if (second && is_listed(first + 1, second, hierarchy->controller)) {
            *length = size - (size_t)(second + 1 - line);
            return second + 1;
        }
        line += size + (line[size] == '\n');
    }
    return NULL;
}

struct mount {
    char root[PATH_MAX];
    char point[PATH_MAX];
};

/* A line of mountinfo, as of proc(5), when it is HIERARCHY's. */
static bool read_mount(const char *line, const struct hierarchy *hierarchy, struct mount *mount)
{
    char type[32];
    char options[256];
    const char *rest = strstr(line, " - ");

    if (!rest || sscanf(rest, " - %31s %*s %255s", type, options) != 2 ||
        strcmp(type, hierarchy->type) != 0 ||
        (hierarchy->option && !is_listed(options, options + strlen(options), hierarchy->option)))
        return false;
    return sscanf(line, "%*s %*s %*s %4095s %4095s", mount->root, mount->point) == 2;
}

static bool find_mount(const char *text, const struct hierarchy *hierarchy, struct mount *mount)
{
    char line[2 * PATH_MAX];

    while (*text) {
        size_t size = strcspn(text, "\n");

        snprintf(line, sizeof(line), "%.*s", (int)size, text);
        if (read_mount(line, hierarchy, mount))
            return true;
        text += size + (text[size] == '\n');
    }
    return false;
}

static bool find_in(const char *cgroup, const char *mountinfo, const struct hierarchy *hierarchy,
                    char *file, size_t size)
{
    struct mount mount;
    size_t length;
    const char *group = find_group(cgroup, hierarchy, &length);
    size_t root;
    int written;

    if (!group || !find_mount(mountinfo, hierarchy, &mount))
        return false;
    /* What is mounted may be a part of the tree, as in a container: then the rest of the path. */
    root = strcmp(mount.root, "/") == 0 ? 0 : strlen(mount.root);
    if (root > length || strncmp(group, mount.root, root) != 0)
        root = length;
    if (length - root == 1) /* the slash of the root */
        root = length;
    written = snprintf(file, size, "%s%.*s/%s", mount.point, (int)(length - root), group + root,
                       hierarchy->file);
    return written > 0 && (size_t)written < size;
}

bool oom_find(const char *cgroup, const char *mountinfo, char *file, size_t size)
{
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++)
        if (find_in(cgroup, mountinfo, &hierarchies[i], file, size))
            return true;
    return false;
}

bool oom_count(const char *text, uint64_t *count)
{
    static const char word[] = "oom_kill ";
    const char *line =
        strncmp(text, word, sizeof(word) - 1) == 0 ? text : strstr(text, "\noom_kill ");
    char *end;
    uint64_t number;

    if (!line)
        return false;
    line += sizeof(word) - 1 + (line != text);
    number = strtoull(line, &end, 10);
    if (end == line)
        return false;
    *count = number;
    return true;
}

/* As much of FILE as fits, terminated. Whether it could be read. */
static bool read_text(const char *file, char *text, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = -1;

    if (fd < 0)
        return false;
    while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
        length += (size_t)got;
    close(fd);
    text[length] = '\0';
    return got >= 0;
}

static bool look(const struct oom *oom, uint64_t *count)
{
    char text[16 * 1024];

    return read_text(oom->file, text, sizeof(text)) && oom_count(text, count);
}

void oom_init(struct oom *oom)
{
    char cgroup[4096];
    char mountinfo[TEXT_SIZE];
    uint64_t count;

    *oom = (struct oom){.machine = false};
    if (!read_text("/proc/self/cgroup", cgroup, sizeof(cgroup)) ||
        !read_text("/proc/self/mountinfo", mountinfo, sizeof(mountinfo)) ||
        !oom_find(cgroup, mountinfo, oom->file, sizeof(oom->file)) || !look(oom, &count)) {
        snprintf(oom->file, sizeof(oom->file), "%s", MACHINE_FILE);
        oom->machine = true;
    }
    oom_note(oom);
}

void oom_note(struct oom *oom)
{
    oom->known = look(oom, &oom->count);
}

const char *oom_word(struct oom *oom)
{
    uint64_t before = oom->count;
    bool known = oom->known;

    oom_note(oom);
    if (!known || !oom->known)
        return NULL;
    if (oom->count <= before)
        return "no";
    return oom->machine ? "perhaps" : "yes";
}
