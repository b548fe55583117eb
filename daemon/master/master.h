/*
 * The master: binds, forks, supervises, reloads, answers the control socket. It never reads a
 * client's bytes, loads a handler, waits for a worker or sleeps.
 *
 *   master.c       life, loop, signals          reload.c     from the wish to the result
 *   generation.c   what one configuration runs  listeners.c  sockets, kept over reloads
 *   service.c      one service of it            shelf.c      where its connections change workers
 *   children.c     processes: fork, talk        reaper.c     their end
 *   orphans.c      what they leave behind
 *   pool.c         how many workers, pure       scaling.c    and what it takes
 *   liveness.c     whom to give up, pure        deadlines.c  and how
 *   queue.c        how long clients wait, pure  overload.c   and what is done about it
 *   control.c      framectl's socket            requests.c   what comes through it
 *   orders.c       who may command, and what    status.c     what framectl shows
 *   activation.c   what systemd passes          notify.c     what systemd hears
 *   handover.c     what an old framed leaves    upgrade.c    ... to a new one
 *   successor.c    starting that one            inherit.c    ... which takes it
 */
#ifndef FRAMED_MASTER_MASTER_H
#define FRAMED_MASTER_MASTER_H

#include "base/identity.h"
#include "base/loop.h"
#include "base/oom.h"
#include "ipc/counters.h"
#include "ipc/histogram.h"
#include "ipc/role.h"
#include "master/control.h"
#include "master/inherit.h"
#include "master/listeners.h"
#include "master/notify.h"
#include "master/pool.h"
#include "master/queue.h"
#include "master/upgrade.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct config;
struct gate;
struct master;
struct shelf;

#define REASON_SIZE 1024
/* A waiting connection may have woken a worker that is told to leave: it takes that one yet. */
#define ACCEPT_LAST 1

/* Connections that may be too many: how many there were, when to look again, and when the log was
 * last told. */
struct crowd {
    uint64_t seen;
    uint64_t look_ms;
    uint64_t told_ms;
};

/* What a service has come to over all its generations; found by name. */
struct totals {
    struct totals *next;
    char name[64];
    struct counters counters; /* of workers that have gone */
    struct histogram latency; /* theirs too */
    uint64_t started;
    uint64_t crashed;
    struct pressure pressure;     /* of those who wait */
    bool drained;                 /* by order: has no workers until it is resumed */
    bool wake;                    /* its workers are to look at their listeners */
    char last_error[REASON_SIZE]; /* how the last worker that did not leave in order ended */
    uint64_t failed_ms;           /* and when; 0: none did */
    struct crowd crowd;
};

/* A service as one generation runs it. */
struct service {
    struct watch bell; /* somebody waits at a listener; first, see scaling.c */
    bool listens;      /* to the bell */
    const struct service_config *config;
    struct generation *generation;
    struct totals *totals;
    struct pool pool;
    struct pool ushers;  /* one, where clients are turned away */
    struct pool keepers; /* one, where connections can be moved */
    struct listener **listeners;
    int *listener_fds; /* the same, as workers are given them */
    struct gate **gates;
    size_t listener_count;
    struct shelf *shelf; /* NULL: its connections stay where they are */
    char *likeness; /* of a service that can go on with what is there; NULL: there is no memory */
    char *forsaken; /* once it leaves: a `1` for each listener that nobody else has */
    unsigned lost;  /* workers that were ready, and ended before the generation was current */
};

enum generation_phase {
    GENERATION_TRIAL,   /* one worker of each service, the canary, has to get ready */
    GENERATION_FILLING, /* then the others; until here it may still come to nothing */
    GENERATION_CURRENT,
    GENERATION_LEAVING, /* drains, or is abandoned */
};

/* All that runs by one configuration. */
struct generation {
    struct generation *next;
    struct config *config;
    enum generation_phase phase;
    uint64_t number;
    struct service *services;
    size_t service_count;
    size_t children;
    char needs_restart[64]; /* the keys that its configuration could not change; empty: none */
};

enum child_state {
    CHILD_STARTING,
    CHILD_READY,
    CHILD_DRAINING,
    CHILD_KILLED
};

/* A worker, an usher or a keeper, as the master knows it: named by slot and generation, never by
 * pid alone. */
struct child {
    struct watch watch; /* its status pipe; first, see children.c */
    struct master *master;
    struct service *service;
    struct pool *pool; /* the one of SERVICE that it counts in */
    enum role role;
    enum child_state state;
    unsigned slot;
    uint64_t generation; /* of this process: unique in this run */
    pid_t pid;
    pid_t group; /* the co-process group that must die with it; 0: none */
    bool was_ready;
    int control_fd;
    int status_fd;
    uint64_t started_ms;
    uint64_t deadline_ms;      /* of its state: start or drain; 0: none */
    uint64_t repeat_ms;        /* when to tell it to drain again */
    int64_t may_accept;        /* what it was told with RECORD_DRAIN */
    uint64_t stopped_ms;       /* since when it is stopped by a signal; 0: it is not */
    uint64_t told_ms;          /* when SIGTERM was sent, for what it was at then: */
    uint64_t told_since_ms;    /* as of its slot */
    bool acknowledged;         /* the drain */
    bool due;                  /* to be replaced, and then to be let go */
    bool leaving;              /* was let go: its pool counts on it no more */
    unsigned owed;             /* bits of the records that found its pipe full */
    const char *killed_for;    /* the deadline that we killed it for; NULL: not us */
    struct counters last;      /* the last good snapshot */
    char failure[REASON_SIZE]; /* why it did not start, in its words */
};

/* Where the configuration comes from, again at each reload. */
typedef int master_load(void *context, struct config **config, char *error, size_t size);

struct master_options {
    master_load *load;
    void *context;
    struct config *config; /* the first one, loaded already; the master's from now on */
    bool announce;         /* print the bound addresses on standard output when ready */
    const struct role_table *roles;
};

struct master {
    const struct master_options *options;
    struct loop loop;
    struct crowd crowd;
    struct watch signals;
    int signal_fd;
    rlim_t file_limit; /* as we found it: workers and handlers get it back */
    int pid_fd;        /* of the pid file, locked; -1: none */
    int diag_fd;       /* asks the kernel of Unix listeners; -1: none */
    char *pid_file;    /* its path */
    struct identity identity;
    struct oom oom;
    uint64_t mark;             /* what the marks of all our workers begin with (base/kin.h) */
    uint64_t orphans_until_ms; /* until then we wait for what dead workers left; 0: nothing */
    struct slot *slots;
    struct child **children; /* by slot; SLOTS_MAX of them */
    unsigned slots_used;     /* no child at or above this slot */
    unsigned forks_left;     /* in this round of the loop */
    struct listeners listeners;
    struct generation *generations; /* all that have processes, or are wanted */
    struct generation *current;
    struct generation *next; /* being started */
    struct totals *totals;
    struct control control;
    struct notify notify;
    struct upgrade upgrade;
    struct inheritance inheritance;
    uint64_t generation_number;
    uint64_t child_number;
    uint64_t started_ms;
    uint64_t resumed_ms; /* when we, or the whole machine, last went on after a standstill */
    bool reload_wanted;
    bool stopping;
    bool at_once;
    int exit_status;
    const char *last_try;         /* "reload" or "upgrade" */
    char last_error[REASON_SIZE]; /* what came of it; empty: it went well */
    uint64_t tried_ms;            /* when that was */
    uint64_t reloads;
};

/* Runs until told to stop. The process's exit status. Frees OPTIONS->config. */
int master_run(const struct master_options *options);

/* service.c */

/* Makes the INDEX-th service of GENERATION: binds what it listens to, takes what was there before.
 * 0, or a negative errno with a message in ERROR; service_free() either way. */
int service_prepare(struct master *master, struct generation *generation, size_t index, char *error,
                    size_t size);
void service_free(struct master *master, struct service *service);
/* Whether connections that are on the shelf of SERVICE will be taken. */
bool service_is_taken_over(const struct master *master, const struct service *service);
/* It serves from now on: what its configuration wants of sockets that were there before. */
void service_settle(const struct service *service);
/* It serves no more: lets go of most of its listeners. */
void service_release(struct master *master, struct service *service);

/* generation.c */

/* Binds what CONFIG wants that is not bound yet. Takes CONFIG, also when it fails. 0 and
 * *GENERATION, to be launched or freed, or a negative errno with a message in ERROR: everything is
 * as it was. */
int generation_prepare(struct master *master, struct config *config, struct generation **generation,
                       char *error, size_t size);
/* Takes what was prepared: its workers start from now on, the canaries first. */
void generation_launch(struct master *master, struct generation *generation);
/* Whether it may still come to nothing, and nobody is served by it yet. */
bool generation_is_starting(const struct generation *generation);
/* Frees a generation without processes, and lets go of its listeners. */
void generation_free(struct master *master, struct generation *generation);
/* From now on GENERATION, all of whose workers are ready, is the one that serves. */
void generation_commit(struct master *master, struct generation *generation);
/* A worker of the generation that is being started is ready: perhaps it was the last of its stage.
 */
void generation_progress(struct master *master, struct generation *generation);
/* The generation that is being started comes to nothing. */
void generation_abandon(struct master *master, const char *reason);
/* Lets go of the generation and tells its workers to finish. */
void generation_drain(struct master *master, struct generation *generation, int64_t may_accept);
/* Frees what has no process any more. */
void generation_collect(struct master *master);

/* reload.c */

/* Wants the configuration loaded anew: now, or when the reload that is under way has ended. */
void master_reload(struct master *master);
void master_reload_if_wanted(struct master *master);
/* The reload (or the start) has ended; REASON is NULL when it went well. */
void master_reloaded(struct master *master, const char *reason);
/* Notes WHY (NULL: nothing) as it can be shown: the log takes any bytes, JSON does not. */
void reason_note(char reason[REASON_SIZE], const char *why);
/* There was nothing to go on with: says why, and leaves. */
void master_start_failed(struct master *master, const char *reason);

/* master.c */

/* Drains everything and leaves; AT_ONCE, or told a second time: without waiting. */
void master_stop(struct master *master, bool at_once);
/* Opens the log files anew, here and in all workers. */
void master_reopen_logs(struct master *master);

/* children.c */

/* Forks one child for SERVICE. 0, or a negative errno. */
int child_start(struct master *master, struct service *service, enum role role);
/* Tells CHILD to finish, accepting MAY_ACCEPT connections yet; repeated until it has heard. */
void child_drain(struct child *child, int64_t may_accept);
/* Lets CHILD take connections. */
void child_serve(struct child *child);
/* Kills CHILD and its co-process; WHY is the word for the log. */
void child_kill(struct child *child, const char *why);
/* Sends a record of TYPE to CHILD and makes it look. */
void child_tell(struct child *child, unsigned type, int64_t value);
/* Takes at most MOST records of what CHILD has to say. */
void child_listen(struct child *child, int most);
/* deadlines.c */

/* Does what time asks for, and says when to look again (monotonic ms; 0: never). */
uint64_t children_check(struct master *master, uint64_t now_ms);
/* We wanted to wake at WANTED_MS (0: whenever), and it is NOW_MS: if that is much later, whatever
 * runs out for a worker gets that much longer. */
void children_forgive(struct master *master, uint64_t wanted_ms, uint64_t now_ms);

/* scaling.c */

/* Makes the pool of SERVICE, whose listeners are bound. 0 or a negative errno. */
int scaling_init(struct master *master, struct service *service);
/* Lets the pool of a current generation's SERVICE follow what was ordered: drained or not. */
void scaling_settle(struct service *service);
/* Hears of its listeners no more; harmless on a zeroed service. */
void scaling_deinit(struct service *service);
/* Brings the pools of GENERATION (or NULL) to what their policy wants; when to look again
 * (monotonic ms; 0: never). */
uint64_t scaling_run(struct master *master, struct generation *generation, uint64_t now_ms);
/* Whether no worker of SERVICE is free, and none will be started. */
bool scaling_is_exhausted(const struct master *master, const struct service *service,
                          uint64_t now_ms);
/* CHILD has reached a limit (enum due): it is to be replaced. */
void child_due(struct child *child, int64_t why);
/* Finds out whether CHILD has lived long enough; when it will have (monotonic ms; 0: never). */
uint64_t child_check_lifetime(struct child *child, uint64_t now_ms);

/* keepers.c */

/* Makes the pool of SERVICE's one keeper, or of none; its shelf is known. */
void keepers_init(struct service *service);
/* Lets it follow the workers' pool: paused or not. */
void keepers_settle(struct service *service);
/* Lets go of the keeper of a service that is paused. */
void keepers_shrink(const struct master *master, const struct service *service);
/* Holds SERVICE to its max_connections; when to look again (monotonic ms; 0: never). */
uint64_t keepers_limit(const struct master *master, const struct service *service, uint64_t now_ms);
/* The same of all services together. */
uint64_t keepers_limit_all(struct master *master, uint64_t now_ms);
/* The keeper of SERVICE, or NULL. */
struct child *keepers_find(const struct master *master, const struct service *service);
/* The pool of SERVICE's processes in ROLE. */
struct pool *keepers_pool(struct service *service, enum role role);

/* overload.c */

/* Makes the pool of SERVICE's one usher, or of none. */
void overload_init(struct service *service);
/* SERVICE is of the current generation from now on. */
void overload_settle(const struct master *master, struct service *service);
/* Looks at the queues of SERVICE, if it is time to; when to look again (monotonic ms; 0: when
 * somebody knocks). */
uint64_t overload_run(const struct master *master, const struct service *service, uint64_t now_ms);
/* Who waits at its listeners now. */
struct pressure_sight overload_see(const struct master *master, const struct service *service);
/* Its usher, or NULL. */
struct child *overload_usher(const struct master *master, const struct service *service);

/* reaper.c */

/* Buries whoever has ended. */
void children_reap(struct master *master);
/* Lets the workers of TOTALS' service (NULL: all) look at their listeners: somebody who is gone may
 * have been woken for a connection, and nobody else. */
void children_wake(struct master *master, const struct totals *totals);

/* orphans.c */

/* Takes in whatever dead workers leave. 0 or a negative errno. */
int orphans_init(struct master *master);
/* The mark of the worker with this GENERATION, and of what it starts. */
uint64_t orphans_mark(const struct master *master, uint64_t generation);
/* A worker has ended, or something that one has left: kills what is left of those that are no more,
 * and nothing else. Those that it has started are told of when it ends. */
void orphans_end(struct master *master);
/* Whether some are dying, and need not be given up yet. */
bool orphans_remain(const struct master *master);

/* orders.c */

/* Whether the peer at FD may do more than look. */
bool order_is_permitted(const struct control *control, int fd);
/* Kills the worker that WORDS ("SERVICE SLOT") name; its pool replaces it. 0, or a
 * negative errno with a message in ERROR. */
int order_kill_worker(struct master *master, const char *words, char *error, size_t size);
/* Makes the pool that WORDS ("SERVICE N", "SERVICE +N", "SERVICE -N") name that large. 0, and how
 * large it was and is, or a negative errno with a message in ERROR. */
int order_scale(struct master *master, const char *words, unsigned *before, unsigned *after,
                char *error, size_t size);
/* The same, of every service, by the signals' STEP. */
void order_scale_all(struct master *master, int step);
/* Lets the workers of SERVICE leave, or has them back. 0 and *TOTALS, or a negative errno with a
 * message in ERROR. */
int order_drain(struct master *master, const char *service, bool drain, struct totals **totals,
                char *error, size_t size);
/* What has come of it: 1 when it is done, 0 while it is not, or a negative errno with a message. */
int order_drained(const struct master *master, const struct totals *totals, char *error,
                  size_t size);
int order_resumed(const struct master *master, const struct totals *totals, char *error,
                  size_t size);

/* status.c */
/* Everything that framectl status shows; the caller's reference. NULL without memory. */
json_t *status_make(struct master *master);

#endif
