/* An echo worker under pipelined load: one recvfrom and one sendto for each batch, nothing else;
 * and where it has room for others, now and then a look whether they have called. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRACE "/usr/bin/strace"
#define BATCHES 50
#define BATCH 100
#define MESSAGE_SIZE 36 /* with its header: a batch is well below a worker's buffer */

static pid_t trace(pid_t worker)
{
    char pid_text[16];
    pid_t tracer;

    snprintf(pid_text, sizeof(pid_text), "%d", (int)worker);
    tracer = fork();
    ck_assert_int_ge(tracer, 0);
    if (tracer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(STRACE, STRACE, "-qq", "-s", "0", "-o", expand("$DIR/trace"), "-p", pid_text,
              (char *)NULL);
        _exit(127);
    }
    return tracer;
}

static bool is_traced(pid_t pid)
{
    return process_sum(pid, "status", (const char *const[]){"TracerPid:", NULL}) > 0;
}

/* One send for the whole batch; all its replies. */
static void exchange_batch(int fd)
{
    static char batch[BATCH * MESSAGE_SIZE];

    for (size_t i = 0; i < BATCH; i++)
        batch[i * MESSAGE_SIZE + 3] = MESSAGE_SIZE - 4;
    raw_send(fd, batch, sizeof(batch));
    raw_expect(fd, batch, sizeof(batch));
}

struct calls {
    unsigned received, sent, others;
    char other[256];
};

/* A recvfrom that a signal or the tracer's arrival cut short got nothing, and is no batch's. */
static void count_calls(struct calls *calls)
{
    char *text = read_whole(expand("$DIR/trace"));
    char *rest = text;

    ck_assert_ptr_nonnull(text);
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        const char *result = strrchr(line, '=');

        if (strstr(line, "recvfrom(") == line || strstr(line, "<... recvfrom"))
            calls->received += result && (int)strtol(result + 1, NULL, 10) > 0;
        else if (strstr(line, "sendto(") == line)
            calls->sent++;
        else if (strncmp(line, "restart_syscall", 15) != 0 && strncmp(line, "---", 3) != 0) {
            calls->others++;
            snprintf(calls->other, sizeof(calls->other), "%s", line);
        }
    }
    free(text);
}

static void check_service(const char *listen, const char *workers, unsigned looks)
{
    struct calls calls = {0};
    char config[256];
    pid_t worker, tracer;
    int fd;

    snprintf(config, sizeof(config),
             "service echo { listen = \"%s\" handler { builtin = echo } workers { max = 2 %s } }\n",
             listen, workers);
    daemon_start(config);
    fd = raw_connect(daemon_address("echo", 0));
    exchange_batch(fd);
    worker = status_wait_busy("echo", "reading");
    tracer = trace(worker);
    ck_assert(UNTIL(is_traced(worker)));
    for (int i = 0; i < BATCHES; i++)
        exchange_batch(fd);
    kill(tracer, SIGINT);
    ck_assert_int_eq(waitpid(tracer, NULL, 0), tracer);
    close(fd);
    count_calls(&calls);
    ck_assert_msg(calls.others <= looks, "%u other calls, such as %s", calls.others, calls.other);
    ck_assert_uint_eq(calls.received, BATCHES);
    ck_assert_uint_eq(calls.sent, BATCHES);
}

START_TEST(over_tcp)
{
    check_service("tcp:127.0.0.1:0", "connections = 1", 0);
}
END_TEST

START_TEST(over_a_unix_socket)
{
    check_service("unix:$DIR/x.sock", "connections = 1", 0);
}
END_TEST

/* The clock's ticks, of some milliseconds, tell when; the tracer makes each batch take about one.
 */
START_TEST(with_room_for_others)
{
    check_service("tcp:127.0.0.1:0", "connections = 100", BATCHES);
}
END_TEST

static int skip(const char *reason)
{
    printf("SKIP: %s\n", reason);
    return EXIT_SKIP;
}

int main(void)
{
    const TTest *const tests[] = {over_tcp, over_a_unix_socket, with_room_for_others};

    if (is_sanitized())
        return skip("the sanitizers' own calls would be counted");
    if (access(STRACE, X_OK) < 0)
        return skip("there is no " STRACE);
    return suite_run("syscalls", tests, sizeof(tests) / sizeof(tests[0]));
}
