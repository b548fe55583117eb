#include "tools/status.h"

#include "tools/table.h"

/* Why connections ended, those reasons that there were. */
static void print_closed(json_t *closed, FILE *to)
{
    const char *key;
    json_t *value;
    const char *before = "  closed    ";

    json_object_foreach(closed, key, value)
    {
        if (json_integer_value(value) == 0)
            continue;
        fprintf(to, "%s%s %lld", before, key, (long long)json_integer_value(value));
        before = ", ";
    }
    if (*before == ',')
        putc('\n', to);
}

static void print_latency(const json_t *latency, FILE *to)
{
    static const char *const keys[] = {"p50", "p90", "p99", "max"};

    if (table_number(latency, "count") == 0)
        return;
    fputs("  latency  ", to);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        fprintf(to, "%s %s %.3f ms", i ? "," : "", keys[i],
                (double)table_number(latency, keys[i]) / 1e3);
    putc('\n', to);
}

static void print_listen(const json_t *service, FILE *to)
{
    const json_t *listen = json_object_get(service, "listen");
    const json_t *activated = json_object_get(service, "activated");

    for (size_t i = 0; i < json_array_size(listen); i++) {
        const char *address = json_string_value(json_array_get(listen, i));
        const char *name = json_string_value(json_object_get(activated, address));

        fprintf(to, "  listen    %s%s%s%s\n", address, name ? " (" : "", name ? name : "",
                name ? ")" : "");
    }
}

/* Since BEFORE. */
static void print_rates(const json_t *status, const json_t *before, const json_t *service, FILE *to)
{
    double connections, messages, moves;

    if (table_rate(status, before, service, "connections", &connections) &&
        table_rate(status, before, service, "messages", &messages))
        fprintf(to, "  rates     %.1f connections, %.1f messages", connections, messages);
    else
        return;
    if (table_rate(status, before, service, "moved_in", &moves) && moves > 0)
        fprintf(to, ", %.1f moves", moves);
    fputs(" a second\n", to);
}

/* What went wrong with its handler though its workers are well, and what clients were told. */
static void print_faults(const json_t *counters, FILE *to)
{
    long long faults = table_number(counters, "handler_faults");
    long long told = table_number(counters, "error_replies");

    if (faults)
        fprintf(to, "  faults    %lld of its handler\n", faults);
    if (told)
        fprintf(to, "  errors    %lld replied\n", told);
}

static void print_error(const json_t *service, FILE *to)
{
    char age[TABLE_AGE_SIZE];

    if (table_text(service, "last_error")[0])
        fprintf(to, "  failed    %s ago: %s\n",
                table_age(table_number(service, "last_error_ago_ms"), age),
                table_text(service, "last_error"));
}

/* Where they are, if a worker may have several. */
static void print_connections(const json_t *service, FILE *to)
{
    if (table_number(service, "keeper") || table_number(service, "kept"))
        fprintf(to, "  clients   %lld with workers, %lld kept, %lld called\n",
                table_number(service, "held"), table_number(service, "kept"),
                table_number(service, "moving"));
}

static void print_service(const json_t *status, const json_t *before, const json_t *service,
                          FILE *to)
{
    const json_t *workers = json_object_get(service, "workers");
    const json_t *counters = json_object_get(service, "counters");

    fprintf(to, "\nservice %s: %s, handler %s\n", table_text(service, "name"),
            table_text(service, "framing"), table_text(service, "handler"));
    print_listen(service, to);
    fprintf(to, "  workers   %s%s, %lld of %lld ready, %lld/%lld busy", table_text(workers, "mode"),
            table_flag(workers, "drained") ? ", drained" : "", table_number(workers, "ready"),
            table_number(workers, "target"), table_number(workers, "busy"),
            table_number(workers, "limit"));
    if (table_number(workers, "starting"))
        fprintf(to, ", %lld starting", table_number(workers, "starting"));
    if (table_number(workers, "draining"))
        fprintf(to, ", %lld draining", table_number(workers, "draining"));
    if (table_number(workers, "limit") != table_number(workers, "configured"))
        fprintf(to, ", scaled from %lld", table_number(workers, "configured"));
    fprintf(to, "; %lld started, %lld crashed\n", table_number(service, "started"),
            table_number(service, "crashed"));
    print_connections(service, to);
    if (table_number(service, "queue"))
        fprintf(to, "  queue     %lld connections wait, the first for %lld ms\n",
                table_number(service, "queue"), table_number(service, "queue_ms"));
    if (table_number(service, "rejected"))
        fprintf(to, "  rejected  %lld connections\n", table_number(service, "rejected"));
    fprintf(to,
            "  traffic   %lld connections, %lld messages, %lld replies, %lld bytes in, %lld out\n",
            table_number(counters, "connections"), table_number(counters, "messages"),
            table_number(counters, "replies"), table_number(counters, "bytes_in"),
            table_number(counters, "bytes_out"));
    print_rates(status, before, service, to);
    print_latency(json_object_get(service, "latency_us"), to);
    print_closed(json_object_get(counters, "closed"), to);
    print_faults(counters, to);
    print_error(service, to);
}

void status_print(const json_t *status, const json_t *before, FILE *to)
{
    const json_t *services = json_object_get(status, "services");

    table_head(status, to);
    for (size_t i = 0; i < json_array_size(services); i++)
        print_service(status, before, json_array_get(services, i), to);
    putc('\n', to);
    table_workers(status, TABLE_BY_SLOT, to);
}
