/* What surrounds a handler: its environment, and what else a service says of its process. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVICE(more, script)                                                                      \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n" more         \
    "\nhandler { command = {\"sh\", \"-c\", \"while read -r line; do " script "; done\"} } }\n"

/* A shell adds to what it was given. */
#define SHOW_ENVIRONMENT "tr '\\\\0' ' ' </proc/$$/environ; echo"

static void check_reply(const char *expected)
{
    client_once(expand("unix:$DIR/x.sock"), "line", "what", expand(expected));
}

static void own_environment(void)
{
    clearenv();
    setenv("PATH", "/bin:/usr/bin", 1);
    setenv("LANG", "de_DE.UTF-8", 1);
    setenv("HOME", "/nowhere", 1);
    setenv("SECRET", "hunter2", 1);
    setenv("NAMED", "on purpose", 1);
    setenv("LISTEN_FDNAMES", "x", 1);
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
}

START_TEST(only_what_is_named_gets_through)
{
    daemon_prepare_with(own_environment);
    daemon_start(SERVICE("environment { OWN = \"x=y\" NAMED = \"${NAMED}!\" }", SHOW_ENVIRONMENT));
    check_reply("PATH=/bin:/usr/bin LANG=de_DE.UTF-8 USER=root HOME=/root TMPDIR=/tmp "
                "PYTHONUNBUFFERED=1 OWN=x=y NAMED=on purpose! ");
}
END_TEST

static void no_environment(void)
{
    clearenv();
}

START_TEST(there_is_one_where_there_was_none)
{
    daemon_prepare_with(no_environment);
    daemon_start(SERVICE("", SHOW_ENVIRONMENT));
    check_reply("PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 USER=root HOME=/root TMPDIR=/tmp "
                "PYTHONUNBUFFERED=1 ");
}
END_TEST

/* Where the program itself is looked for, too. */
START_TEST(a_service_replaces_what_all_have)
{
    daemon_prepare_with(own_environment);
    daemon_start(SERVICE("environment { PATH = \"$DIR:/usr/bin:/bin\" PYTHONUNBUFFERED = \"\"\n"
                         "    USER = u HOME = h LANG = l TMPDIR = t }",
                         SHOW_ENVIRONMENT));
    check_reply("PATH=$DIR:/usr/bin:/bin PYTHONUNBUFFERED= USER=u HOME=h LANG=l TMPDIR=t ");
}
END_TEST

START_TEST(a_reload_brings_another)
{
    struct output output;

    daemon_start(SERVICE("environment { ONE = 1 }", "echo $ONE$TWO"));
    check_reply("1");
    daemon_configure(SERVICE("environment { TWO = 2 }", "echo $ONE$TWO"));
    RUN(&output, FRAMECTL, "-s", daemon_control(), "reload");
    ck_assert_msg(output.status == 0, "%s", output.err);
    check_reply("2");
}
END_TEST

static bool is_worker(pid_t pid)
{
    char path[64];
    char *name;
    bool is;

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    name = read_whole(path);
    is = name && strcmp(name, "framed-worker\n") == 0;
    free(name);
    return is;
}

/* The one worker; there is no control socket to ask. */
static pid_t worker_pid(void)
{
    pid_t pids[PROCESSES_MAX];
    size_t count = process_children(daemon_pid(), pids, PROCESSES_MAX);
    pid_t worker = 0;

    for (size_t i = 0; i < count; i++) {
        ck_assert(worker == 0 || !is_worker(pids[i]));
        worker = is_worker(pids[i]) ? pids[i] : worker;
    }
    ck_assert_int_gt(worker, 0);
    return worker;
}

static rlim_t limit_of(pid_t pid, __rlimit_resource_t resource)
{
    struct rlimit limit;

    ck_assert_int_eq(prlimit(pid, resource, NULL, &limit), 0);
    return limit.rlim_cur;
}

static const char *directory_of(pid_t pid)
{
    static char directory[PATH_MAX];
    char path[64];
    ssize_t length;

    snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
    length = readlink(path, directory, sizeof(directory) - 1);
    ck_assert_int_gt(length, 0);
    directory[length] = '\0';
    return directory;
}

#define ATTRIBUTES                                                                                 \
    "process { directory = \"$DIR\" umask = 027 nice = 5 }\n"                                      \
    "resources { nofile = 64 core = 0 cpu = 99500ms fsize = 1MiB stack = 4MiB nproc = 500 "        \
    "}\n"

/* Its worker gives way as it does, and has nothing else of it. */
START_TEST(a_program_has_attributes_of_its_own)
{
    daemon_start(SERVICE(ATTRIBUTES, "echo $PWD $(umask) $(nice) $(ulimit -n) $(ulimit -Hn) "
                                     "$(ulimit -c) $(ulimit -t) $(ulimit -f) $(ulimit -s)"));
    check_reply("$DIR 0027 5 64 64 0 100 2048 4096");
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)worker_pid()), 5);
    ck_assert_uint_eq(limit_of(worker_pid(), RLIMIT_NOFILE), limit_of(getpid(), RLIMIT_NOFILE));
    ck_assert_uint_eq(limit_of(worker_pid(), RLIMIT_STACK), limit_of(getpid(), RLIMIT_STACK));
    ck_assert_str_ne(directory_of(worker_pid()), expand("$DIR"));
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)daemon_pid()), getpriority(PRIO_PROCESS, 0));
    ck_assert_int_eq(sched_getscheduler(worker_pid()), sched_getscheduler(0));
}
END_TEST

START_TEST(a_handler_within_the_worker_shares_them)
{
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "handler { builtin = echo }\n" ATTRIBUTES "}\n");
    client_once("unix:$DIR/x.sock", "line", "what", "what");
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)worker_pid()), 5);
    ck_assert_uint_eq(limit_of(worker_pid(), RLIMIT_NOFILE), 64);
    ck_assert_uint_eq(limit_of(worker_pid(), RLIMIT_CPU), 100);
    ck_assert_uint_eq(limit_of(worker_pid(), RLIMIT_NPROC), 500);
    ck_assert_str_eq(directory_of(worker_pid()), expand("$DIR"));
    ck_assert_str_ne(directory_of(daemon_pid()), expand("$DIR"));
}
END_TEST

/* What exceeds a limit is a program's end, and not its worker's. */
START_TEST(a_limit_ends_the_program_only)
{
    pid_t worker;
    int fd;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
                 "resources { fsize = 0 core = 0 }\n"
                 "handler { command = {\"tee\", \"$DIR/out\"} reply = none } }\n");
    worker = worker_pid();
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, "hello\n");
    log_wait("event=handler-", "status=SIGXFSZ");
    close(fd);
    ck_assert_int_eq(worker_pid(), worker);
}
END_TEST

START_TEST(a_relative_command_is_in_the_directory)
{
    daemon_write("here", "#!/bin/sh\nwhile read -r line; do cat ./file; done\n");
    daemon_write("file", "found\n");
    ck_assert_int_eq(chmod(expand("$DIR/here"), 0755), 0);
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line\n"
                 "process { directory = \"$DIR\" } handler { command = \"./here\" } }\n");
    check_reply("found");
}
END_TEST

static const struct {
    const char *service;
    const char *error;
} wrong[] = {
    {"process { directory = \"$DIR/none\" } handler { command = cat }",
     "service \"it\": process.directory: found \"$DIR/none\", No such file or directory, "
     "allowed: a directory"},
    {"process { directory = \"$DIR/framed.conf\" } handler { command = cat }",
     "service \"it\": process.directory: found \"$DIR/framed.conf\", Not a directory"},
    {"process { directory = \"$DIR\" } handler { command = \"./none\" }",
     "service \"it\": handler.command: found \"./none\": there is no such file"},
    {"process { umask = 1000 } handler { command = cat }", "process.umask: found \"1000\""},
    {"process { scheduling = fifo } handler { command = cat }",
     "service \"it\": process.scheduling: found \"fifo\", allowed: other, batch"},
    {"environment { PATH = \"$DIR\" } handler { command = cat }",
     "handler.command: found \"cat\": it is in no folder of PATH ($DIR)"},
};

START_TEST(what_cannot_be_is_told)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct output output;
        char text[512];

        snprintf(text, sizeof(text), "service it { listen = \"unix:$DIR/x.sock\"\n%s }\n",
                 wrong[i].service);
        daemon_configure(text);
        RUN(&output, FRAMED, "check", "-c", expand("$DIR/framed.conf"));
        ck_assert_int_eq(output.status, 1);
        ck_assert_msg(strstr(output.err, expand(wrong[i].error)) != NULL, "%s", output.err);
        ck_assert_msg(strstr(output.err, expand("$DIR/framed.conf:")) != NULL, "%s", output.err);
    }
}
END_TEST

static void few_descriptors(void)
{
    const struct rlimit limit = {.rlim_cur = 200, .rlim_max = 300};

    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Root raises the hard limit where it is too low; who is not root says so. */
START_TEST(a_limit_that_is_too_high_is_told)
{
    struct output output;

    if (geteuid() != 0) {
        puts("SKIP: only root can become nobody");
        return;
    }
    if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1) {
        daemon_prepare_with(few_descriptors);
        daemon_start(SERVICE("resources { nofile = 400 }", "ulimit -n"));
        check_reply("400");
        daemon_stop();
    }
    ck_assert_int_eq(chmod(expand("$DIR"), 0777), 0);
    daemon_configure("user = nobody\n" SERVICE("resources { nofile = 5000000 }", "ulimit -n"));
    RUN(&output, FRAMED, "-c", expand("$DIR/framed.conf"));
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err,
                         "its resources.nofile: Operation not permitted; framed itself has less") !=
                      NULL,
                  "%s", output.err);
}
END_TEST

/* Each worker with its program on one CPU, the next worker on the next. */
START_TEST(a_worker_and_its_program_share_a_cpu)
{
    pid_t workers[WORKERS_MAX], program;
    cpu_set_t all, seen, one, other;
    size_t count;

    CPU_ZERO(&seen);
    daemon_start("service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 2 }\n"
                 "handler { command = cat } process { pin = yes } }\n");
    count = status_workers("it", workers);
    ck_assert_uint_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(process_children(workers[i], &program, 1), 1);
        ck_assert_int_eq(sched_getaffinity(workers[i], sizeof(one), &one), 0);
        ck_assert_int_eq(sched_getaffinity(program, sizeof(other), &other), 0);
        ck_assert_int_eq(CPU_COUNT(&one), 1);
        ck_assert(CPU_EQUAL(&one, &other));
        CPU_OR(&seen, &seen, &one);
    }
    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    ck_assert_int_eq(CPU_COUNT(&seen), CPU_COUNT(&all) > 1 ? 2 : 1);
    ck_assert_int_eq(sched_getaffinity(daemon_pid(), sizeof(one), &one), 0);
    ck_assert(CPU_EQUAL(&one, &all));
}
END_TEST

static void check_batch(pid_t pid)
{
    ck_assert_int_eq(sched_getscheduler(pid), SCHED_BATCH);
    ck_assert_int_eq(getpriority(PRIO_PROCESS, (id_t)pid), 19);
}

/* Which needs no privilege, and leaves the priority alone. */
START_TEST(a_worker_and_its_program_are_a_batch)
{
    const bool is_root = geteuid() == 0;
    pid_t program;

    ck_assert_int_eq(chmod(expand("$DIR"), 0777), 0);
    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "-w", "1", "--scheduling", "batch",
               "--nice", "19", is_root ? "--user=nobody" : "--codec=line", "--", "cat");
    client_once("unix:$DIR/x.sock", "line", "what", "what");
    ck_assert_uint_eq(process_children(worker_pid(), &program, 1), 1);
    check_batch(worker_pid());
    check_batch(program);
    ck_assert_int_eq(sched_getscheduler(daemon_pid()), sched_getscheduler(0));
}
END_TEST

SUITE("environment", only_what_is_named_gets_through, there_is_one_where_there_was_none,
      a_service_replaces_what_all_have, a_reload_brings_another,
      a_program_has_attributes_of_its_own, a_handler_within_the_worker_shares_them,
      a_limit_ends_the_program_only, a_relative_command_is_in_the_directory, what_cannot_be_is_told,
      a_limit_that_is_too_high_is_told, a_worker_and_its_program_share_a_cpu,
      a_worker_and_its_program_are_a_batch)
