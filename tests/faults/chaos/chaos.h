/*
 * Chaos: a framed of every kind of service under load, while whatever can go wrong does, at random
 * moments, as a seed says. In the end every request has its reply, or its connection an end that is
 * explained; nothing is left behind; all counters add up.
 *
 *   main.c      the tests, and what comes in which order
 *   services.c  the services, their configurations, good and bad
 *   client.c    clients that know each reply that they are owed
 *   rude.c      clients of no manners
 *   events.c    what may happen, a row each; harm.c to processes, change.c to configurations
 *   ending.c    why a connection ended, by the log
 *   sums.c      what framectl counts, and what is left
 *   points.c    moments that only the process itself can hit
 */
#ifndef FRAMED_TESTS_CHAOS_H
#define FRAMED_TESTS_CHAOS_H

#include "faults/chaos/random.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVICES 5
#define CLIENTS_EACH 2
#define CLIENTS (SERVICES * CLIENTS_EACH)
/* Requests that one client has under way at most. */
#define OUTSTANDING_MAX 8
/* Beyond all deadlines that the configurations set, one after the other. */
#define PATIENCE_MS 15000

/* services.c */

struct chaos_service {
    const char *name;
    const char *listen;
    const char *handler;
    bool lines;   /* framing line; else u32be */
    bool program; /* a program answers: that may fail for reasons of its own */
    bool once;    /* recycled after every request */
    int batch;    /* messages that its program may have at a time */
};

extern const struct chaos_service services[SERVICES];

/* The address of a service, as the log of the first start has told it. */
extern char addresses[SERVICES][128];

/* Starts framed with the quiet configuration and notes the addresses; then, again, at those. */
void services_start(void);
void services_start_again(void);

/* Writes the configuration: of pools that are drawn, of quiet ones, or one with a fault. */
void services_configure(struct random *random);
void services_configure_quiet(void);
/* What is wrong with it. */
const char *services_spoil(struct random *random);

/* The number of the service of this name; SERVICES: another one's. */
unsigned service_find(const char *name, size_t length);

/* client.c */

/* A connection that ended with requests unanswered. */
struct ending {
    enum how {
        ENDED, /* the stream ended between replies */
        CUT,   /* within one */
        RESET,
    } how;
    unsigned owed;
    unsigned long answered;
    char peer[64]; /* the client's address, as the log writes it */
};

#define ENDINGS_MAX 50000

/* What one client says of itself; written by its process only. */
struct account {
    _Atomic unsigned long connections;
    _Atomic unsigned long sent;
    _Atomic unsigned long answered;
    _Atomic unsigned long longest_ms;
    _Atomic unsigned long refused;
    atomic_uint ending_count;
    atomic_bool troubled;
    char trouble[256]; /* a wrong reply, one that never came …: there is no excuse */
    struct ending endings[ENDINGS_MAX];
};

/* Shared by all processes of the test. */
struct ledger {
    struct account accounts[CLIENTS];
    struct {
        _Atomic unsigned long connections;
        _Atomic unsigned long messages; /* at most */
    } rude[SERVICES];
    atomic_bool stop;
    atomic_bool may_refuse; /* the master is dead */
    char rude_trouble[256];
    atomic_bool rude_troubled;
};

struct chaos {
    uint64_t seed;
    struct random random;
    struct ledger *ledger;
    pid_t clients[CLIENTS];
    pid_t helpers[32];
    int taken_fd; /* listens at a port that is thus taken */
    unsigned rotated;
    unsigned events;
    /* Of each service: how often a worker was stopped, whom that may have cost a connection. */
    unsigned stopped[SERVICES];
    unsigned reloads_good, reloads_bad;
};

/* Client NUMBER's process. */
void client_run(struct ledger *ledger, unsigned number, uint64_t seed) __attribute__((noreturn));

/* A socket that is connected to SERVICE, for the time of PATIENCE_MS, or a negative errno; *PEER is
 * what the log calls it. */
int client_connect(unsigned service, char *peer, size_t size);

/* rude.c: behaves badly once, and returns when it has been shown the door. */
void rude_run(struct ledger *ledger, struct random *random);
void rude_crowd(struct ledger *ledger, struct random *random);

/* events.c */

/* Lets things happen for MS milliseconds. */
void events_run(struct chaos *chaos, unsigned ms);
/* What is not over yet: signals that are due, files that ask for some. */
void events_end(struct chaos *chaos);
/* Runs ACT in a process of its own; not when there are many already. */
void events_help(struct chaos *chaos, void (*act)(struct ledger *ledger, struct random *random));

/* harm.c */
void harm_kill(struct chaos *chaos);
void harm_kill_in_phase(struct chaos *chaos);
void harm_kill_by_framectl(struct chaos *chaos);
void harm_crash(struct chaos *chaos);
void harm_tell_to_leave(struct chaos *chaos);
void harm_kill_program(struct chaos *chaos);
void harm_stop(struct chaos *chaos);
void harm_stop_program(struct chaos *chaos);
void harm_at_point(struct chaos *chaos);
/* Wakes those whose time has come; all of them: when ALL. */
void harm_go_on(bool all);
void harm_withdraw_points(void);

/* change.c */
void change_reload(struct chaos *chaos);
void change_reload_and_wait(struct chaos *chaos);
void change_spoil(struct chaos *chaos);
void change_size(struct chaos *chaos);
void change_storm(struct chaos *chaos);
void change_logs(struct chaos *chaos);
void change_logs_storm(struct chaos *chaos);

/* ending.c */

/* What the log tells of workers. */
struct ends {
    unsigned long early; /* connections that ended so, each with a reason */
    unsigned long exits[SERVICES];
    unsigned long deaths[SERVICES];  /* of those, not in order, */
    unsigned long lost[SERVICES];    /* with so many connections */
    unsigned long overdue[SERVICES]; /* of those, for a message that took too long */
};
/* Fails unless each connection that ended early did so for a reason that the log names. */
void endings_check(const struct chaos *chaos, struct ends *ends);
/* The logs, one after the other: allocated. */
char *endings_logs(const struct chaos *chaos);

/* sums.c */

/* Fails unless the counters of a framed without clients add up with what clients know. */
void sums_check(const struct chaos *chaos, const struct ends *ends);
/* Descriptors of the master beyond those that its workers cost. */
int sums_descriptors(void);
/* No memory of ours has a name that could outlive us. */
void sums_check_memory(void);
/* Waits until there are no workers but those of the quiet configuration, all idle. */
void sums_wait_quiet(void);

#endif
