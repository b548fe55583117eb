/*
 * Why connections ended: each that left requests without a reply is looked up in the log. What no
 * line explains can only be as many as workers had that died, or that were stopped past a deadline.
 */
#include "faults/chaos/chaos.h"

#include "support/daemon.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of the log that tells of a connection's end. */
struct line {
    char peer[64];
    char reason[24]; /* "worker-exit": with its worker, by a signal */
    unsigned service;
    unsigned long messages;
};

struct lines {
    struct line *all;
    size_t count;
    size_t room;
};

/* The value of KEY in TEXT, a line of LENGTH bytes; empty without. */
static void field(const char *text, size_t length, const char *key, char *value, size_t size)
{
    const char *at = memmem(text, length, key, strlen(key));
    size_t count = 0;

    if (at) {
        at += strlen(key);
        at += *at == '"';
        count = strcspn(at, " \"\n");
    }
    snprintf(value, size, "%.*s", (int)count, at ? at : "");
}

static void note_closed(const char *text, size_t length, struct lines *lines)
{
    struct line *line;
    char messages[32];
    char name[32];

    if (lines->count == lines->room) {
        lines->room = lines->room ? 2 * lines->room : 1024;
        lines->all = realloc(lines->all, lines->room * sizeof(*lines->all));
        ck_assert_ptr_nonnull(lines->all);
    }
    line = &lines->all[lines->count++];
    field(text, length, " reason=", line->reason, sizeof(line->reason));
    field(text, length, " peer=", line->peer, sizeof(line->peer));
    field(text, length, " messages=", messages, sizeof(messages));
    line->messages = strtoul(messages, NULL, 10);
    field(text, length, " service=", name, sizeof(name));
    line->service = service_find(name, strlen(name));
}

static void note_exit(const char *text, size_t length, struct lines *lines, struct ends *ends,
                      bool is_worker)
{
    char name[32];
    char peer[64];
    char connections[16];
    unsigned service;

    field(text, length, " service=", name, sizeof(name));
    service = service_find(name, strlen(name));
    if (service == SERVICES)
        return;
    ends->exits[service] += is_worker;
    if (memmem(text, length, "exit status 0", strlen("exit status 0")))
        return;
    ends->deaths[service]++;
    field(text, length, " connections=", connections, sizeof(connections));
    ends->lost[service] += strtoul(connections, NULL, 10);
    ends->overdue[service] +=
        memmem(text, length, "killed_for=request", strlen("killed_for=request")) != NULL;
    field(text, length, " peer=", peer, sizeof(peer));
    if (peer[0] == '\0')
        return;
    note_closed(text, length, lines);
    snprintf(lines->all[lines->count - 1].reason, sizeof(lines->all->reason), "worker-exit");
}

static int by_peer(const void *a, const void *b)
{
    return strcmp(((const struct line *)a)->peer, ((const struct line *)b)->peer);
}

static void read_lines(const char *text, struct lines *lines, struct ends *ends)
{
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        size_t length = (size_t)(end - line);

        if (memmem(line, length, " event=closed ", strlen(" event=closed ")))
            note_closed(line, length, lines);
        else if (memmem(line, length, " event=worker-exit ", strlen(" event=worker-exit ")))
            note_exit(line, length, lines, ends, true);
        else if (memmem(line, length, " event=keeper-exit ", strlen(" event=keeper-exit ")))
            note_exit(line, length, lines, ends, false);
    }
    if (lines->count > 0)
        qsort(lines->all, lines->count, sizeof(*lines->all), by_peer);
}

/* What may end a connection whose client did nothing wrong. */
static bool is_fair(unsigned service, const struct line *line)
{
    static const char *const of_programs[] = {"request", "handler_died", "handler_protocol",
                                              "handler_failed"};

    /* Who drains waits for a first message that is on its way, longer than anybody is stopped. */
    if (strcmp(line->reason, "drain") == 0)
        return line->messages > 0;
    if (strcmp(line->reason, "worker-exit") == 0)
        return true;
    for (size_t i = 0; i < sizeof(of_programs) / sizeof(of_programs[0]); i++)
        if (services[service].program && strcmp(line->reason, of_programs[i]) == 0)
            return true;
    return false;
}

/* The line that tells why; a port may have been used before, and for another service. NULL: there
 * is none. */
static const struct line *explain(unsigned service, const struct ending *ending,
                                  const struct lines *lines)
{
    struct line key = {0};
    const struct line *line;
    const struct line *other = NULL;

    snprintf(key.peer, sizeof(key.peer), "%s", ending->peer);
    line = lines->count ? bsearch(&key, lines->all, lines->count, sizeof(key), by_peer) : NULL;
    while (line && line > lines->all && strcmp(line[-1].peer, key.peer) == 0)
        line--;
    for (; line && line < lines->all + lines->count && strcmp(line->peer, key.peer) == 0; line++) {
        if (line->service != service || strcmp(line->reason, "client") == 0)
            continue;
        if (is_fair(service, line))
            return line;
        other = line;
    }
    return other;
}

/* Whether ENDING, as LINE explains it, is one that nothing but harm to its worker excuses. */
static bool needs_excuse(const struct ending *ending, const struct line *line)
{
    return !line || ending->how != ENDED || strcmp(line->reason, "worker-exit") == 0;
}

static void check_service(const struct chaos *chaos, unsigned service, const struct lines *lines,
                          struct ends *ends)
{
    unsigned long excused = 0;
    const struct ending *last = NULL;

    for (unsigned i = service; i < CLIENTS; i += SERVICES) {
        const struct account *account = &chaos->ledger->accounts[i];

        for (unsigned e = 0; e < account->ending_count; e++) {
            const struct ending *ending = &account->endings[e];
            const struct line *line = explain(service, ending, lines);

            ends->early++;
            ck_assert_msg(!line || is_fair(service, line),
                          "seed %llu: %s of %s has done nothing wrong and was closed: %s, after "
                          "%lu messages",
                          (unsigned long long)chaos->seed, ending->peer, services[service].name,
                          line ? line->reason : "", line ? line->messages : 0);
            if (needs_excuse(ending, line)) {
                excused++;
                last = ending;
            }
        }
    }
    /* Who died may have had one more than it could tell. */
    ck_assert_msg(excused <= ends->lost[service] + ends->deaths[service] + chaos->stopped[service],
                  "seed %llu: %s: %lu connections ended without a good reason (the last: %s, "
                  "%lu answered, %u owed); %lu workers died with %lu, %u were stopped",
                  (unsigned long long)chaos->seed, services[service].name, excused, last->peer,
                  last->answered, last->owed, ends->deaths[service], ends->lost[service],
                  chaos->stopped[service]);
}

char *endings_logs(const struct chaos *chaos)
{
    char *whole = NULL;
    size_t length = 0;

    for (unsigned i = 0; i <= chaos->rotated; i++) {
        char name[32];
        char *text;

        snprintf(name, sizeof(name), i < chaos->rotated ? "$DIR/log.%u" : "$DIR/log", i);
        text = read_whole(expand(name));
        if (!text)
            continue;
        whole = realloc(whole, length + strlen(text) + 1);
        ck_assert_ptr_nonnull(whole);
        memcpy(whole + length, text, strlen(text) + 1);
        length += strlen(text);
        free(text);
    }
    return whole ? whole : strdup("");
}

void endings_check(const struct chaos *chaos, struct ends *ends)
{
    struct lines lines = {0};
    char *text = endings_logs(chaos);

    read_lines(text, &lines, ends);
    for (unsigned service = 0; service < SERVICES; service++)
        check_service(chaos, service, &lines, ends);
    free(lines.all);
    free(text);
}
