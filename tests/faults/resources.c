/* No descriptors, no memory, no processes: what cannot be done is logged and tried again, and
 * everything else goes on. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAMS(more)                                                                             \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 connections = 1 " \
    "}\n"                                                                                          \
    "handler { command = {\"$HANDLERS/scripted\"} } " more " }\n"
#define ECHO(more)                                                                                 \
    "service it { listen = \"unix:$DIR/x.sock\" workers { max = 2 connections = 1 } handler { "    \
    "builtin = echo "                                                                              \
    "} " more " }\n"
#define MIB ((size_t)1024 * 1024)

/* Whose processes they are; root's may be anybody's. */
static uid_t owner;
static gid_t owners_group;

/* Without CAP_SYS_RESOURCE only the owner may. */
static void set_limit(pid_t pid, __rlimit_resource_t resource, const struct rlimit *limit)
{
    pid_t helper = fork();
    int status;

    ck_assert_int_ge(helper, 0);
    if (helper == 0) {
        if (owner && (setresgid(owners_group, owners_group, owners_group) < 0 ||
                      setresuid(owner, owner, owner) < 0))
            _exit(EXIT_FAILURE);
        _exit(prlimit(pid, resource, limit, NULL) < 0);
    }
    ck_assert_int_eq(waitpid(helper, &status, 0), helper);
    ck_assert_int_eq(status, 0);
}

/* Leaves PID no more than AT_MOST of RESOURCE. */
static void starve(pid_t pid, __rlimit_resource_t resource, rlim_t at_most)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(resource, &limit), 0);
    limit.rlim_cur = at_most;
    set_limit(pid, resource, &limit);
}

/* Gives it back what it was started with, as it was by us. */
static void feed(pid_t pid, __rlimit_resource_t resource)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(resource, &limit), 0);
    set_limit(pid, resource, &limit);
}

static rlim_t memory_of(pid_t pid)
{
    return (rlim_t)process_sum(pid, "status", (const char *const[]){"VmSize:", NULL}) * 1024;
}

/* One client that stays with one of the two workers, and is to notice nothing. */
static void start_load(struct load *load)
{
    load->style = LOAD_PERSISTENT;
    load->clients = 1;
    load->address = expand("unix:$DIR/x.sock");
    load_start(load);
    load_wait(load, 50);
}

/* A connection, and the worker that serves it; the load comes later. */
static pid_t take_worker(int *fd)
{
    *fd = raw_connect("unix:$DIR/x.sock");
    return status_wait_busy("it", "reading");
}

/* The program of the worker dies, and cannot be started for want of RESOURCE. */
static void starve_a_start(__rlimit_resource_t resource, rlim_t at_most, const char *error)
{
    struct load load = {.framing = "line"};
    pid_t worker, handler;
    int fd;

    worker = take_worker(&fd);
    start_load(&load);
    starve(worker, resource, at_most);
    raw_send_text(fd, "!die 1\n");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    log_wait("event=handler-failed", "cannot start", error);
    ck_assert_uint_eq(process_children(worker, &handler, 1), 0);
    load_wait(&load, 50);
    feed(worker, resource);
    ck_assert(UNTIL(({
        int probe = raw_connect("unix:$DIR/x.sock"); /* to the one that is free */

        raw_send_text(probe, "well\n");
        shutdown(probe, SHUT_WR);
        ck_assert_int_ne(raw_end(probe), RAW_TIMEOUT);
        process_children(worker, &handler, 1) == 1;
    })));
    load_wait(&load, 50);
    load_stop_clean(&load);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
}

/* Root is allowed any number of processes. */
static const char *as_nobody(void)
{
    const struct passwd *account = getpwnam("nobody");

    ck_assert_int_eq(chmod(expand("$DIR"), 0777), 0);
    if (geteuid() != 0)
        return "";
    ck_assert_ptr_nonnull(account);
    owner = account->pw_uid;
    owners_group = account->pw_gid;
    return "user = nobody\n";
}

static void start_as_nobody(const char *service)
{
    char config[1024];

    snprintf(config, sizeof(config), "%s%s", as_nobody(), service);
    daemon_start(config);
}

/* As many as it has are too few: a start needs more than an end gives back. */
START_TEST(no_descriptors_to_start_a_program)
{
    pid_t workers[WORKERS_MAX];

    daemon_start(PROGRAMS(""));
    ck_assert_uint_eq(status_workers("it", workers), 2);
    starve_a_start(RLIMIT_NOFILE, (rlim_t)process_descriptors(workers[0]) + 1, "open files");
}
END_TEST

START_TEST(no_process_for_a_program)
{
    start_as_nobody(PROGRAMS(""));
    starve_a_start(RLIMIT_NPROC, 1, "Resource temporarily unavailable");
}
END_TEST

/* As the limit is everybody's, so is the end of it. */
START_TEST(no_process_for_a_worker)
{
    struct load load = {.framing = "u32be"};
    struct output output;
    pid_t worker;
    int fd;

    start_as_nobody(ECHO(""));
    worker = take_worker(&fd);
    start_load(&load);
    starve(daemon_pid(), RLIMIT_NPROC, 1);
    kill(worker, SIGKILL);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    /* 100, 200, 400 ms … between them. */
    log_wait_count(3, "event=fork", "Resource temporarily unavailable");
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    ck_assert_ptr_nonnull(strstr(output.err, "Resource temporarily unavailable"));
    log_wait("event=reload-failed", "cannot start a worker");
    load_wait(&load, 50);
    ck_assert_int_eq(status_number("generation"), 1);
    ck_assert_uint_lt(log_count("event=fork"), 8);
    feed(daemon_pid(), RLIMIT_NPROC);
    status_wait_workers("it", 2);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 0);
    load_wait(&load, 50);
    load_stop_clean(&load);
}
END_TEST

static void send_large(int fd, size_t length)
{
    static char part[64 * 1024];
    unsigned char head[4] = {(unsigned char)(length >> 24), (unsigned char)(length >> 16),
                             (unsigned char)(length >> 8), (unsigned char)length};
    ssize_t sent = send(fd, head, sizeof(head), MSG_NOSIGNAL);

    while (sent > 0 && length > 0) {
        sent = send(fd, part, length < sizeof(part) ? length : sizeof(part), MSG_NOSIGNAL);
        length -= sent > 0 ? (size_t)sent : 0;
    }
}

/* A message that is within all limits but the machine's. */
START_TEST(no_memory_for_a_message)
{
    struct load load = {.framing = "u32be"};
    pid_t worker;
    int fd;

    daemon_start(ECHO("limits { max_message = 64MiB }"));
    worker = take_worker(&fd);
    start_load(&load);
    starve(worker, RLIMIT_AS, memory_of(worker) + MIB);
    send_large(fd, 32 * MIB);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    log_wait("event=closed", "reason=memory");
    for (int i = 0; i < 20; i++)
        client_once("unix:$DIR/x.sock", "u32be", "well", "well");
    load_wait(&load, 50);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
    ck_assert_int_eq(status_counter("it", "closed.memory"), 1);
}
END_TEST

START_TEST(no_memory_for_a_reply)
{
    struct load load = {.framing = "line"};
    pid_t worker;
    int fd;

    daemon_start(PROGRAMS("limits { max_reply = 64MiB }"));
    worker = take_worker(&fd);
    start_load(&load);
    starve(worker, RLIMIT_AS, memory_of(worker) + MIB / 2);
    raw_send_text(fd, "!long 4000000\n");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    log_wait("event=handler-protocol", "no memory for its output");
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    load_stop_clean(&load);
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
}
END_TEST

/* A reload that needs more comes to nothing; a worker that needs more is tried again. */
START_TEST(no_memory_for_the_master)
{
    struct load load = {.framing = "u32be"};
    struct output output;
    char *large = malloc(MIB / 2 + 1);
    pid_t worker;
    int fd;

    ck_assert_ptr_nonnull(large);
    memset(large, '#', MIB / 2);
    large[MIB / 2] = '\0';
    daemon_start(ECHO(""));
    worker = take_worker(&fd);
    start_load(&load);
    daemon_write("large.conf", large);
    free(large);
    daemon_configure("include(\"$DIR/large.conf\")\n" ECHO(""));
    starve(daemon_pid(), RLIMIT_AS, memory_of(daemon_pid()));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 1);
    log_wait("event=reload-failed", "memory");
    kill(worker, SIGKILL);
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    log_wait("event=worker-exit", "signal 9");
    load_wait(&load, 50);
    ck_assert_int_eq(status_number("generation"), 1);
    feed(daemon_pid(), RLIMIT_AS);
    status_wait_workers("it", 2);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_int_eq(output.status, 0);
    load_wait(&load, 50);
    load_stop_clean(&load);
}
END_TEST

static int run_with_all_memory(void)
{
    const TTest *const tests[] = {no_descriptors_to_start_a_program, no_process_for_a_program,
                                  no_process_for_a_worker};

    return suite_run("resources", tests, sizeof(tests) / sizeof(tests[0]));
}

static int run_without_memory(void)
{
    const TTest *const tests[] = {no_memory_for_a_message, no_memory_for_a_reply,
                                  no_memory_for_the_master};

    return suite_run("memory", tests, sizeof(tests) / sizeof(tests[0]));
}

/* A sanitizer needs the address space for itself. */
int main(void)
{
    int status = run_with_all_memory();

    if (status == EXIT_SUCCESS && !is_sanitized())
        status = run_without_memory();
    return status;
}
