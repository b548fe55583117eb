/* What may happen, and how often: the seed draws from this table. */
#include "faults/chaos/chaos.h"

#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/until.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPERS_MAX (sizeof(((struct chaos *)NULL)->helpers) / sizeof(pid_t))
#define RUDE_MAX 6
/* No helper lives longer, whatever happens to it. */
#define HELPER_SECONDS 45

static void ask_status(struct ledger *ledger, struct random *random)
{
    (void)ledger;
    for (unsigned left = random_between(random, 20, 100); left > 0; left--)
        json_decref(control_ask("status"));
}

static void status_storm(struct chaos *chaos)
{
    events_help(chaos, ask_status);
}

static void rude_client(struct chaos *chaos)
{
    events_help(chaos, rude_run);
}

/* A service whose workers leave, and a moment later are there again. */
static void drain_and_resume(struct ledger *ledger, struct random *random)
{
    const char *name = services[random_below(random, SERVICES)].name;
    char words[64];

    (void)ledger;
    snprintf(words, sizeof(words), "drain %s", name);
    json_decref(control_ask(words));
    nap(random_below(random, 200));
    snprintf(words, sizeof(words), "resume %s", name);
    json_decref(control_ask(words));
}

static void drain_service(struct chaos *chaos)
{
    events_help(chaos, drain_and_resume);
}

static void crowd(struct chaos *chaos)
{
    events_help(chaos, rude_crowd);
}

/* Signals that mean nothing to the master, or nothing yet. */
static void odd_signal(struct chaos *chaos)
{
    static const int numbers[] = {SIGTTIN, SIGTTOU, SIGCHLD, SIGWINCH, SIGCONT, SIGPIPE};

    kill(daemon_pid(), numbers[random_below(&chaos->random, sizeof(numbers) / sizeof(numbers[0]))]);
}

static void quiet_moment(struct chaos *chaos)
{
    nap(random_below(&chaos->random, 300));
}

static const struct event {
    const char *name;
    unsigned weight;
    void (*happen)(struct chaos *chaos);
} events[] = {
    {"kill a worker", 10, harm_kill},
    {"kill a worker in a phase", 10, harm_kill_in_phase},
    {"kill a worker by framectl", 2, harm_kill_by_framectl},
    {"crash a worker", 4, harm_crash},
    {"tell a worker to leave", 6, harm_tell_to_leave},
    {"kill a program", 10, harm_kill_program},
    {"stop a worker", 4, harm_stop},
    {"stop a program", 4, harm_stop_program},
    {"wait for a worker at a point", 16, harm_at_point},
    {"scale a pool", 6, change_size},
    {"drain a service for a while", 2, drain_service},
    {"reload", 8, change_reload},
    {"reload and wait", 4, change_reload_and_wait},
    {"reload what is bad", 8, change_spoil},
    {"reload storm", 2, change_storm},
    {"log rotation", 4, change_logs},
    {"log reopen storm", 2, change_logs_storm},
    {"status storm", 4, status_storm},
    {"rude client", 24, rude_client},
    {"crowd", 1, crowd},
    {"odd signal", 3, odd_signal},
    {"quiet moment", 4, quiet_moment},
};
#define EVENT_COUNT (sizeof(events) / sizeof(events[0]))

static const struct event *draw(struct random *random)
{
    unsigned total = 0;
    unsigned at;
    size_t i = 0;

    for (size_t e = 0; e < EVENT_COUNT; e++)
        total += events[e].weight;
    for (at = random_below(random, total); at >= events[i].weight; i++)
        at -= events[i].weight;
    return &events[i];
}

void events_help(struct chaos *chaos, void (*act)(struct ledger *ledger, struct random *random))
{
    struct random random = random_of(random_next(&chaos->random), chaos->events);
    size_t i = 0;

    for (size_t h = 0; h < HELPERS_MAX; h++)
        if (chaos->helpers[h] && waitpid(chaos->helpers[h], NULL, WNOHANG) == chaos->helpers[h])
            chaos->helpers[h] = 0;
    while (i < HELPERS_MAX && chaos->helpers[i])
        i++;
    if (i == HELPERS_MAX || (i >= RUDE_MAX && act != ask_status && act != drain_and_resume))
        return;
    chaos->helpers[i] = fork();
    ck_assert_int_ge(chaos->helpers[i], 0);
    if (chaos->helpers[i] == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(HELPER_SECONDS);
        act(chaos->ledger, &random);
        _exit(EXIT_SUCCESS);
    }
}

static void check_troubles(const struct chaos *chaos)
{
    const struct ledger *ledger = chaos->ledger;

    for (unsigned i = 0; i < CLIENTS; i++)
        ck_assert_msg(!ledger->accounts[i].troubled, "seed %llu: %s",
                      (unsigned long long)chaos->seed, ledger->accounts[i].trouble);
    ck_assert_msg(!ledger->rude_troubled, "seed %llu: %s", (unsigned long long)chaos->seed,
                  ledger->rude_trouble);
    ck_assert_msg(process_lives(daemon_pid()), "seed %llu: the master has ended",
                  (unsigned long long)chaos->seed);
}

void events_run(struct chaos *chaos, unsigned ms)
{
    uint64_t began = now_ms();

    while (now_ms() - began < ms) {
        const struct event *event = draw(&chaos->random);

        printf("%6llu ms: %s\n", (unsigned long long)(now_ms() - began), event->name);
        event->happen(chaos);
        chaos->events++;
        harm_go_on(false);
        check_troubles(chaos);
        nap(random_below(&chaos->random, 50));
    }
}

void events_end(struct chaos *chaos)
{
    harm_withdraw_points();
    harm_go_on(true);
    for (size_t i = 0; i < HELPERS_MAX; i++) {
        ck_assert_msg(!chaos->helpers[i] ||
                          UNTIL_WITHIN(2 * PATIENCE_MS, waitpid(chaos->helpers[i], NULL, WNOHANG) ==
                                                            chaos->helpers[i]),
                      "a helper does not end");
        chaos->helpers[i] = 0;
    }
    check_troubles(chaos);
}
