#include "tools/framebench/report.h"

#include "base/clock.h"

#include <jansson.h>
#include <stdio.h>

#define PROGRESS_NS (UINT64_C(500) * 1000 * 1000)

static const struct percentile {
    const char *name;
    double percent;
} percentiles[] = {{"p50", 50},     {"p90", 90},       {"p99", 99},
                   {"p99.9", 99.9}, {"p99.99", 99.99}, {"max", 100}};
#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static const char *const phases[] = {"connecting", "warming up", "measuring", "ending", "over"};

void progress_show(struct progress *progress, const struct load *load)
{
    uint64_t now_ns = clock_ns(), answered = load->shared.tally.answered;

    if (now_ns < progress->next_ns)
        return;
    fprintf(stderr, "\r\033[K%s %.0f s, %.0f messages/s, %llu under way, %llu faults",
            phases[load->phase], (double)(now_ns - load->phase_ns) / 1e9,
            progress->at_ns
                ? (double)(answered - progress->answered) * 1e9 / (double)(now_ns - progress->at_ns)
                : 0.0,
            (unsigned long long)load->shared.owed,
            (unsigned long long)tally_faults(&load->shared.tally));
    progress->shown = true;
    progress->answered = answered;
    progress->at_ns = now_ns;
    progress->next_ns = now_ns + PROGRESS_NS;
}

void progress_end(struct progress *progress)
{
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

static double seconds_of(const struct load *load)
{
    return load->measured_ns > 0 ? (double)load->measured_ns / 1e9 : 1e-9;
}

static double rate_of(const struct load *load)
{
    return (double)load->shared.tally.answered / seconds_of(load);
}

static double cpu_of(const struct load *load)
{
    return 100 * load->cpu_seconds / seconds_of(load);
}

static void print_plan(const struct plan *plan)
{
    printf("%s, %s, %u connection%s, ", plan->address_text, plan->framing_text, plan->connections,
           plan->connections == 1 ? "" : "s");
    if (plan->connects)
        fputs("each for one message, ", stdout);
    else
        printf("depth %u, ", plan->depth);
    for (unsigned i = 0; i < plan->size_count; i++) {
        printf("%s%zu", i ? " + " : "", plan->sizes[i].size);
        if (plan->size_count > 1)
            printf(" (%.1f%%)", 100.0 * plan->sizes[i].weight / plan->size_weight);
    }
    fputs(" bytes, ", stdout);
    if (plan->rate)
        printf("open loop, %llu/s%s\n", (unsigned long long)plan->rate,
               plan->poisson ? " at random" : "");
    else
        puts("closed loop");
}

/* Each kind of fault that there was. */
static void print_faults(const struct tally *tally)
{
    const struct {
        const char *name;
        uint64_t count;
    } faults[] = {
        {"wrong", tally->wrong},   {"lost", tally->lost},       {"late", tally->late},
        {"unsent", tally->unsent}, {"refused", tally->refused},
    };

    fputs("faults      ", stdout);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        printf("%s%llu %s", i ? ", " : "", (unsigned long long)faults[i].count, faults[i].name);
    printf("%s%s\n", tally->why[0] ? "; the first: " : "", tally->why);
}

void report_text(const struct load *load)
{
    const struct tally *tally = &load->shared.tally;

    print_plan(load->plan);
    printf("messages    %llu in %.2f s: %.0f/s, %.2f MB/s each way\n",
           (unsigned long long)tally->answered, seconds_of(load), rate_of(load),
           (double)tally->bytes / seconds_of(load) / 1e6);
    printf("latency µs  mean %.1f", times_mean(&tally->times) / 1e3);
    for (size_t i = 0; i < PERCENTILES; i++)
        printf("  %s %.1f", percentiles[i].name,
               (double)times_percentile(&tally->times, percentiles[i].percent) / 1e3);
    putchar('\n');
    print_faults(tally);
    printf("framebench  %.0f%% of a CPU\n", cpu_of(load));
}

static json_t *latency_of(const struct times *times)
{
    json_t *object = json_pack("{s:f}", "mean", times_mean(times) / 1e3);

    for (size_t i = 0; object && i < PERCENTILES; i++)
        json_object_set_new(
            object, percentiles[i].name,
            json_real((double)times_percentile(times, percentiles[i].percent) / 1e3));
    return object;
}

static json_t *sizes_of(const struct plan *plan)
{
    json_t *array = json_array();

    for (unsigned i = 0; i < plan->size_count; i++)
        json_array_append_new(array,
                              json_pack("{s:I, s:I}", "size", (json_int_t)plan->sizes[i].size,
                                        "weight", (json_int_t)plan->sizes[i].weight));
    return array;
}

void report_json(const struct load *load)
{
    const struct plan *plan = load->plan;
    const struct tally *tally = &load->shared.tally;
    json_t *report = json_pack(
        "{s:s, s:s, s:I, s:I, s:b, s:o, s:I, s:b, s:f, s:I, s:f, s:f, s:o, s:I, s:I, s:I, s:I, "
        "s:I, "
        "s:I, s:s, s:f}",
        "address", plan->address_text, "framing", plan->framing_text, "connections",
        (json_int_t)plan->connections, "depth", (json_int_t)plan->depth, "connect", plan->connects,
        "sizes", sizes_of(plan), "rate", (json_int_t)plan->rate, "poisson", plan->poisson,
        "seconds", seconds_of(load), "messages", (json_int_t)tally->answered, "messages_per_second",
        rate_of(load), "bytes_per_second", (double)tally->bytes / seconds_of(load), "latency_us",
        latency_of(&tally->times), "connections_made", (json_int_t)tally->connections, "wrong",
        (json_int_t)tally->wrong, "lost", (json_int_t)tally->lost, "late", (json_int_t)tally->late,
        "unsent", (json_int_t)tally->unsent, "refused", (json_int_t)tally->refused, "first_fault",
        tally->why, "framebench_cpu_percent", cpu_of(load));

    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(report);
}
