/*
 * `per_connection`: a program for each connection, as inetd and tcpserver run them. The client's
 * socket is its standard input and output, and nobody else reads or writes there; we log what it
 * says on its standard error, and wait for its end.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/runnable.h"
#include "config/config.h"
#include "handler/coprocess.h"
#include "handler/kinds.h"
#include "handler/limiter.h"
#include "handler/pairs.h"
#include "handler/unbuffer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* From SIGTERM to SIGKILL at most, where it is for `request` that a program has to end: a second
 * later our master takes it for our fault. */
#define REQUEST_GRACE_MS 500
#define LOGS_PER_SECOND 10
#define KEEP_IDLE_S 60
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT 6

struct per_connection {
    struct handler base;
    struct coprocess program; /* with no pipe but its standard error */
    struct limiter ends;
};

/* A client whose machine has gone says nothing, and most programs would wait for it for ever. */
static void keep_alive(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT},
    };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static void describe(struct pairs *pairs, const struct handler_host *host,
                     const struct framed_peer *peer)
{
    pairs->length = 0;
    pairs_add_peer(pairs, peer);
    pairs_add_cgi(pairs, peer);
    pairs_add(pairs, "FRAMED_SERVICE", host->service->name);
    pairs_add_number(pairs, "FRAMED_WORKER", host->slot);
}

/* Whether PAIRS, COUNT strings, have the name of STRING. */
static bool is_named(char *const *pairs, size_t count, const char *string)
{
    size_t length = strcspn(string, "=");

    for (size_t i = 0; i < count; i++)
        if (strncmp(pairs[i], string, length) == 0 && pairs[i][length] == '=')
            return true;
    return false;
}

/* PAIRS, and of our own environment what they do not name. The strings stay where they are; free()
 * the array. NULL without memory. */
static char **environment_with(struct pairs *pairs)
{
    size_t most = 1;
    size_t count = 0;
    size_t named;
    char **strings;

    for (size_t at = 0; at < pairs->length; at += strlen(pairs->text + at) + 1)
        most++;
    for (char **string = environ; *string; string++)
        most++;
    strings = calloc(most, sizeof(*strings));
    if (!strings)
        return NULL;
    for (size_t at = 0; at < pairs->length; at += strlen(pairs->text + at) + 1)
        strings[count++] = pairs->text + at;
    named = count;
    for (char **string = environ; *string; string++)
        if (!is_named(strings, named, *string))
            strings[count++] = *string;
    return strings;
}

static void tell_fault(const struct per_connection *own, const char *why)
{
    const struct handler_host *host = own->base.host;

    if (host->faulted)
        host->faulted(host->context, why);
}

static int start_program(struct per_connection *own, int fd, const struct framed_peer *peer)
{
    const struct handler_host *host = own->base.host;
    struct pairs pairs;
    struct process_setup setup = {.socket = fd, .as = &host->service->process};
    char **words = unbuffer_words(&host->service->handler);
    char **environment;
    char error[256] = "no memory";
    int result = -ENOMEM;

    describe(&pairs, host, peer);
    environment = environment_with(&pairs);
    setup.argv = words;
    setup.environment = environment;
    stderr_log_init(&own->program.errors);
    if (words && environment)
        result = process_start(&own->program.process, &setup, error, sizeof(error));
    free(environment);
    free(words);
    if (result == 0) {
        host->group_changed(host->context, own->program.process.pid);
        return 0;
    }
    tell_fault(own, error);
    if (limiter_pass(&own->ends, LOGS_PER_SECOND, clock_coarse_ms()))
        log_error("handler-failed", LOG_STR("error", error),
                  LOG_INT("suppressed", limiter_take(&own->ends)));
    return result;
}

/* Asks it to end, and waits until UNTIL_MS. */
static void ask(struct coprocess *program, uint64_t until_ms)
{
    program->host = NULL; /* nobody has anything more to say */
    program->leave_by_ms = 0;
    process_signal(&program->process, SIGTERM);
    while (coprocess_wait(program, false, until_ms, UINT64_MAX) == COPROCESS_QUIET)
        ;
}

/* True when it has ended by itself; else it was asked to, and may still be there. */
static bool wait_for_end(struct per_connection *own, uint64_t deadline_ms)
{
    const struct handler_host *host = own->base.host;
    struct coprocess *program = &own->program;
    uint64_t grace_ms = host->service->deadlines.grace_ms;
    enum coprocess_sight sight;

    program->host = host;
    program->leave_by_ms = host->interrupted ? host->interrupted(host->context) : 0;
    do
        sight = coprocess_wait(program, false, deadline_ms, UINT64_MAX);
    while (sight == COPROCESS_QUIET);
    if (sight == COPROCESS_ENDED)
        return true;
    if (deadline_ms && clock_ms() >= deadline_ms && grace_ms > REQUEST_GRACE_MS)
        grace_ms = REQUEST_GRACE_MS;
    ask(program, clock_earlier(deadline_ms, program->leave_by_ms) + grace_ms);
    return false;
}

/* How it ended by itself. A client that left is no fault of the program's. */
static enum handler_outcome judge(const struct process *process)
{
    siginfo_t about = {0};

    waitid(P_PIDFD, (id_t)process->pid_fd, &about, WEXITED | WNOHANG | WNOWAIT);
    if (about.si_code == CLD_EXITED)
        return about.si_status == 0 ? HANDLER_OK : HANDLER_FAILED;
    return about.si_status == SIGPIPE ? HANDLER_IO : HANDLER_DIED;
}

static void log_end(struct per_connection *own, const struct framed_peer *peer,
                    enum handler_outcome outcome, pid_t pid, const char *status, uint64_t took_ms)
{
    char why[256];

    if (outcome == HANDLER_OK || outcome == HANDLER_IO)
        return;
    snprintf(why, sizeof(why), "\"%s\" ended: %s", own->base.host->service->handler.command[0],
             status);
    tell_fault(own, why);
    if (!limiter_pass(&own->ends, LOGS_PER_SECOND, clock_coarse_ms()))
        return;
    log_warning(handler_outcome_word(outcome), LOG_INT("handler_pid", pid),
                LOG_STR("peer", peer->address), LOG_INT("connection", peer->connection),
                LOG_STR("status", status), LOG_INT("took_ms", took_ms),
                LOG_INT("suppressed", limiter_take(&own->ends)));
}

static enum handler_outcome serve(struct handler *handler, int fd, const struct framed_peer *peer,
                                  uint64_t deadline_ms)
{
    struct per_connection *own = (struct per_connection *)handler;
    uint64_t began_ms = clock_ms();
    char status[PROCESS_STATUS_SIZE];
    enum handler_outcome outcome;
    pid_t pid;

    keep_alive(fd);
    if (start_program(own, fd, peer) < 0)
        return HANDLER_FAILED;
    pid = own->program.process.pid;
    outcome = wait_for_end(own, deadline_ms) ? judge(&own->program.process) : HANDLER_TIMEOUT;
    coprocess_finish(&own->program, status);
    handler->host->group_changed(handler->host->context, 0);
    log_end(own, peer, outcome, pid, status[0] ? status : "killed", clock_ms() - began_ms);
    return outcome;
}

static int start(struct handler *handler, char *error, size_t size)
{
    struct per_connection *own = (struct per_connection *)handler;
    const struct service_config *service = handler->host->service;
    const struct runnable runnable = {.program = service->handler.command[0],
                                      .directory = service->process.directory,
                                      .path = config_search_path(service)};
    int result = config_find_command(service);
    char why[256];

    coprocess_init(&own->program, NULL);
    if (result == 0)
        return 0;
    runnable_explain(&runnable, result, why, sizeof(why));
    snprintf(error, size, "cannot start \"%s\": %s", runnable.program, why);
    return result;
}

const struct handler_ops handler_per_connection = {
    .alone = true,
    .name = "per_connection",
    .size = sizeof(struct per_connection),
    .start = start,
    .serve = serve,
};
