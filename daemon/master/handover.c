/* See handover.h. The table: `NAME=VALUE` words, each ended by a NUL, as in an environment. */
#include "master/handover.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Another number is another language. */
#define FIRST_WORD "framed-handover=1"
#define LAST_WORD "end"
#define ENTRY "entry="
#define ENTRIES_MAX 65536

static const struct {
    const char *word;
    bool fd, key, text; /* whether it must have them */
} kinds[] = {
    [HANDOVER_LISTENER] = {"listener", true, true, true},
    [HANDOVER_CONTROL] = {"control", true, false, true},
    [HANDOVER_PID_FILE] = {"pid_file", true, false, true},
    [HANDOVER_POOL] = {"pool", false, true, false},
    [HANDOVER_SHELF] = {"shelf", true, true, true},
    [HANDOVER_INTAKE] = {"intake", true, true, true},
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == HANDOVER_KIND_COUNT, "each kind has a word");

static const struct {
    const char *name;
    size_t offset;
    bool text; /* else a number */
} fields[] = {
    {"fd", offsetof(struct handover_entry, fd), false},
    {"device", offsetof(struct handover_entry, device), false},
    {"inode", offsetof(struct handover_entry, inode), false},
    {"value", offsetof(struct handover_entry, value), false},
    {"drained", offsetof(struct handover_entry, drained), false},
    {"key", offsetof(struct handover_entry, key), true},
    {"text", offsetof(struct handover_entry, text), true},
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

bool handover_has_two(enum handover_kind kind)
{
    return kind == HANDOVER_SHELF || kind == HANDOVER_INTAKE;
}

int handover_add(struct handover *handover, const struct handover_entry *entry)
{
    struct handover_entry *entries =
        reallocarray(handover->entries, handover->count + 1, sizeof(*entries));

    if (!entries)
        return -ENOMEM;
    entries[handover->count++] = *entry;
    handover->entries = entries;
    return 0;
}

void handover_free(struct handover *handover)
{
    free(handover->data);
    free(handover->entries);
    *handover = (struct handover){0};
}

static void put_entry(const struct handover_entry *entry, FILE *to)
{
    fprintf(to, ENTRY "%s%c", kinds[entry->kind].word, 0);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const void *field = (const char *)entry + fields[i].offset;
        const char *text = fields[i].text ? *(const char *const *)field : "";

        if (!fields[i].text)
            fprintf(to, "%s=%" PRIu64 "%c", fields[i].name, *(const uint64_t *)field, 0);
        else if (text)
            fprintf(to, "%s=%s%c", fields[i].name, text, 0);
    }
}

char *handover_encode(const struct handover *handover, size_t *size)
{
    char *data = NULL;
    FILE *to = open_memstream(&data, size);

    if (!to)
        return NULL;
    fprintf(to, FIRST_WORD "%c", 0);
    for (size_t i = 0; i < handover->count; i++)
        put_entry(&handover->entries[i], to);
    fprintf(to, LAST_WORD "%c", 0);
    if (fclose(to) == 0)
        return data;
    free(data);
    return NULL;
}

static int begin_entry(struct handover *handover, const char *word, char *error, size_t size)
{
    struct handover_entry entry = {.kind = HANDOVER_LISTENER};

    while (entry.kind < HANDOVER_KIND_COUNT && strcmp(kinds[entry.kind].word, word) != 0)
        entry.kind++;
    if (entry.kind == HANDOVER_KIND_COUNT || handover->count >= ENTRIES_MAX) {
        snprintf(error, size, "found entry \"%.64s\", the %zu. of at most %d, allowed: %s", word,
                 handover->count + 1, ENTRIES_MAX,
                 "listener, control, pid_file, pool, shelf, intake");
        return -EINVAL;
    }
    return handover_add(handover, &entry);
}

static int take_number(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    return *text < '0' || *text > '9' || *end || errno ? -EINVAL : 0;
}

static size_t find_field(const char *word)
{
    size_t length = strcspn(word, "=");
    size_t i = 0;

    while (i < FIELD_COUNT && (strlen(fields[i].name) != length || word[length] == '\0' ||
                               strncmp(fields[i].name, word, length) != 0))
        i++;
    return i;
}

/* What has another name is for those who know it. */
static int take_field(struct handover_entry *entry, const char *word, char *error, size_t size)
{
    size_t i = find_field(word);
    const char *value = word + strcspn(word, "=") + 1;

    if (i == FIELD_COUNT)
        return 0;
    if (fields[i].text) {
        *(const char **)(void *)((char *)entry + fields[i].offset) = value;
        return 0;
    }
    if (take_number(value, (uint64_t *)(void *)((char *)entry + fields[i].offset)) == 0)
        return 0;
    snprintf(error, size, "found \"%.64s\", allowed: %s=NUMBER", word, fields[i].name);
    return -EINVAL;
}

static bool is_complete(const struct handover_entry *entry)
{
    bool fd_right =
        kinds[entry->kind].fd ? entry->fd > STDERR_FILENO && entry->fd <= INT_MAX : entry->fd == 0;

    return fd_right && (entry->key || !kinds[entry->kind].key) &&
           (entry->text || !kinds[entry->kind].text);
}

static int check(const struct handover *handover, char *error, size_t size)
{
    for (size_t i = 0; i < handover->count; i++)
        if (!is_complete(&handover->entries[i])) {
            snprintf(error, size, "found entry %zu (%s) without what it needs", i + 1,
                     kinds[handover->entries[i].kind].word);
            return -EINVAL;
        }
    return 0;
}

/* All words, each with its NUL, of what is known to end with one. */
static int take_words(struct handover *handover, size_t size, char *error, size_t error_size)
{
    const char *end = handover->data + size;
    int result = 0;

    for (const char *word = handover->data + strlen(FIRST_WORD) + 1; result == 0 && word < end;
         word += strlen(word) + 1) {
        if (strcmp(word, LAST_WORD) == 0 && word + strlen(word) + 1 == end)
            return check(handover, error, error_size);
        if (strncmp(word, ENTRY, strlen(ENTRY)) == 0)
            result = begin_entry(handover, word + strlen(ENTRY), error, error_size);
        else if (handover->count > 0)
            result = take_field(&handover->entries[handover->count - 1], word, error, error_size);
    }
    /* The analyser loses sight of the data. */
    if (result == 0) // NOLINT(clang-analyzer-unix.Malloc)
        snprintf(error, error_size, "found no end: it was cut");
    return result < 0 ? result : -EINVAL;
}

int handover_decode(const char *data, size_t size, struct handover *handover, char *error,
                    size_t error_size)
{
    struct handover read = {0};
    int result;

    if (size > HANDOVER_SIZE_MAX || size <= strlen(FIRST_WORD) || data[size - 1] != '\0' ||
        memcmp(data, FIRST_WORD, strlen(FIRST_WORD) + 1) != 0) {
        snprintf(error, error_size, "found %zu bytes that are no table, allowed: \"%s\" to \"%s\"",
                 size, FIRST_WORD, LAST_WORD);
        return -EINVAL;
    }
    read.data = malloc(size);
    if (!read.data)
        return -ENOMEM;
    memcpy(read.data, data, size);
    result = take_words(&read, size, error, error_size);
    if (result < 0)
        handover_free(&read);
    else
        *handover = read;
    return result;
}

int handover_write(const struct handover *handover)
{
    size_t size;
    char *data = handover_encode(handover, &size);
    int fd = data ? memfd_create("framed-handover", MFD_CLOEXEC) : -1;
    ssize_t written = fd < 0 ? -1 : pwrite(fd, data, size, 0);
    int result = fd;

    if (written != (ssize_t)size) {
        result = !data ? -ENOMEM : written < 0 ? -errno : -ENOSPC;
        if (fd >= 0)
            close(fd);
    }
    free(data);
    return result;
}

int handover_read(int fd, struct handover *handover, char *error, size_t size)
{
    struct stat status;
    char *data = NULL;
    ssize_t got;
    int result;

    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        status.st_size > (off_t)HANDOVER_SIZE_MAX) {
        snprintf(error, size, "found descriptor %d, which is no table of at most %zu bytes", fd,
                 HANDOVER_SIZE_MAX);
        return -EINVAL;
    }
    data = malloc((size_t)status.st_size + 1);
    if (!data)
        return -ENOMEM;
    got = pread(fd, data, (size_t)status.st_size, 0);
    result = handover_decode(data, got < 0 ? 0 : (size_t)got, handover, error, size);
    free(data);
    return result;
}

/* What END follows; -1: something else stands there. */
static int take_descriptor(const char *text, char end)
{
    char *after;
    long number = strtol(text, &after, 10);

    return *text >= '0' && *text <= '9' && *after == end && number > STDERR_FILENO &&
                   number <= INT_MAX
               ? (int)number
               : -1;
}

int handover_find(int *table_fd, int *channel_fd, char *error, size_t size)
{
    const char *text = getenv(HANDOVER_VARIABLE);
    const char *comma = text ? strchr(text, ',') : NULL;
    int table, channel;

    if (!text)
        return 0;
    table = take_descriptor(text, ',');
    channel = comma ? take_descriptor(comma + 1, '\0') : -1;
    if (table < 0 || channel < 0) {
        snprintf(error, size, "found %s=\"%.64s\", allowed: what a framed sets", HANDOVER_VARIABLE,
                 text);
        return -EINVAL;
    }
    *table_fd = table;
    *channel_fd = channel;
    return 1;
}

int handover_say(int channel_fd, const char *word, const char *rest)
{
    char message[HANDOVER_MESSAGE_MAX];
    int length = snprintf(message, sizeof(message), "%s %s", word, rest);
    size_t size = (size_t)length < sizeof(message) ? (size_t)length : sizeof(message) - 1;

    return send(channel_fd, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int handover_hear(int channel_fd, char message[HANDOVER_MESSAGE_MAX])
{
    ssize_t got = recv(channel_fd, message, HANDOVER_MESSAGE_MAX - 1, MSG_DONTWAIT);

    if (got < 0)
        return -errno;
    message[got] = '\0';
    return (int)got;
}

const char *handover_rest(const char *message, const char *word)
{
    size_t length = strlen(word);

    return strncmp(message, word, length) == 0 && message[length] == ' ' ? message + length + 1
                                                                         : NULL;
}

void handover_refuse(const char *reason)
{
    char scrap[128];
    int table_fd, channel_fd;

    if (handover_find(&table_fd, &channel_fd, scrap, sizeof(scrap)) > 0)
        handover_say(channel_fd, HANDOVER_FAILED, reason);
}
