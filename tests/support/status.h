/* What a running framed says of itself, asked through its control socket. */
#ifndef FRAMED_TESTS_STATUS_H
#define FRAMED_TESTS_STATUS_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#define WORKERS_MAX 64

/* The answer to REQUEST of the control socket, for the caller to release; NULL without one. */
json_t *control_ask(const char *request);

/* Of the service's counters, a number by its path, such as "messages" or "closed.idle"; -1 when
 * there is no answer. */
long long status_counter(const char *service, const char *path);

/* A percentile ("p50", "p99", "max") of SERVICE's latency, in microseconds. */
long long status_latency(const char *service, const char *percentile);

/* For what reason whatever: how many connections have ended. */
long long status_closed(const char *service);

/* What the status says of SERVICE as KEY, a number such as "held"; -1: nothing. */
long long status_service(const char *service, const char *key);

/* The pids of SERVICE's workers (NULL: all) that are ready, by slot: how many. */
size_t status_workers(const char *service, pid_t pids[WORKERS_MAX]);

/* Those that are in ACTIVITY. */
size_t status_in(const char *service, const char *activity, pid_t pids[WORKERS_MAX]);

/* The process group of the program of SERVICE's one worker, as the master knows it; 0 without. */
pid_t status_handler_group(const char *service);

/* The pid of SERVICE's one busy worker, when it is in ACTIVITY ("reading", "handling"…); waits. */
pid_t status_wait_busy(const char *service, const char *activity);

/* Waits until none of these workers lives: until then they may take a connection yet. */
void status_wait_gone(const pid_t *pids, size_t count);

/* Waits until the number of ready workers, or the counter, is COUNT; fails without. */
void status_wait_workers(const char *service, size_t count);
void status_wait_counter(const char *service, const char *path, long long count);

/* A number or a word at the top of the status; -1 or "" without. */
long long status_number(const char *key);
const char *status_word(const char *key);

#endif
