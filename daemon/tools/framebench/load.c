#include "tools/framebench/load.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TICK_NS (UINT64_C(50) * 1000 * 1000)
#define EVENTS_MAX 256
/* Connections that are being made at a time: fewer than any listen queue takes. */
#define OPENING_MAX 64
/* Descriptors beside those of the connections. */
#define SPARE_FILES 16

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int allow_files(unsigned count, char *error, size_t size)
{
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < count + SPARE_FILES) {
        snprintf(error, size, "%u connections: this process may have %llu open files (ulimit -Hn)",
                 count, (unsigned long long)files.rlim_max);
        return -EMFILE;
    }
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return 0;
}

static int no_memory(char *error, size_t size)
{
    snprintf(error, size, "%s", strerror(ENOMEM));
    return -ENOMEM;
}

/* A connection that has nothing to say until it is due would keep a worker from others. */
static bool opens_when_due(const struct load *load)
{
    return load->plan->connects && load->plan->rate > 0;
}

/* The first connection is made with patience, and with a message if it fails. */
static int connect_first(struct load *load, char *error, size_t size)
{
    struct framed_endpoint *endpoint = &load->shared.endpoint;
    int fd = framed_connect(&load->plan->address, (unsigned)load->plan->timeout_ms, error, size);

    if (fd < 0)
        return fd;
    endpoint->length = sizeof(endpoint->address);
    getpeername(fd, (struct sockaddr *)&endpoint->address, &endpoint->length);
    if (opens_when_due(load)) {
        close(fd);
        return 0;
    }
    load->lanes[0].opened_ns = clock_ns();
    lane_adopt(&load->shared, &load->lanes[0], fd, clock_ns());
    return 0;
}

int load_init(struct load *load, const struct plan *plan, char *error, size_t size)
{
    int result = allow_files(plan->connections, error, size);

    *load = (struct load){.plan = plan, .shared = {.plan = plan, .epoll_fd = -1}};
    load->shared.lone = plan->connections == 1 && !plan->rate && !plan->connects;
    if (result < 0)
        return result;
    prctl(PR_SET_TIMERSLACK, 1);
    while (load->shared.ring_mask + 1 < plan->depth)
        load->shared.ring_mask = load->shared.ring_mask << 1 | 1;
    load->lanes = calloc(plan->connections, sizeof(*load->lanes));
    load->shared.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!load->lanes || load->shared.epoll_fd < 0 || text_init(&load->shared.text, plan) < 0)
        return no_memory(error, size);
    for (unsigned i = 0; i < plan->connections; i++) {
        load->lanes[i].number = i;
        load->lanes[i].fd = -1;
    }
    for (unsigned i = 0; i < plan->connections; i++) {
        load->lanes[i].begun_ns = calloc(load->shared.ring_mask + 1, sizeof(uint64_t));
        if (!load->lanes[i].begun_ns)
            return no_memory(error, size);
    }
    load->phase_ns = clock_ns();
    load->opened = 1;
    return connect_first(load, error, size);
}

/* In a closed loop each answer makes room for the next message. */
static void refill(struct load *load, struct lane *lane, uint64_t now_ns)
{
    while (lane_has_room(&load->shared, lane))
        lane_send(&load->shared, lane, UINT64_MAX, load->plan->connects ? lane->opened_ns : now_ns,
                  now_ns);
}

/* In an open loop: all that is due. A lane without room comes back by resume(). */
static void send_due(struct load *load, uint64_t now_ns)
{
    struct schedule *schedule = &load->schedule;

    while (load->shared.allowed > 0 && schedule_next_ns(schedule) <= now_ns) {
        struct lane *lane = schedule_pop(schedule);

        if (lane->state == LANE_CLOSED && load->plan->connects)
            lane_open(&load->shared, lane, now_ns);
        lane->waits = !lane_has_room(&load->shared, lane);
        if (lane->waits)
            continue;
        lane_send(&load->shared, lane, 1, lane->due_ns, now_ns);
        schedule_advance(schedule, lane);
        schedule_push(schedule, lane);
    }
}

/* After something has happened on LANE: what it can do now. */
static void resume(struct load *load, struct lane *lane, uint64_t now_ns)
{
    bool wanted = load->plan->rate ? lane->waits : load->shared.allowed > 0;

    if (lane->state == LANE_CLOSED && load->plan->connects && wanted && !lane->rests)
        lane_open(&load->shared, lane, now_ns);
    if (!load->plan->rate) {
        refill(load, lane, now_ns);
    } else if (lane->waits && lane_has_room(&load->shared, lane)) {
        lane->waits = false;
        schedule_push(&load->schedule, lane);
    }
}

static void serve(struct load *load, struct lane *lane, uint32_t events)
{
    uint64_t now_ns = clock_ns();

    if (lane->state == LANE_CONNECTING || (lane->writing && (events & EPOLLOUT)))
        lane_writable(&load->shared, lane, now_ns);
    if (lane->state == LANE_OPEN && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        now_ns = lane_readable(&load->shared, lane);
    resume(load, lane, now_ns);
}

/* All lanes are connected once before it begins: fewer at a time than listen queues take. */
static void connect_more(struct load *load, uint64_t now_ns)
{
    unsigned open = 0;

    if (opens_when_due(load))
        load->opened = load->plan->connections;
    for (unsigned i = 0; i < load->opened; i++)
        open += load->lanes[i].state == LANE_OPEN;
    while (load->opened < load->plan->connections && load->opened - open < OPENING_MAX)
        lane_open(&load->shared, &load->lanes[load->opened++], now_ns);
}

static bool all_connected(const struct load *load)
{
    for (unsigned i = 0; i < load->plan->connections && !load->plan->connects; i++)
        if (load->lanes[i].state != LANE_OPEN)
            return false;
    return true;
}

/* What was due and could not be sent, because so much was owed, must not be forgotten: it would
 * have waited longest. */
static void count_unsent(struct load *load, uint64_t now_ns)
{
    for (unsigned i = 0; load->plan->rate && i < load->plan->connections; i++) {
        const struct lane *lane = &load->lanes[i];

        if (lane->due_ns < now_ns && load->shared.allowed > 0)
            load->shared.tally.unsent +=
                (uint64_t)((double)(now_ns - lane->due_ns) / load->schedule.gap_ns) + lane->waits;
    }
    load->shared.allowed = 0;
}

static void enter(struct load *load, enum load_phase phase, uint64_t now_ns)
{
    struct lanes *shared = &load->shared;

    if (load->phase == LOAD_MEASURING) {
        load->measured_ns = now_ns - load->phase_ns;
        load->cpu_seconds = cpu_seconds() - load->cpu_seconds;
    }
    load->phase = phase;
    load->phase_ns = load->settled_ns = now_ns;
    shared->counting = phase == LOAD_MEASURING;
    shared->timing = phase == LOAD_MEASURING || phase == LOAD_ENDING;
    if (phase == LOAD_WARMING)
        shared->allowed = UINT64_MAX;
    if (phase == LOAD_MEASURING) {
        shared->allowed = load->plan->count ? load->plan->count : UINT64_MAX;
        load->cpu_seconds = cpu_seconds();
    }
    if (phase == LOAD_ENDING)
        count_unsent(load, now_ns);
    if (phase < LOAD_ENDING && load->plan->rate && !load->schedule.heap &&
        schedule_init(&load->schedule, load->plan, load->lanes, now_ns) < 0)
        load->phase = LOAD_OVER;
    for (unsigned i = 0; phase <= LOAD_MEASURING && i < load->plan->connections; i++)
        resume(load, &load->lanes[i], now_ns);
}

/* How long PHASE lasts at most, in ns. */
static uint64_t limit_of(const struct load *load)
{
    const struct plan *plan = load->plan;
    uint64_t ms[] = {plan->timeout_ms, plan->warmup_ms, plan->duration_ms, 2 * plan->timeout_ms};

    return load->phase == LOAD_MEASURING && plan->count ? UINT64_MAX : ms[load->phase] * 1000000;
}

/* Goes on to the next phase when this one is over. */
static void proceed(struct load *load, uint64_t now_ns)
{
    const struct lanes *shared = &load->shared;
    bool late = now_ns - load->phase_ns >= limit_of(load);
    bool stuck = now_ns - load->settled_ns > 2 * load->plan->timeout_ms * 1000000;
    bool done = (shared->owed == 0 && shared->allowed == 0) || (load->plan->count && stuck);

    switch (load->phase) {
    case LOAD_CONNECTING:
        if (shared->tally.refused > 0 || late)
            enter(load, LOAD_OVER, now_ns);
        else if (all_connected(load))
            enter(load, load->plan->warmup_ms ? LOAD_WARMING : LOAD_MEASURING, now_ns);
        break;
    case LOAD_WARMING:
        if (late)
            enter(load, LOAD_MEASURING, now_ns);
        break;
    case LOAD_MEASURING:
        if (late || done)
            enter(load, LOAD_ENDING, now_ns);
        break;
    default:
        if (late || done)
            enter(load, LOAD_OVER, now_ns);
    }
}

static void tick(struct load *load, uint64_t now_ns)
{
    uint64_t settled = 0;

    load->tick_ns = now_ns + TICK_NS;
    for (unsigned i = 0; i < load->opened; i++) {
        struct lane *lane = &load->lanes[i];

        lane_check(&load->shared, lane, now_ns);
        lane->rests = false;
        if (lane->state == LANE_CLOSED && load->phase < LOAD_ENDING && !load->plan->connects)
            lane_open(&load->shared, lane, now_ns);
        resume(load, lane, now_ns);
        settled += lane->settled;
    }
    if (settled != load->settled || load->phase < LOAD_MEASURING)
        load->settled_ns = now_ns;
    load->settled = settled;
}

static void wait_and_serve(struct load *load)
{
    struct epoll_event events[EVENTS_MAX];
    uint64_t now_ns = clock_ns(), until_ns = load->tick_ns;
    struct timespec timeout = {.tv_nsec = 0};
    int count;

    if (load->shared.allowed > 0 && load->plan->rate && load->phase > LOAD_CONNECTING &&
        schedule_next_ns(&load->schedule) < until_ns)
        until_ns = schedule_next_ns(&load->schedule);
    if (until_ns > now_ns)
        timeout.tv_nsec = (long)(until_ns - now_ns);
    count = epoll_pwait2(load->shared.epoll_fd, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++)
        serve(load, &load->lanes[events[i].data.u32], events[i].events);
}

bool load_step(struct load *load)
{
    struct lane *first = &load->lanes[0];
    uint64_t now_ns;

    if (load->shared.lone && lane_owed(first) > 0 && !first->writing) {
        now_ns = lane_readable(&load->shared, first);
        resume(load, first, now_ns);
    } else {
        wait_and_serve(load);
        now_ns = clock_ns();
    }
    if (load->phase == LOAD_CONNECTING)
        connect_more(load, now_ns);
    if (load->plan->rate && load->phase > LOAD_CONNECTING)
        send_due(load, now_ns);
    if (now_ns >= load->tick_ns)
        tick(load, now_ns = clock_ns());
    proceed(load, now_ns);
    return load->phase != LOAD_OVER;
}

void load_stop(struct load *load)
{
    enter(load, LOAD_OVER, clock_ns());
}

void load_deinit(struct load *load)
{
    for (unsigned i = 0; load->lanes && i < load->plan->connections; i++)
        lane_deinit(&load->lanes[i]);
    free(load->lanes);
    if (load->shared.epoll_fd >= 0)
        close(load->shared.epoll_fd);
    text_deinit(&load->shared.text);
    buffer_deinit(&load->shared.in);
    buffer_deinit(&load->shared.out);
    schedule_deinit(&load->schedule);
}
