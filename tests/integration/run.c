/* `framed run`: a service from one line. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"
#include "support/until.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

START_TEST(port_zero_is_announced)
{
    daemon_run(1, "-l", "tcp:127.0.0.1:0", "--builtin", "echo");
    ck_assert_msg(strncmp(daemon_announced(0), "tcp:127.0.0.1:", 14) == 0, "%s",
                  daemon_announced(0));
    ck_assert_int_gt((int)strtol(daemon_announced(0) + 14, NULL, 10), 0);
    client_once(daemon_announced(0), "u32be", "hello", "hello");
}
END_TEST

START_TEST(each_listener_is_announced_in_order)
{
    char abstract[64];
    struct stat status;

    snprintf(abstract, sizeof(abstract), "unix:@framed-test-%d", (int)getpid());
    daemon_run(3, "-l", "tcp:127.0.0.1:0", "-l", "unix:$DIR/x.sock,mode=0640", "-l", abstract,
               "--builtin", "echo");
    ck_assert_str_eq(daemon_announced(1), expand("unix:$DIR/x.sock"));
    ck_assert_str_eq(daemon_announced(2), abstract);
    ck_assert_int_eq(stat(expand("$DIR/x.sock"), &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0640);
    for (size_t i = 0; i < 3; i++)
        client_once(daemon_announced(i), "u32be", "hello", "hello");
}
END_TEST

static bool has_ipv6(void)
{
    char *text = read_whole("/proc/net/if_inet6");
    bool found = text && strstr(text, "00000000000000000000000000000001");

    free(text);
    return found;
}

START_TEST(wildcard_answers_on_both_versions)
{
    const char *port;
    char address[64];

    daemon_run(1, "-l", "tcp:*:0", "--builtin", "echo");
    port = strrchr(daemon_announced(0), ':');
    snprintf(address, sizeof(address), "tcp:127.0.0.1%s", port);
    client_once(address, "u32be", "version 4", "version 4");
    if (!has_ipv6())
        return;
    snprintf(address, sizeof(address), "tcp:[::1]%s", port);
    client_once(address, "u32be", "version 6", "version 6");
}
END_TEST

START_TEST(discard_replies_nothing)
{
    struct framed_client *client;

    daemon_run(1, "-l", "unix:$DIR/x.sock", "--builtin", "discard");
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_send(client, "into the void");
    ck_assert_int_eq(framed_client_finish(client), 0);
    client_expect_end(client);
    framed_client_free(client);
}
END_TEST

START_TEST(any_filter_is_a_service)
{
    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "line", "-w", "2", "--", "sed", "-u", "s/a/b/");
    client_once("unix:$DIR/x.sock", "line", "cat", "cbt");
}
END_TEST

START_TEST(frame_codec_carries_any_bytes)
{
    daemon_run(1, "-l", "unix:$DIR/x.sock", "-F", "netstring", "--codec", "frame", "--",
               "$HANDLERS/scripted", "--frame");
    client_once("unix:$DIR/x.sock", "netstring", "one\ntwo\r\n", "one\ntwo\r\n");
}
END_TEST

START_TEST(printed_configuration_means_the_same)
{
    struct output printed, checked, again;

    RUN(&printed, FRAMED, "run", "-l", expand("unix:$DIR/x.sock,mode=0600"), "-w", "3", "-F",
        "line", "--print-config", "--", "/bin/cat", "-", "a \"quoted\" \\ word");
    ck_assert_msg(printed.status == 0, "%s", printed.err);
    daemon_write("printed.conf", printed.out);
    RUN(&checked, FRAMED, "check", "-c", expand("$DIR/printed.conf"));
    ck_assert_msg(checked.status == 0, "%s", checked.err);
    ck_assert_str_eq(checked.out, "ok\n");
    RUN(&again, FRAMED, "check", "--print-config", "-c", expand("$DIR/printed.conf"));
    ck_assert_str_eq(again.out, printed.out);
}
END_TEST

START_TEST(wrong_usage_is_told)
{
    static const struct {
        const char *words[8];
        const char *told;
    } rows[] = {
        {{NULL}, "usage"},
        {{"fly", NULL}, "unknown command"},
        {{"run", "--builtin", "echo", NULL}, "listen"},
        {{"run", "-l", "tcp:127.0.0.1:0", NULL}, "handler"},
        {{"run", "-l", "tcp:127.0.0.1:0", "--builtin", "tea", NULL}, "tea"},
        {{"run", "-l", "smoke:signal", "--builtin", "echo", NULL}, "smoke:signal"},
        {{"run", "-l", "tcp:127.0.0.1:99999", "--builtin", "echo", NULL}, "99999"},
        {{"run", "-l", "tcp:127.0.0.1:0", "-F", "morse", "--builtin", "echo"}, "morse"},
        {{"run", "-l", "tcp:127.0.0.1:0", "-w", "-3", "--builtin", "echo"}, "-3"},
        {{"run", "--colour", "red", NULL}, "colour"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *words[10] = {FRAMED};
        struct output output;

        for (size_t w = 0; w < 8 && rows[i].words[w]; w++)
            words[w + 1] = rows[i].words[w];
        process_run(words, &output);
        ck_assert_msg(output.status == 2, "row %zu: status %d, %s", i, output.status, output.err);
        ck_assert_msg(strstr(output.err, rows[i].told), "row %zu: %s", i, output.err);
        ck_assert_str_eq(output.out, "");
    }
}
END_TEST

START_TEST(taken_port_is_told)
{
    struct output output;

    daemon_run(1, "-l", "tcp:127.0.0.1:0", "--builtin", "echo");
    RUN(&output, FRAMED, "run", "-l", daemon_announced(0), "--builtin", "echo");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, daemon_announced(0)) != NULL, "%s", output.err);
    ck_assert_msg(strstr(output.err, "another process listens there") != NULL, "%s", output.err);
    client_once(daemon_announced(0), "u32be", "still here", "still here");
}
END_TEST

START_TEST(socket_file_of_the_dead_is_replaced)
{
    daemon_run(1, "-l", "unix:$DIR/x.sock", "--builtin", "echo");
    kill(daemon_pid(), SIGKILL);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
    daemon_check_gone();
    ck_assert_int_eq(access(expand("$DIR/x.sock"), F_OK), 0);
    unlink(expand("$DIR/stdout"));
    daemon_run(1, "-l", "unix:$DIR/x.sock", "--builtin", "echo");
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
}
END_TEST

START_TEST(handler_that_cannot_start_is_told)
{
    struct output output;

    RUN(&output, FRAMED, "run", "-l", "tcp:127.0.0.1:0", "--", "/nowhere/handler");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "/nowhere/handler") != NULL, "%s", output.err);
    ck_assert_str_eq(output.out, "");

    RUN(&output, FRAMED, "run", "-l", "tcp:127.0.0.1:0", "--settle", "5s", "--",
        expand("$HANDLERS/scripted"), "--fail", "no luck today");
    ck_assert_int_eq(output.status, 1);
    ck_assert_msg(strstr(output.err, "no luck today") != NULL, "%s", output.err);
    ck_assert_str_eq(output.out, "");
}
END_TEST

/* No socket may take the number of a descriptor that the starter left closed. */
START_TEST(closed_standard_descriptors_are_no_trap)
{
    char address[128];
    pid_t pid;
    int status;

    snprintf(address, sizeof(address), "%s", expand("unix:$DIR/x.sock"));
    pid = fork();
    if (pid == 0) {
        closefrom(STDIN_FILENO);
        execl(getenv("FRAMED_BINARY"), "framed", "run", "-l", address, "--builtin", "echo", NULL);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert(UNTIL(access(address + strlen("unix:"), W_OK) == 0));
    client_once(address, "u32be", "hello", "hello");
    kill(pid, SIGTERM);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Nor one of framecat's: it would send to the service what is meant for us. */
START_TEST(framecat_without_output_fails)
{
    char address[128];
    pid_t pid;
    int status;

    daemon_run(1, "-l", "tcp:127.0.0.1:0", "--builtin", "echo");
    snprintf(address, sizeof(address), "%s", daemon_announced(0));
    daemon_write("message", "hello");
    pid = fork();
    if (pid == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        execl(getenv("FRAMECAT_BINARY"), "framecat", "--file", expand("$DIR/message"), address,
              NULL);
        _exit(127);
    }
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    ck_assert(!log_has("reason=truncated"));
}
END_TEST

SUITE("run", port_zero_is_announced, each_listener_is_announced_in_order,
      wildcard_answers_on_both_versions, discard_replies_nothing, any_filter_is_a_service,
      frame_codec_carries_any_bytes, printed_configuration_means_the_same, wrong_usage_is_told,
      taken_port_is_told, socket_file_of_the_dead_is_replaced, handler_that_cannot_start_is_told,
      closed_standard_descriptors_are_no_trap, framecat_without_output_fails)
