#include "tools/status.h"

#include <string.h>

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

static void print_age(long long ms, FILE *to)
{
    long long s = ms / 1000;

    if (s < 60)
        fprintf(to, "%lld.%llds", s, ms % 1000 / 100);
    else if (s < 3600)
        fprintf(to, "%lldm%02llds", s / 60, s % 60);
    else
        fprintf(to, "%lldh%02lldm", s / 3600, s % 3600 / 60);
}

static void print_head(const json_t *status, FILE *to)
{
    fprintf(to, "framed %s, pid %lld, %s, up ", text(status, "version"), number(status, "pid"),
            text(status, "state"));
    print_age(number(status, "uptime_ms"), to);
    fprintf(to, ", generation %lld\n", number(status, "generation"));
    if (text(status, "last_error")[0])
        fprintf(to, "last reload failed: %s\n", text(status, "last_error"));
}

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

    if (number(latency, "count") == 0)
        return;
    fputs("  latency  ", to);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        fprintf(to, "%s %s %.3f ms", i ? "," : "", keys[i], (double)number(latency, keys[i]) / 1e3);
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

static void print_service(const json_t *service, FILE *to)
{
    const json_t *workers = json_object_get(service, "workers");
    const json_t *counters = json_object_get(service, "counters");

    fprintf(to, "\nservice %s: %s, handler %s\n", text(service, "name"), text(service, "framing"),
            text(service, "handler"));
    print_listen(service, to);
    fprintf(to, "  workers   %s%s, %lld of %lld ready, %lld/%lld busy", text(workers, "mode"),
            json_is_true(json_object_get(workers, "drained")) ? ", drained" : "",
            number(workers, "ready"), number(workers, "target"), number(workers, "busy"),
            number(workers, "limit"));
    if (number(workers, "starting"))
        fprintf(to, ", %lld starting", number(workers, "starting"));
    if (number(workers, "draining"))
        fprintf(to, ", %lld draining", number(workers, "draining"));
    if (number(workers, "limit") != number(workers, "configured"))
        fprintf(to, ", scaled from %lld", number(workers, "configured"));
    fprintf(to, "; %lld started, %lld crashed\n", number(service, "started"),
            number(service, "crashed"));
    if (number(service, "queue"))
        fprintf(to, "  queue     %lld connections wait\n", number(service, "queue"));
    fprintf(
        to, "  traffic   %lld connections, %lld messages, %lld replies, %lld bytes in, %lld out\n",
        number(counters, "connections"), number(counters, "messages"), number(counters, "replies"),
        number(counters, "bytes_in"), number(counters, "bytes_out"));
    print_latency(json_object_get(service, "latency_us"), to);
    print_closed(json_object_get(counters, "closed"), to);
}

static void print_worker(const json_t *worker, FILE *to)
{
    const json_t *counters = json_object_get(worker, "counters");

    fprintf(to, "  %-16s %4lld %4lld %8lld %8lld  %-9s %-9s ", text(worker, "service"),
            number(worker, "slot"), number(worker, "generation"), number(worker, "pid"),
            number(worker, "handler_group"), text(worker, "state"), text(worker, "activity"));
    print_age(number(worker, "for_ms"), to);
    fprintf(to, "  %lld messages%s\n", number(counters, "messages"),
            json_is_true(json_object_get(worker, "stale")) ? " (stale)" : "");
}

void status_print_workers(const json_t *status, FILE *to)
{
    const json_t *workers = json_object_get(status, "workers");

    fprintf(to, "  %-16s %4s %4s %8s %8s  %-9s %-9s for\n", "SERVICE", "SLOT", "GEN", "PID",
            "HANDLER", "STATE", "ACTIVITY");
    for (size_t i = 0; i < json_array_size(workers); i++)
        print_worker(json_array_get(workers, i), to);
}

void status_print(const json_t *status, FILE *to)
{
    const json_t *services = json_object_get(status, "services");

    print_head(status, to);
    for (size_t i = 0; i < json_array_size(services); i++)
        print_service(json_array_get(services, i), to);
    putc('\n', to);
    status_print_workers(status, to);
}
