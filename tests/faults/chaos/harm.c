/* Harm to processes: by signals from outside, and at points that only they themselves can hit. */
#include "faults/chaos/chaos.h"

#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/until.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Those who are stopped, and go on later. */
#define SLEEPERS_MAX 32

static struct sleeper {
    int fd; /* of the process, which may be gone by then; 0: none */
    uint64_t until_ms;
} sleepers[SLEEPERS_MAX];

/* Where TEST_POINT stands. */
static const char *const points[] = {"accept", "accepted", "handle", "replied", "publish",
                                     "start",  "ready",    "drain",  "leave",   "given",
                                     "kept",   "passed",   "adopted"};
#define POINT_COUNT (sizeof(points) / sizeof(points[0]))
static const int point_signals[] = {SIGKILL, SIGKILL, SIGKILL, SIGSTOP, SIGABRT};
#define POINT_SIGNAL_COUNT (sizeof(point_signals) / sizeof(point_signals[0]))

/* Any process of framed's but the master, whatever it is doing: a worker, or what a worker runs. 0:
 * there is none. */
static pid_t draw_process(struct chaos *chaos, bool program)
{
    pid_t workers[PROCESSES_MAX];
    pid_t programs[PROCESSES_MAX];
    unsigned count = (unsigned)process_children(daemon_pid(), workers, PROCESSES_MAX);

    for (int tries = 0; tries < 5 && count > 0; tries++) {
        pid_t worker = workers[random_below(&chaos->random, count)];
        size_t some = program ? process_children(worker, programs, PROCESSES_MAX) : 0;

        if (!program)
            return worker;
        if (some > 0)
            return programs[random_below(&chaos->random, (unsigned)some)];
    }
    return 0;
}

static void hit(struct chaos *chaos, bool program, int number)
{
    pid_t pid = draw_process(chaos, program);

    if (pid > 0)
        kill(pid, number);
}

void harm_kill(struct chaos *chaos)
{
    hit(chaos, false, SIGKILL);
}

void harm_kill_program(struct chaos *chaos)
{
    hit(chaos, true, random_percent(&chaos->random, 80) ? SIGKILL : SIGTERM);
}

/* A sanitizer would report the segmentation fault as one of its own finds. */
void harm_crash(struct chaos *chaos)
{
    hit(chaos, false, is_sanitized() ? SIGABRT : SIGSEGV);
}

void harm_tell_to_leave(struct chaos *chaos)
{
    hit(chaos, false, SIGTERM);
}

/* Of the workers that STATUS shows, any one whose KEY is VALUE; NULL: there is none. */
static const json_t *draw_worker(struct chaos *chaos, const json_t *status, const char *key,
                                 const char *value)
{
    const json_t *workers = json_object_get(status, "workers");
    unsigned count = (unsigned)json_array_size(workers);

    for (unsigned left = count, at = count ? random_below(&chaos->random, count) : 0; left > 0;
         left--, at++) {
        const json_t *worker = json_array_get(workers, at % count);

        if (!key || strcmp(json_string_value(json_object_get(worker, key)), value) == 0)
            return worker;
    }
    return NULL;
}

void harm_kill_in_phase(struct chaos *chaos)
{
    static const struct {
        const char *key, *value;
    } phases[] = {{"activity", "idle"},     {"activity", "reading"},  {"activity", "receiving"},
                  {"activity", "handling"}, {"activity", "writing"},  {"state", "starting"},
                  {"state", "draining"},    {"activity", "handling"}, {"activity", "writing"}};
    unsigned phase = random_below(&chaos->random, sizeof(phases) / sizeof(phases[0]));
    json_t *status = control_ask("status");
    const json_t *worker = draw_worker(chaos, status, phases[phase].key, phases[phase].value);

    if (worker)
        kill((pid_t)json_integer_value(json_object_get(worker, "pid")), SIGKILL);
    json_decref(status);
}

void harm_kill_by_framectl(struct chaos *chaos)
{
    json_t *status = control_ask("status");
    const json_t *worker = draw_worker(chaos, status, NULL, NULL);
    char words[128];

    if (worker) {
        snprintf(words, sizeof(words), "kill-worker %s %d",
                 json_string_value(json_object_get(worker, "service")),
                 (int)json_integer_value(json_object_get(worker, "slot")));
        json_decref(control_ask(words));
    }
    json_decref(status);
}

/* PID goes on in MS milliseconds; not at all when too many are to. */
static void wake_later(pid_t pid, unsigned ms)
{
    for (size_t i = 0; i < SLEEPERS_MAX; i++)
        if (sleepers[i].fd == 0) {
            int fd = (int)syscall(SYS_pidfd_open, pid, 0);

            if (fd > 0)
                sleepers[i] = (struct sleeper){fd, now_ms() + ms};
            return;
        }
}

void harm_go_on(bool all)
{
    for (size_t i = 0; i < SLEEPERS_MAX; i++)
        if (sleepers[i].fd > 0 && (all || now_ms() >= sleepers[i].until_ms)) {
            syscall(SYS_pidfd_send_signal, sleepers[i].fd, SIGCONT, NULL, 0);
            close(sleepers[i].fd);
            sleepers[i].fd = 0;
        }
}

static void stop(struct chaos *chaos, pid_t pid)
{
    bool for_ever = random_percent(&chaos->random, 30);
    unsigned ms = random_between(&chaos->random, 10, 1500);

    if (pid > 0 && kill(pid, SIGSTOP) == 0 && !for_ever)
        wake_later(pid, ms);
}

/* "framed: NAME #SLOT" */
static unsigned service_of(pid_t pid)
{
    char title[128];
    const char *name = title + strlen("framed: ");

    process_title(pid, title, sizeof(title));
    return strlen(title) > strlen("framed: ") ? service_find(name, strcspn(name, " ")) : SERVICES;
}

void harm_stop(struct chaos *chaos)
{
    pid_t pid = draw_process(chaos, false);
    unsigned service = pid > 0 ? service_of(pid) : SERVICES;

    if (service < SERVICES)
        chaos->stopped[service]++;
    stop(chaos, pid);
}

void harm_stop_program(struct chaos *chaos)
{
    stop(chaos, draw_process(chaos, true));
}

static const char *point_file(size_t point, size_t number)
{
    char name[64];

    snprintf(name, sizeof(name), "$DIR/%s-%d", points[point], point_signals[number]);
    return expand(name);
}

void harm_at_point(struct chaos *chaos)
{
    size_t point = random_below(&chaos->random, POINT_COUNT);
    size_t number = random_below(&chaos->random, POINT_SIGNAL_COUNT);
    int fd = open(point_file(point, number), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    /* Whose it will be, nobody knows. */
    for (unsigned i = 0; fd >= 0 && point_signals[number] == SIGSTOP && i < SERVICES; i++)
        chaos->stopped[i]++;
}

void harm_withdraw_points(void)
{
    for (size_t point = 0; point < POINT_COUNT; point++)
        for (size_t number = 0; number < POINT_SIGNAL_COUNT; number++)
            unlink(point_file(point, number));
}
