/* The control socket: what it tells, whom it obeys, and that nobody on it stops the master. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ECHO                                                                                       \
    "service echo { listen = \"unix:$DIR/x.sock\" workers { max = 2 }\n"                           \
    "handler { builtin = echo } }\n"
#define NOBODY 65534
#define HANGING 40

START_TEST(status_for_people)
{
    struct output output;

    daemon_start(ECHO);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    status_wait_counter("echo", "messages", 1);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_int_eq(output.status, 0);
    ck_assert_msg(strstr(output.out, "service echo: u32be, handler builtin"), "%s", output.out);
    ck_assert_msg(strstr(output.out, "2 of 2 ready"), "%s", output.out);
    ck_assert_msg(strstr(output.out, "1 connections, 1 messages, 1 replies"), "%s", output.out);
}
END_TEST

static const char *text_at(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "";
}

START_TEST(status_for_programs)
{
    const json_t *service, *worker;
    struct output output;
    json_t *status;

    daemon_start(ECHO);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    status_wait_counter("echo", "bytes_out", 9);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status", "--json");
    status = json_loads(output.out, 0, NULL);
    ck_assert_msg(status != NULL, "%s", output.out);
    ck_assert_int_eq(json_integer_value(json_object_get(status, "pid")), daemon_pid());
    ck_assert_str_eq(text_at(status, "state"), "running");
    ck_assert_str_eq(text_at(status, "last_error"), "");
    service = json_array_get(json_object_get(status, "services"), 0);
    ck_assert_str_eq(text_at(service, "name"), "echo");
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(service, "listen"), 0)),
                     expand("unix:$DIR/x.sock"));
    ck_assert_uint_eq(json_array_size(json_object_get(status, "workers")), 2);
    worker = json_array_get(json_object_get(status, "workers"), 1);
    ck_assert_str_eq(text_at(worker, "state"), "ready");
    ck_assert_str_eq(text_at(worker, "activity"), "idle");
    ck_assert(json_is_false(json_object_get(worker, "stale")));
    json_decref(status);
}
END_TEST

START_TEST(unknown_request_is_refused)
{
    json_t *answer;

    daemon_start(ECHO);
    answer = control_ask("fly");
    ck_assert_ptr_nonnull(answer);
    ck_assert(json_is_false(json_object_get(answer, "ok")));
    ck_assert_msg(strstr(text_at(answer, "error"), "status, reload, upgrade, stop"), "%s",
                  text_at(answer, "error"));
    json_decref(answer);
}
END_TEST

START_TEST(garbage_closes_and_harms_nobody)
{
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {"\377\377\377\377", 4}, {"GET / HTTP/1.0\r\n\r\n", 18}, {"\0\0\4\0statusstatus", 16}};
    char *flood = calloc(1, 100000);

    daemon_start(ECHO);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = raw_connect("unix:$DIR/control.sock");

        raw_send(fd, rows[i].bytes, rows[i].length);
        if (i == 2)
            close(fd); /* half a request, and gone */
        else
            ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    }
    for (int i = 0; i < 20; i++) {
        int fd = raw_connect("unix:$DIR/control.sock");

        flood[2] = (char)i;
        (void)!write(fd, flood, 100000);
        ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    }
    free(flood);
    ck_assert_int_eq(status_number("pid"), daemon_pid());
}
END_TEST

START_TEST(hanging_peers_do_not_stop_the_master)
{
    int fds[HANGING];

    daemon_start(ECHO);
    for (int i = 0; i < HANGING; i++) {
        fds[i] = raw_connect("unix:$DIR/control.sock");
        (void)!send(fds[i], "\0", 1, MSG_NOSIGNAL); /* one too many may be closed already */
    }
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    kill(daemon_pid(), SIGHUP);
    log_wait("event=reloaded");
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
    /* They are closed in the end, and others get their turn. */
    ck_assert(UNTIL(status_number("pid") == daemon_pid()));
    for (int i = 0; i < HANGING; i++)
        ck_assert_int_ne(raw_end(fds[i]), RAW_TIMEOUT);
}
END_TEST

/* Those who wait for a reload that takes its time are told so, or are too many; who looks, sees. */
START_TEST(those_who_wait_keep_nobody_from_looking)
{
    struct framed_client *clients[HANGING];
    unsigned refused = 0;

    daemon_start(ECHO);
    daemon_configure(ECHO "service slow { listen = \"unix:$DIR/slow.sock\" framing = line\n"
                          "handler { command = {\"cat\"} settle = 500ms } }\n");
    for (int i = 0; i < HANGING; i++) {
        clients[i] = client_open(daemon_control(), "u32be");
        client_send(clients[i], "reload");
    }
    ck_assert_str_eq(status_word("state"), "reloading");
    for (int i = 0; i < HANGING; i++) {
        const void *data;
        size_t length;

        ck_assert_int_eq(framed_client_receive(clients[i], &data, &length), 0);
        refused += memmem(data, length, "too many", 8) != NULL;
        framed_client_free(clients[i]);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_lt(refused, HANGING);
}
END_TEST

/* What another user's request for WORD comes to, in a process of its own. */
static bool nobody_is_refused(const char *word)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        json_t *answer;
        bool refused;

        if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
            _exit(2);
        answer = control_ask(word);
        refused = answer && json_is_false(json_object_get(answer, "ok")) &&
                  strstr(text_at(answer, "error"), "not permitted");
        _exit(refused ? 0 : answer ? 1 : 2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == 0;
}

START_TEST(others_may_look_and_not_command)
{
    daemon_start(ECHO);
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chmod(expand("$DIR/control.sock"), 0666), 0);
    ck_assert(nobody_is_refused("reload"));
    ck_assert(nobody_is_refused("stop"));
    ck_assert(nobody_is_refused("logs-reopen"));
    ck_assert(nobody_is_refused("kill-worker echo 0"));
    ck_assert(nobody_is_refused("scale echo 1"));
    ck_assert(nobody_is_refused("drain echo"));
    ck_assert(nobody_is_refused("resume echo"));
    ck_assert(!nobody_is_refused("status"));
    ck_assert_int_eq(status_number("generation"), 1);
    ck_assert_str_eq(status_word("state"), "running");
}
END_TEST

START_TEST(framectl_without_framed_says_so)
{
    struct output output;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "is framed running"), "%s", output.err);
    RUN(&output, FRAMECTL, "fly");
    ck_assert_int_eq(output.status, 2);
    RUN(&output, FRAMECTL, "-s", "smoke:signal", "status");
    ck_assert_int_eq(output.status, 2);
    ck_assert_msg(strstr(output.err, "smoke:signal"), "%s", output.err);
}
END_TEST

SUITE("control", status_for_people, status_for_programs, unknown_request_is_refused,
      garbage_closes_and_harms_nobody, hanging_peers_do_not_stop_the_master,
      those_who_wait_keep_nobody_from_looking, others_may_look_and_not_command,
      framectl_without_framed_says_so)
