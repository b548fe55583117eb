#include "tools/table.h"

#include <stdlib.h>
#include <string.h>

long long table_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

const char *table_text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

bool table_flag(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

const char *table_age(long long ms, char text[TABLE_AGE_SIZE])
{
    long long s = ms / 1000;

    if (s < 60)
        snprintf(text, TABLE_AGE_SIZE, "%lld.%llds", s, ms % 1000 / 100);
    else if (s < 3600)
        snprintf(text, TABLE_AGE_SIZE, "%lldm%02llds", s / 60, s % 60);
    else
        snprintf(text, TABLE_AGE_SIZE, "%lldh%02lldm", s / 3600, s % 3600 / 60);
    return text;
}

#define CELL_SIZE 32

static const char *duration(long long us, char text[CELL_SIZE])
{
    if (us < 1000)
        snprintf(text, CELL_SIZE, "%lldus", us);
    else if (us < 1000000)
        snprintf(text, CELL_SIZE, "%.1fms", (double)us / 1e3);
    else
        snprintf(text, CELL_SIZE, "%.1fs", (double)us / 1e6);
    return text;
}

static const char *size_text(long long bytes, char text[CELL_SIZE])
{
    if (bytes < 10 << 20)
        snprintf(text, CELL_SIZE, "%lldK", bytes >> 10);
    else
        snprintf(text, CELL_SIZE, "%lldM", bytes >> 20);
    return text;
}

static const json_t *find(const json_t *status, const char *service)
{
    const json_t *services = json_object_get(status, "services");

    for (size_t i = 0; i < json_array_size(services); i++)
        if (strcmp(table_text(json_array_get(services, i), "name"), service) == 0)
            return json_array_get(services, i);
    return NULL;
}

bool table_rate(const json_t *now, const json_t *before, const json_t *service, const char *key,
                double *rate)
{
    const json_t *old = find(before, table_text(service, "name"));
    long long ms = table_number(now, "monotonic_ms") - table_number(before, "monotonic_ms");
    long long rise = table_number(json_object_get(service, "counters"), key) -
                     table_number(json_object_get(old, "counters"), key);

    if (!old || ms <= 0 || rise < 0 || table_number(now, "pid") != table_number(before, "pid"))
        return false;
    *rate = (double)rise * 1e3 / (double)ms;
    return true;
}

static const char *rate_text(const json_t *now, const json_t *before, const json_t *service,
                             const char *key, char text[CELL_SIZE])
{
    double rate;

    if (table_rate(now, before, service, key, &rate))
        snprintf(text, CELL_SIZE, "%.1f", rate);
    else
        snprintf(text, CELL_SIZE, "-");
    return text;
}

void table_head(const json_t *status, FILE *to)
{
    char age[TABLE_AGE_SIZE];

    fprintf(to, "framed %s, pid %lld, %s, up %s, generation %lld\n", table_text(status, "version"),
            table_number(status, "pid"), table_text(status, "state"),
            table_age(table_number(status, "uptime_ms"), age), table_number(status, "generation"));
    if (table_text(status, "last_error")[0])
        fprintf(to, "last %s failed, %s ago: %s\n", table_text(status, "last_try"),
                table_age(table_number(status, "last_error_ago_ms"), age),
                table_text(status, "last_error"));
    if (table_text(status, "needs_restart")[0])
        fprintf(to, "changed, but only by a restart: %s\n", table_text(status, "needs_restart"));
}

/* The longest of what the objects of ARRAY have as KEY, and of TITLE. */
static int width(const json_t *array, const char *key, const char *title)
{
    size_t longest = strlen(title);

    for (size_t i = 0; i < json_array_size(array); i++) {
        size_t length = strlen(table_text(json_array_get(array, i), key));

        longest = length > longest ? length : longest;
    }
    return (int)longest;
}

static void print_service(const json_t *status, const json_t *before, const json_t *service,
                          int name_width, FILE *to)
{
    const json_t *workers = json_object_get(service, "workers");
    const json_t *latency = json_object_get(service, "latency_us");
    char ready[2 * CELL_SIZE], busy[2 * CELL_SIZE], cells[5][CELL_SIZE];
    bool timed = table_number(latency, "count") > 0;

    snprintf(ready, sizeof(ready), "%lld/%lld", table_number(workers, "ready"),
             table_number(workers, "target"));
    snprintf(busy, sizeof(busy), "%lld/%lld", table_number(workers, "busy"),
             table_number(workers, "limit"));
    fprintf(to, "%-*s %-8s %7s %7s %5lld %8s %8s %7s %7s %7s\n", name_width,
            table_text(service, "name"),
            table_flag(workers, "drained") ? "drained" : table_text(workers, "mode"), ready, busy,
            table_number(service, "queue"),
            rate_text(status, before, service, "connections", cells[0]),
            rate_text(status, before, service, "messages", cells[1]),
            timed ? duration(table_number(latency, "p50"), cells[2]) : "-",
            timed ? duration(table_number(latency, "p90"), cells[3]) : "-",
            timed ? duration(table_number(latency, "p99"), cells[4]) : "-");
}

void table_services(const json_t *status, const json_t *before, FILE *to)
{
    const json_t *services = json_object_get(status, "services");
    int name_width = width(services, "name", "SERVICE");
    char age[TABLE_AGE_SIZE];

    fprintf(to, "%-*s %-8s %7s %7s %5s %8s %8s %7s %7s %7s\n", name_width, "SERVICE", "MODE",
            "READY", "BUSY", "QUEUE", "CONN/S", "MSG/S", "P50", "P90", "P99");
    for (size_t i = 0; i < json_array_size(services); i++)
        print_service(status, before, json_array_get(services, i), name_width, to);
    for (size_t i = 0; i < json_array_size(services); i++) {
        const json_t *service = json_array_get(services, i);

        if (table_text(service, "last_error")[0])
            fprintf(to, "%s, %s ago: %s\n", table_text(service, "name"),
                    table_age(table_number(service, "last_error_ago_ms"), age),
                    table_text(service, "last_error"));
    }
}

static long long messages(const json_t *worker)
{
    return table_number(json_object_get(worker, "counters"), "messages");
}

/* With that of its program, as max_rss has it. */
static long long rss(const json_t *worker)
{
    return table_number(worker, "rss") + table_number(worker, "handler_rss");
}

static bool is_idle(const json_t *worker)
{
    return strcmp(table_text(worker, "activity"), "idle") == 0;
}

static void print_worker(const json_t *worker, int name_width, FILE *to)
{
    char age[TABLE_AGE_SIZE], size[CELL_SIZE];

    fprintf(to, "%-*s %4lld %4lld %7lld %7lld %-8s %-8s %7s %9lld %7s %s%s\n", name_width,
            table_text(worker, "service"), table_number(worker, "slot"),
            table_number(worker, "generation"), table_number(worker, "pid"),
            table_number(worker, "handler_group"), table_text(worker, "state"),
            table_text(worker, "activity"), table_age(table_number(worker, "for_ms"), age),
            messages(worker), size_text(rss(worker), size),
            table_text(worker, "peer")[0] ? table_text(worker, "peer") : "-",
            table_flag(worker, "stale") ? " (stale)" : "");
}

static int by_slot(const json_t *a, const json_t *b)
{
    return (int)(table_number(a, "slot") - table_number(b, "slot"));
}

static int by_service(const json_t *a, const json_t *b)
{
    return strcmp(table_text(a, "service"), table_text(b, "service"));
}

/* The larger first. */
static int descending(long long a, long long b)
{
    return (a < b) - (a > b);
}

static int by_time(const json_t *a, const json_t *b)
{
    if (is_idle(a) != is_idle(b))
        return is_idle(a) ? 1 : -1;
    return descending(table_number(a, "for_ms"), table_number(b, "for_ms"));
}

static int by_messages(const json_t *a, const json_t *b)
{
    return descending(messages(a), messages(b));
}

static int by_rss(const json_t *a, const json_t *b)
{
    return descending(rss(a), rss(b));
}

static const struct {
    const char *word;
    int (*compare)(const json_t *a, const json_t *b);
} orders[] = {
    [TABLE_BY_SLOT] = {"slot", by_slot}, [TABLE_BY_SERVICE] = {"service", by_service},
    [TABLE_BY_TIME] = {"time", by_time}, [TABLE_BY_MESSAGES] = {"messages", by_messages},
    [TABLE_BY_RSS] = {"memory", by_rss},
};

const char *table_order_word(enum table_order order)
{
    return orders[order].word;
}

/* Those who are equal stay where they would be by their slots. */
static int compare(const void *a, const void *b, void *order)
{
    const json_t *const *left = a;
    const json_t *const *right = b;
    int result = orders[*(const enum table_order *)order].compare(*left, *right);

    return result ? result : by_slot(*left, *right);
}

void table_workers(const json_t *status, enum table_order order, FILE *to)
{
    const json_t *workers = json_object_get(status, "workers");
    size_t count = json_array_size(workers);
    const json_t **sorted = calloc(count + 1, sizeof(const json_t *));
    int name_width = width(workers, "service", "SERVICE");

    fprintf(to, "%-*s %4s %4s %7s %7s %-8s %-8s %7s %9s %7s %s\n", name_width, "SERVICE", "SLOT",
            "GEN", "PID", "HANDLER", "STATE", "ACTIVITY", "FOR", "MESSAGES", "RSS", "PEER");
    for (size_t i = 0; sorted && i < count; i++)
        sorted[i] = json_array_get(workers, i);
    if (sorted)
        qsort_r(sorted, count, sizeof(const json_t *), compare, &order);
    for (size_t i = 0; sorted && i < count; i++)
        print_worker(sorted[i], name_width, to);
    free(sorted);
}

void table_clean(char *text)
{
    for (; *text; text++)
        if ((*text < ' ' || *text > '~') && *text != '\n')
            *text = '?';
}

char *table_collect(table_print *print, const void *context)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    if (!to)
        return NULL;
    print(context, to);
    if (fclose(to) != 0) {
        free(text);
        return NULL;
    }
    table_clean(text);
    return text;
}
