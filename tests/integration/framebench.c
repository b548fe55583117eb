/* The load generator: counts what it should, and finds what is wrong with a server. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"
#include "support/until.h"

#include <framed/byteorder.h>

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FRAMEBENCH need_environment("FRAMEBENCH_BINARY")
#define SERVER "unix:$DIR/server.sock"

/* Runs framebench, and takes its report in JSON. */
#define BENCH(output, ...) bench((const char *const[]){FRAMEBENCH, "-j", __VA_ARGS__, NULL}, output)

static json_t *bench(const char *const *arguments, struct output *output)
{
    json_t *report;

    process_run(arguments, output);
    report = json_loads(output->out, 0, NULL);
    ck_assert_msg(report != NULL, "%s%s", output->out, output->err);
    return report;
}

static double number(const json_t *report, const char *key)
{
    ck_assert_msg(json_is_number(json_object_get(report, key)), "no %s", key);
    return json_number_value(json_object_get(report, key));
}

static double latency(const json_t *report, const char *key)
{
    return number(json_object_get(report, "latency_us"), key);
}

static void check_flawless(const json_t *report, const struct output *output)
{
    static const char *const faults[] = {"wrong", "lost", "late", "unsent", "refused"};

    ck_assert_msg(output->status == 0, "%s%s", output->out, output->err);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        ck_assert_msg(number(report, faults[i]) == 0, "%s", output->out);
}

START_TEST(all_framings_are_spoken)
{
    static const char *const framings[] = {"u32be",
                                           "u16le",
                                           "line",
                                           "crlf",
                                           "netstring",
                                           "varint",
                                           "fixed:512",
                                           "nul",
                                           "sunrpc,fragment=100",
                                           "eof",
                                           "line,greeting=hello"};
    const size_t count = sizeof(framings) / sizeof(framings[0]);
    struct output output;
    char config[4096] = "";

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(config);

        snprintf(config + length, sizeof(config) - length,
                 "service s%zu { listen = \"unix:$DIR/%zu.sock\" framing = \"%s\"\n"
                 "workers { max = 3 } handler { builtin = echo } }\n",
                 i, i, framings[i]);
    }
    daemon_start(config);
    for (size_t i = 0; i < count; i++) {
        char address[64];
        json_t *report;

        snprintf(address, sizeof(address), "unix:$DIR/%zu.sock", i);
        report =
            BENCH(&output, "-F", framings[i], "-c", "3", "-n", "500", "-s", "512", expand(address));
        check_flawless(report, &output);
        ck_assert_msg(number(report, "messages") == 500, "%s: %s", framings[i], output.out);
        json_decref(report);
    }
}
END_TEST

#define ECHO                                                                                       \
    "service it { listen = \"unix:$DIR/x.sock\" workers { max = 4 } handler { builtin = echo } "   \
    "}\n"

START_TEST(messages_of_many_sizes_one_after_another)
{
    struct output output;
    json_t *report;

    daemon_start(ECHO);
    report = BENCH(&output, "-c", "4", "-p", "17", "-n", "20000", "-s", "0:1,3:1,64:9,70KiB:1",
                   expand("unix:$DIR/x.sock"));
    check_flawless(report, &output);
    ck_assert_msg(number(report, "messages") == 20000, "%s", output.out);
    ck_assert_msg(number(report, "connections_made") == 4, "%s", output.out);
    json_decref(report);
    report = BENCH(&output, "--connect", "-c", "3", "-n", "300", expand("unix:$DIR/x.sock"));
    check_flawless(report, &output);
    ck_assert_msg(number(report, "connections_made") >= 300, "%s", output.out);
    ck_assert_msg(latency(report, "max") < BOUND_MS * 1e3, "%s", output.out);
    json_decref(report);
}
END_TEST

/* More than any socket takes at once, so that each is sent in pieces, one connection's among
 * another's; small ones between, which go another way. */
START_TEST(large_messages_in_pieces)
{
    static const char *const runs[][2] = {
        {"1MiB", "1"}, {"1MiB", "3"}, {"64:3,15KiB:2,20KiB:2,300KiB:1", "40"}};
    struct output output;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" limits { max_message = 2MiB }\n"
                 "workers { max = 4 } handler { builtin = echo } }\n"
                 "service line { listen = \"unix:$DIR/line.sock\" limits { max_message = 2MiB }\n"
                 "framing = \"line,greeting=hello\" workers { max = 4 } "
                 "handler { builtin = echo } }\n"
                 "service parts { listen = \"unix:$DIR/parts.sock\" "
                 "limits { max_message = 2MiB }\n framing = \"sunrpc,fragment=300000\" "
                 "workers { max = 4 } handler { builtin = echo } }\n");
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        static const char *const services[][2] = {
            {"unix:$DIR/x.sock", "u32be"},
            {"unix:$DIR/line.sock", "line,greeting=hello"},
            {"unix:$DIR/parts.sock", "sunrpc,fragment=300000"},
        };

        for (size_t at = 0; at < 3; at++) {
            json_t *report = BENCH(&output, "-c", "3", "-n", "60", "-s", runs[i][0], "-p",
                                   runs[i][1], "-F", services[at][1], expand(services[at][0]));

            check_flawless(report, &output);
            ck_assert_msg(number(report, "messages") == 60, "%s", output.out);
            if (i < 2)
                ck_assert_double_eq_tol(number(report, "bytes_per_second") /
                                            number(report, "messages_per_second"),
                                        1048576, 1);
            json_decref(report);
        }
    }
}
END_TEST

/* Of many that may be connected, nobody is who has nothing to say yet: it would hold one of two
 * workers for a second and more. */
START_TEST(connections_are_made_when_they_are_due)
{
    struct output output;
    json_t *report;

    daemon_start("service it { listen = \"unix:$DIR/x.sock\" workers { max = 2 } "
                 "handler { builtin = echo } }\n");
    report = BENCH(&output, "--connect", "-c", "100", "--poisson", "-r", "100", "-d", "1s",
                   expand("unix:$DIR/x.sock"));
    check_flawless(report, &output);
    ck_assert_msg(latency(report, "p50") < 100e3, "%s", output.out);
    json_decref(report);
}
END_TEST

START_TEST(rate_is_kept)
{
    struct output output;
    json_t *report;

    daemon_start(ECHO);
    for (int i = 0; i < 2; i++) {
        report = BENCH(&output, "-c", "4", "-r", "2000", "-d", "500ms", "-p", "100",
                       i ? "--poisson" : "-q", expand("unix:$DIR/x.sock"));
        check_flawless(report, &output);
        ck_assert_msg(number(report, "messages") > 800 && number(report, "messages") < 1200, "%s",
                      output.out);
        json_decref(report);
    }
}
END_TEST

/* A server of u32be that does as BEHAVIOUR says to message number 100 of each connection. */
enum behaviour {
    FLIPS,  /* a bit of its reply is another */
    SWAPS,  /* its reply is that to the message before */
    LEAVES, /* it closes instead */
    HANGS,  /* it never answers again */
    STALLS, /* it takes 300 ms */
    DOUBLES /* it answers twice */
};

static bool read_all(int fd, void *data, size_t length)
{
    return length == 0 || recv(fd, data, length, MSG_WAITALL) == (ssize_t)length;
}

static bool misbehave(int fd, enum behaviour behaviour, uint8_t *message, const uint8_t *before,
                      size_t length)
{
    switch (behaviour) {
    case FLIPS:
        message[length - 1] ^= 1;
        return true;
    case SWAPS:
        memcpy(message, before, length);
        return true;
    case DOUBLES:
        return send(fd, message, length, MSG_NOSIGNAL) == (ssize_t)length;
    case STALLS:
        nap(300);
        return true;
    case HANGS:
        pause();
        return false;
    default:
        return false;
    }
}

static void answer(int fd, enum behaviour behaviour)
{
    uint8_t message[4096], before[4096] = {0};

    for (unsigned i = 1; read_all(fd, message, 4); i++) {
        size_t length = 4 + framed_get_u32be(message);

        if (length > sizeof(message) || !read_all(fd, message + 4, length - 4) ||
            (i == 100 && !misbehave(fd, behaviour, message, before, length)) ||
            send(fd, message, length, MSG_NOSIGNAL) < 0)
            return;
        memcpy(before, message, length);
    }
}

static pid_t serve(enum behaviour behaviour)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", expand("$DIR/server.sock"));
    unlink(name.sun_path);
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 10), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int client = accept(fd, NULL, NULL);

            answer(client, behaviour);
            close(client);
        }
    }
    close(fd);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(each_fault_is_found)
{
    static const struct {
        enum behaviour behaviour;
        const char *counter;
        const char *why;
    } cases[] = {
        {FLIPS, "wrong", "the reply to message 99 is another"},
        {SWAPS, "wrong", "the reply to message 99 is another"},
        {DOUBLES, "wrong", "reply"},
        {LEAVES, "lost", "with a reply owed"},
        {HANGS, "late", "no reply within 200 ms"},
    };
    struct output output;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        pid_t pid = serve(cases[i].behaviour);
        json_t *report = BENCH(&output, "-n", "150", "-p", "4", "-t", "200ms", expand(SERVER));

        ck_assert_msg(output.status == 1, "%s%s", output.out, output.err);
        ck_assert_msg(number(report, cases[i].counter) > 0, "%s: %s", cases[i].why, output.out);
        ck_assert_msg(
            strstr(json_string_value(json_object_get(report, "first_fault")), cases[i].why) != NULL,
            "%s: %s", cases[i].why, output.out);
        ck_assert_msg(number(report, "messages") >= 99, "%s", output.out);
        json_decref(report);
        end(pid);
    }
}
END_TEST

/* 300 ms of 1 s: all that would have been sent meanwhile is late. In a closed loop it is one. */
START_TEST(stall_is_charged_to_all_who_would_have_waited)
{
    struct output output;
    pid_t pid = serve(STALLS);
    json_t *report =
        BENCH(&output, "-d", "1s", "-r", "1000", "-p", "1000", "-t", "10s", expand(SERVER));

    check_flawless(report, &output);
    ck_assert_msg(latency(report, "p90") > 150e3, "%s", output.out);
    json_decref(report);
    report = BENCH(&output, "-n", "1000", "-t", "10s", expand(SERVER));
    check_flawless(report, &output);
    ck_assert_msg(latency(report, "max") > 290e3 && latency(report, "p99") < 150e3, "%s",
                  output.out);
    json_decref(report);
    end(pid);
}
END_TEST

/* What could not be sent to the end is told too: it would have waited longest. */
START_TEST(what_was_never_sent_is_told)
{
    struct output output;
    pid_t pid = serve(HANGS);
    json_t *report =
        BENCH(&output, "-d", "500ms", "-r", "1000", "-p", "1", "-t", "1s", expand(SERVER));

    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(number(report, "unsent") > 300, "%s", output.out);
    json_decref(report);
    end(pid);
}
END_TEST

static void refuses(const char *words, const char *const *arguments)
{
    struct output output;

    process_run(arguments, &output);
    ck_assert_msg(output.status == 2 && strstr(output.err, words), "%d %s", output.status,
                  output.err);
}
#define REFUSES(words, ...) refuses((words), (const char *const[]){FRAMEBENCH, __VA_ARGS__, NULL})

START_TEST(what_makes_no_sense_is_refused)
{
    REFUSES("--connections: found \"0\", allowed: 1 to 100000", "-c", "0", "tcp:127.0.0.1:1");
    REFUSES("--size: found \"64:0\"", "-s", "64:0", "tcp:127.0.0.1:1");
    REFUSES("--duration: found \"5\"", "-d", "5", "tcp:127.0.0.1:1");
    REFUSES("--poisson: found \"no --rate\"", "--poisson", "tcp:127.0.0.1:1");
    REFUSES("--depth: found \"more than 1\"", "-p", "2", "--connect", "tcp:127.0.0.1:1");
    REFUSES("a message of 300 bytes cannot be sent with u8: oversize", "-F", "u8", "-s", "300",
            "tcp:127.0.0.1:1");
    REFUSES("--framing: ", "-F", "u33be", "tcp:127.0.0.1:1");
    REFUSES("found 0 addresses", "-c", "1");
    REFUSES("Connection refused", "tcp:127.0.0.1:1");
    REFUSES("No such file", expand("unix:$DIR/nobody.sock"));
}
END_TEST

START_TEST(report_for_people)
{
    struct output output;

    daemon_start(ECHO);
    RUN(&output, FRAMEBENCH, "-n", "100", "-c", "2", "-s", "10:3,20:1", expand("unix:$DIR/x.sock"));
    ck_assert_int_eq(output.status, 0);
    ck_assert_msg(strstr(output.out, "2 connections, depth 1, 10 (75.0%) + 20 (25.0%) bytes, "
                                     "closed loop\nmessages    100 in "),
                  "%s", output.out);
    ck_assert_msg(strstr(output.out, "0 wrong, 0 lost, 0 late, 0 unsent, 0 refused\n"), "%s",
                  output.out);
    ck_assert_str_eq(output.err, "");
}
END_TEST

SUITE("framebench", all_framings_are_spoken, messages_of_many_sizes_one_after_another,
      connections_are_made_when_they_are_due, large_messages_in_pieces, rate_is_kept,
      each_fault_is_found, stall_is_charged_to_all_who_would_have_waited,
      what_was_never_sent_is_told, what_makes_no_sense_is_refused, report_for_people)
