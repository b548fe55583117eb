/* The kernel ends a worker, and a worker's program, for want of memory: the log says so, and of
 * what somebody else killed it says that it was not that. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOT "/sys/fs/cgroup/memory"
#define LIMIT "268435456"

static char parent[512]; /* our own memory cgroup, and one below it for these tests */
static char group[600];

static bool put(const char *folder, const char *file, const char *text)
{
    char path[700];
    bool good;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    good = write(fd, text, strlen(text)) > 0;
    close(fd);
    return good;
}

/* Only cgroup v1 lets a process put a limit below its own group. */
static bool make_group(void)
{
    char *text = read_whole("/proc/self/cgroup");
    char *line = text ? strstr(text, ":memory:") : NULL;
    bool good;

    if (line) {
        line += strlen(":memory:");
        line[strcspn(line, "\n")] = '\0';
        snprintf(parent, sizeof(parent), ROOT "%s", line);
        snprintf(group, sizeof(group), "%s/framed-test-%d", parent, (int)getpid());
    }
    good = line && mkdir(group, 0755) == 0;
    free(text);
    /* Swap counts too, where it is counted. */
    if (good && put(group, "memory.limit_in_bytes", LIMIT)) {
        put(group, "memory.memsw.limit_in_bytes", LIMIT);
        return true;
    }
    if (good)
        rmdir(group);
    return false;
}

/* What framed starts is born where we are. */
static void move_to(const char *folder)
{
    char pid[16];

    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    ck_assert(put(folder, "cgroup.procs", pid));
}

static void eat(const char *handler)
{
    char config[512];
    int fd;

    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
             "handler { %s } }\n",
             handler);
    move_to(group);
    daemon_start(config);
    move_to(parent);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "!eat\n");
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    client_once("unix:$DIR/x.sock", "line", "well", "well");
}

START_TEST(a_worker)
{
    pid_t workers[WORKERS_MAX];

    eat("module = \"$HANDLERS/stuck.so\"");
    log_wait("event=worker-exit", "signal 9", "oom=yes", "phase=handling");
    status_wait_workers("it", 1);
    ck_assert_uint_eq(status_workers("it", workers), 1);
    kill(workers[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9", "oom=no");
}
END_TEST

START_TEST(a_program)
{
    pid_t workers[WORKERS_MAX], handlers[8];

    eat("command = {\"$HANDLERS/scripted\"}");
    log_wait("event=handler-died", "SIGKILL", "oom=yes");
    ck_assert_uint_eq(log_count("event=worker-exit"), 0);
    ck_assert_uint_eq(status_workers("it", workers), 1);
    ck_assert_uint_eq(process_children(workers[0], handlers, 8), 1);
    kill(handlers[0], SIGKILL);
    log_wait("event=handler-died", "SIGKILL", "oom=no");
    /* Nor is it the worker's, of which the master asks the same. */
    kill(workers[0], SIGKILL);
    log_wait("event=worker-exit", "signal 9", "oom=no");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_worker, a_program};
    int status;

    if (!make_group()) {
        puts("SKIP: no memory cgroup of cgroup v1 that this user may make");
        return EXIT_SKIP;
    }
    status = suite_run("oom", tests, sizeof(tests) / sizeof(tests[0]));
    if (!UNTIL(rmdir(group) == 0))
        printf("%s is left\n", group);
    return status;
}
