/* What framectl counts, against what the clients know; and what a framed at rest has. */
#include "faults/chaos/chaos.h"

#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/until.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_WORKERS 2

/* Of one service: what framed says, and what its clients say. */
struct sums {
    long long connections, messages, replies, closed;
    long long failed; /* ends of which each has cost the reply to a message, or to a whole batch */
    long long cut;    /* ends that may have */
    long long started, workers;
    long long came, sent, answered; /* SENT: at most */
};

static long long number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static long long sum_of(const json_t *closed, const char *const *reasons, size_t count)
{
    long long sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += number(closed, reasons[i]);
    return sum;
}

static void add_status(const json_t *service, struct sums *sums)
{
    static const char *const failures[] = {"request", "refused", "handler_died", "handler_protocol",
                                           "handler_failed"};
    static const char *const cuts[] = {"write", "reset", "reply", "stop"};
    const json_t *counters = json_object_get(service, "counters");
    json_t *closed = json_object_get(counters, "closed");
    const char *reason;
    json_t *count;

    sums->connections = number(counters, "connections");
    sums->messages = number(counters, "messages");
    sums->replies = number(counters, "replies");
    sums->started = number(service, "started");
    sums->workers = number(json_object_get(service, "workers"), "ready");
    json_object_foreach(closed, reason, count)
    {
        sums->closed += json_integer_value(count);
    }
    sums->failed = sum_of(closed, failures, sizeof(failures) / sizeof(failures[0]));
    sums->cut = sum_of(closed, cuts, sizeof(cuts) / sizeof(cuts[0]));
}

static void add_clients(const struct chaos *chaos, unsigned service, struct sums *sums)
{
    const struct ledger *ledger = chaos->ledger;

    sums->came = (long long)ledger->rude[service].connections;
    sums->sent = (long long)ledger->rude[service].messages;
    for (unsigned i = service; i < CLIENTS; i += SERVICES) {
        sums->came += (long long)ledger->accounts[i].connections;
        sums->sent += (long long)ledger->accounts[i].sent;
        sums->answered += (long long)ledger->accounts[i].answered;
    }
}

#define ADDS_UP(condition)                                                                         \
    ck_assert_msg(condition,                                                                       \
                  "seed %llu: %s: not " #condition ": framed says %lld connections, %lld closed, " \
                  "%lld messages, %lld replies, %lld failed, %lld cut, %lld started; its clients " \
                  "%lld connections, %lld sent, %lld answered; %lld died, %lld ended",             \
                  (unsigned long long)chaos->seed, services[service].name, sums.connections,       \
                  sums.closed, sums.messages, sums.replies, sums.failed, sums.cut, sums.started,   \
                  sums.came, sums.sent, sums.answered, died, ended)

/*
 * Each message has a reply, or a reason: but for the one for which the master killed a worker,
 * which nobody has counted.
 *
 * What a worker has not published dies with it: one batch, which is what one recv has brought, and
 * never more than what a client has outstanding; twice that, should the master have been reading at
 * the moment of the last but one.
 */
static void check_service(const struct chaos *chaos, const json_t *status, unsigned service,
                          const struct ends *ends)
{
    long long died = (long long)ends->deaths[service];
    long long ended = (long long)ends->exits[service];
    long long lost = 2LL * OUTSTANDING_MAX * died;
    long long batch = services[service].batch > 0 ? services[service].batch : 1;
    struct sums sums = {0};

    add_status(status, &sums);
    add_clients(chaos, service, &sums);
    /* One that was on its way when its worker died may be told twice, or not at all. */
    ADDS_UP(llabs(sums.connections - sums.closed) <= died);
    ADDS_UP(sums.connections <= sums.came);
    ADDS_UP(sums.connections >= sums.came - died);
    ADDS_UP(sums.messages - sums.replies >= sums.failed - (long long)ends->overdue[service]);
    ADDS_UP(sums.messages - sums.replies <= batch * (sums.failed + sums.cut));
    ADDS_UP(sums.messages <= sums.sent);
    ADDS_UP(sums.replies >= sums.answered - lost);
    ADDS_UP(sums.started == ended + sums.workers);
}

void sums_check(const struct chaos *chaos, const struct ends *ends)
{
    json_t *status = control_ask("status");
    const json_t *all = json_object_get(status, "services");

    ck_assert_uint_eq(json_array_size(all), SERVICES);
    for (size_t i = 0; i < SERVICES; i++) {
        const json_t *one = json_array_get(all, i);
        const char *name = json_string_value(json_object_get(one, "name"));

        check_service(chaos, one, service_find(name, strlen(name)), ends);
    }
    json_decref(status);
}

/* Two pipes a worker. The least of some looks: the last framectl's connection may be closing. */
int sums_descriptors(void)
{
    pid_t pids[PROCESSES_MAX];
    int least = INT_MAX;

    for (int look = 0; look < 20; look++) {
        int now = process_descriptors(daemon_pid()) -
                  2 * (int)process_children(daemon_pid(), pids, PROCESSES_MAX);

        least = now < least ? now : least;
        nap(2);
    }
    return least;
}

void sums_check_memory(void)
{
    char path[64];
    char *maps;

    snprintf(path, sizeof(path), "/proc/%d/maps", (int)daemon_pid());
    maps = read_whole(path);
    ck_assert_ptr_nonnull(maps);
    ck_assert_msg(!strstr(maps, "/dev/shm/") && !strstr(maps, "/SYSV"),
                  "shared memory that has a name");
    free(maps);
}

static bool is_quiet(void)
{
    json_t *status = control_ask("status");
    const json_t *workers = json_object_get(status, "workers");
    size_t idle = 0;

    for (size_t i = 0; i < json_array_size(workers); i++) {
        const json_t *worker = json_array_get(workers, i);

        idle += strcmp(json_string_value(json_object_get(worker, "state")), "ready") == 0 &&
                strcmp(json_string_value(json_object_get(worker, "activity")), "idle") == 0 &&
                json_is_false(json_object_get(worker, "stale"));
    }
    if (json_array_size(workers) != SERVICES * (size_t)QUIET_WORKERS)
        idle = 0;
    json_decref(status);
    return idle == SERVICES * (size_t)QUIET_WORKERS;
}

void sums_wait_quiet(void)
{
    if (UNTIL(is_quiet()))
        return;
    json_dumpf(control_ask("status"), stdout, JSON_COMPACT);
    ck_abort_msg("the workers do not come to rest");
}
