/* Clients of bad manners, all at once: those of good manners never notice. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVICE                                                                                    \
    "service echo { listen = \"tcp:127.0.0.1:0\" handler { builtin = echo } workers { max = 7 }\n" \
    "deadlines { idle = 2s frame = 1s write = 1s } }\n"

static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

/* Sends messages whose replies nobody reads, as many as the server takes now. */
static void stuff(int fd)
{
    static const char messages[256 * 1024];

    while (send(fd, messages, sizeof(messages), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
}

START_TEST(bad_manners_disturb_nobody)
{
    struct load load = {.style = LOAD_PERSISTENT, .framing = "u32be", .clients = 2};
    int silent, half, never_reads, dribbler;

    daemon_start(SERVICE);
    load.address = daemon_address("echo", 0);
    load_start(&load);
    load_wait(&load, 100);
    silent = raw_connect(load.target);
    half = raw_connect(load.target);
    raw_send_text(half, "\0\0");
    never_reads = raw_connect(load.target);
    dribbler = raw_connect(load.target);
    for (int i = 0; i < 4; i++) {
        int huge = raw_connect(load.target);

        raw_send_text(huge, "\377\377\377\377");
        ck_assert_int_ne(raw_end(huge), RAW_TIMEOUT);
        (void)!send(dribbler, "\0", 1, MSG_NOSIGNAL);
        stuff(never_reads);
        load_wait(&load, 100);
    }
    /* None of them stays longer than its deadline. */
    ck_assert(UNTIL(({
        stuff(never_reads);
        status_counter("echo", "closed.write") == 1;
    })));
    ck_assert_int_ne(raw_end(silent), RAW_TIMEOUT);
    ck_assert_int_ne(raw_end(half), RAW_TIMEOUT);
    ck_assert_int_ne(raw_end(never_reads), RAW_TIMEOUT);
    ck_assert_int_ne(raw_end(dribbler), RAW_TIMEOUT);
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    status_wait_counter("echo", "closed.oversize", 4);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

START_TEST(resets_disturb_nobody)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "u32be", .clients = 2};

    daemon_start(SERVICE);
    load.address = daemon_address("echo", 0);
    load_start(&load);
    for (int i = 0; i < 600; i++) {
        int fd = raw_connect(load.target);

        if (i % 3 == 1)
            raw_send_text(fd, "\0\0\0");
        if (i % 3 == 2)
            raw_send_text(fd, "\0\0\0\2hi\0\0\0\2hi\0\0\0\2hi");
        reset(fd);
    }
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
}
END_TEST

/* Our table of descriptors grows now: with the threads of a load Linux waits, each time it doubles,
 * until all CPUs have seen it (RCU), which on a busy machine was longer than any bound. */
static void make_room_for(int descriptors)
{
    int last = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, descriptors);

    ck_assert_int_ge(last, 0);
    close(last);
}

#define CROWD 1000

/* A thousand at once: a third goes at once, a third dribbles, a third resets. */
START_TEST(thousand_at_once_disturb_nobody)
{
    struct load load = {.style = LOAD_PERSISTENT, .framing = "u32be", .clients = 2};
    struct rlimit files;
    pid_t workers[WORKERS_MAX];
    int descriptors[7];
    static int fds[CROWD];

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    ck_assert_uint_ge(files.rlim_max, CROWD + 100);
    daemon_start("service echo { listen = \"tcp:127.0.0.1:0\" handler { builtin = echo }\n"
                 "workers { max = 7 } limits { backlog = 2000 } deadlines { frame = 30ms idle = 5s "
                 "} }\n");
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    make_room_for(CROWD + 100);
    ck_assert_uint_eq(status_workers("echo", workers), 7);
    for (int i = 0; i < 7; i++)
        descriptors[i] = process_descriptors(workers[i]);
    load.address = daemon_address("echo", 0);
    load_start(&load);
    load_wait(&load, 100);
    for (int i = 0; i < CROWD; i++)
        fds[i] = raw_connect(load.target);
    for (int i = 0; i < CROWD; i++) {
        if (i % 3 == 0)
            close(fds[i]);
        if (i % 3 == 1)
            (void)!send(fds[i], "\0\0", 1 + (size_t)i % 2, MSG_NOSIGNAL);
        if (i % 3 == 2)
            reset(fds[i]);
    }
    for (int i = 1; i < CROWD; i += 3)
        ck_assert_int_ne(raw_end(fds[i]), RAW_TIMEOUT);
    client_once(load.target, "u32be", "after them", "after them");
    load_wait(&load, 100);
    load_stop_clean(&load);
    ck_assert_uint_eq(load.asked_again, 0);
    ck_assert_int_eq(log_count("event=worker-exit"), 0);
    for (int i = 0; i < 7; i++)
        ck_assert(UNTIL(process_descriptors(workers[i]) == descriptors[i]));
}
END_TEST

/* Nobody reads framed's standard error: lines are lost, and nothing else. */
START_TEST(log_that_nobody_reads)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_gt(fcntl(ends[1], F_SETPIPE_SZ, 4096), 0);
    daemon_configure("service echo { listen = \"unix:$DIR/x.sock\" handler { builtin = echo }\n"
                     "log_messages = yes workers { max = 2 } }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, ends[1]);
    close(ends[1]);
    ck_assert(UNTIL(status_number("pid") == daemon_pid()));
    for (int i = 0; i < 500; i++)
        client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    kill(daemon_pid(), SIGHUP);
    ck_assert(UNTIL(status_number("generation") == 2));
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    daemon_stop();
    close(ends[0]);
}
END_TEST

START_TEST(log_whose_reader_is_gone)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    daemon_configure("service echo { listen = \"unix:$DIR/x.sock\" handler { builtin = echo }\n"
                     "log_messages = yes }\n");
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, ends[1]);
    close(ends[1]);
    close(ends[0]);
    ck_assert(UNTIL(status_number("pid") == daemon_pid()));
    for (int i = 0; i < 50; i++)
        client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    daemon_stop();
}
END_TEST

SUITE("clients", bad_manners_disturb_nobody, resets_disturb_nobody, thousand_at_once_disturb_nobody,
      log_that_nobody_reads, log_whose_reader_is_gone)
