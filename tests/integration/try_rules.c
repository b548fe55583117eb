/* `framed try --codec record`, which anybody can put a handler to: each rule of framed-record(5) is
 * broken once, by a handler that keeps all others (unruly.c). And what a try leaves behind. */
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* They mostly wait. */
#define PARALLEL 8
#define WORDS_MAX 20
#define REPORT_SIZE 8192

static const struct row {
    const char *fault;
    int status;
    const char *said[3]; /* and what begins with a ! is not */
} rows[] = {
    {"none", 0, {"PASS  answer", "it did not use MORE, PUSH, HANGUP, LOG", "codec = record"}},
    {"start-silent", 1, {"no    codec record", "did not say READY"}},
    {"start-twice", 1, {"READY a second time"}},
    {"start-with-body", 1, {"no    codec record", "too much in it"}},
    {"start-with-text", 1, {"no    codec record", "\"ready to serve"}},
    {"start-with-push", 1, {"no    codec record", "only after READY"}},
    {"start-with-reply", 1, {"no    codec record", "only after READY"}},
    {"start-with-hangup", 1, {"no    codec record", "only after READY"}},
    {"start-failing", 1, {"no    codec record", "cannot start: no table"}},
    {"never-reads", 1, {"FAIL  answer            one message: not within"}},
    {"no-answer", 1, {"FAIL  answer            one message: not within", "!window"}},
    {"answer-twice", 1, {"FAIL  answer            a reply to a request that it was not sent"}},
    {"answer-again-later", 1, {"FAIL  answer            a reply to a request"}},
    {"answer-without-end", 1, {"FAIL  answer            one message: not within"}},
    {"answer-more-with-status", 1, {"FAIL  answer            a record with a status"}},
    {"answer-another-request", 1, {"FAIL  answer            a reply to a request"}},
    {"answer-another-connection", 1, {"FAIL  answer            a reply to a request"}},
    {"answer-without-request", 1, {"FAIL  answer", "connection or request is missing"}},
    {"answer-with-flag", 1, {"FAIL  answer            a record with an unknown flag"}},
    {"answer-with-type", 1, {"FAIL  answer            a record of an unknown type"}},
    {"answer-too-much", 1, {"FAIL  answer", "larger than max_reply"}},
    {"answer-short", 1, {"FAIL  answer            a record that is shorter than its head"}},
    {"answer-text", 1, {"FAIL  answer            what is no record", "RULES 2"}},
    {"push-to-nobody", 1, {"FAIL  answer            a message to a connection that it was not"}},
    {"hang-up-nobody", 1, {"FAIL  answer            a hang-up of a connection that it was not"}},
    {"hang-up-with-body", 1, {"FAIL  answer            a record with too much in it"}},
    {"log-request", 1, {"FAIL  answer            a record whose connection or request"}},
    {"log-beyond-debug", 1, {"FAIL  answer            LOG with a level above 7"}},
    {"log-too-much", 1, {"FAIL  answer            a record with too much in it"}},
    {"ready-again", 1, {"FAIL  answer            READY a second time"}},
    {"fail-later", 1, {"FAIL  answer            no table"}},
    {"use-all", 0, {"PASS  answer            one message, 3 replies and pushes", "!not judged"}},
    {"die-of-one-way", 1, {"PASS  cancel", "FAIL  one-way", "and who is to have it?"}},
    {"skip-empty", 1, {"PASS  window", "FAIL  empty", "PASS  large"}},
    {"stick-after-empty", 1, {"PASS  window", "FAIL  empty", "PASS  large"}},
    {"die-of-large", 1, {"PASS  empty", "FAIL  large", "too large"}},
    {"die-of-binary", 1, {"PASS  large", "FAIL  binary", "no text"}},
    {"die-of-flags", 1, {"PASS  pieces", "FAIL  unknown", "what is flag 128?"}},
    {"die-of-unknown", 1, {"PASS  pieces", "FAIL  unknown", "what is type 15?"}},
    {"print-unknown-later", 1, {"PASS  pieces", "FAIL  unknown           what is no record"}},
    {"one-read", 1, {"PASS  binary", "FAIL  pieces", "half a record"}},
    {"answer-few", 1, {"PASS  answer", "FAIL  window            3 of 8 requests"}},
    {"repeat-of-many", 1, {"PASS  answer", "FAIL  window            a reply to a request"}},
    {"answer-newest", 1, {"PASS  window", "FAIL  cancel            a reply to a request"}},
    {"forget-cancelled", 1, {"PASS  window", "FAIL  cancel            ", "cancelled"}},
    {"answer-cancelled-too", 1, {"PASS  window", "FAIL  cancel            a reply to a request"}},
    {"repeat-cancelled-later", 1, {"PASS  window", "FAIL  cancel            a reply to a request"}},
    {"forget-next", 1, {"PASS  window", "FAIL  cancel            the next client, or requests"}},
    {"die-of-cancel", 1, {"PASS  window", "FAIL  cancel            it ended", "cancelled"}},
    {"answer-one-way", 0, {"NOTE  one-way           not for reply = none: a reply to a request"}},
    {"push-at-open", 0, {"a client that sends nothing: 1 pushes", "not use MORE, HANGUP, LOG"}},
    {"greet", 1, {"FAIL  answer            a reply to a request"}},
    {"push-when-gone", 0, {"PASS  cancel", "PASS  unasked", "it did not use MORE, HANGUP, LOG"}},
    {"print-goodbye", 1, {"PASS  answer", "FAIL  unasked           what is no record"}},
    {"deaf", 1, {"PASS  unasked", "FAIL  stop", "FAIL  end"}},
    {"deaf-but-stop", 1, {"PASS  stop", "FAIL  end"}},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *report_of(const char *fault)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s", expand("$DIR/"));
    snprintf(path + strlen(path), sizeof(path) - strlen(path), "%s", fault);
    return path;
}

/* `framed try WORDS`, with what it says in $DIR/NAME. */
static pid_t start_try(const char *name, const char *const *words)
{
    const char *all[WORDS_MAX] = {FRAMED, "try"};
    pid_t pid;

    for (size_t i = 0; words[i]; i++)
        all[2 + i] = words[i][0] == '$' ? expand(words[i]) : words[i];
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int fd = open(report_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        process_exec(all);
    }
    return pid;
}

static void check_report(const struct row *row, int status)
{
    char report[REPORT_SIZE] = "";
    FILE *file = fopen(report_of(row->fault), "r");

    ck_assert_ptr_nonnull(file);
    report[fread(report, 1, sizeof(report) - 1, file)] = '\0';
    fclose(file);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == row->status,
                  "%s: status %d, and not %d, after\n%s", row->fault, WEXITSTATUS(status),
                  row->status, report);
    for (size_t i = 0; i < 3 && row->said[i]; i++) {
        bool wanted = row->said[i][0] != '!';

        ck_assert_msg(!strstr(report, row->said[i] + !wanted) != wanted, "%s: \"%s\" in\n%s",
                      row->fault, row->said[i], report);
    }
}

static void check_next(const pid_t *pids)
{
    for (;;) {
        int status;
        pid_t ended = waitpid(-1, &status, 0);

        ck_assert_int_gt(ended, 0);
        for (size_t i = 0; i < ROWS; i++) {
            if (pids[i] != ended)
                continue;
            check_report(&rows[i], status);
            return;
        }
    }
}

START_TEST(each_rule_can_be_broken)
{
    const char *timeout = is_sanitized() ? "1s" : "500ms";
    pid_t pids[ROWS] = {0};

    for (size_t i = 0; i < ROWS; i++) {
        pids[i] =
            start_try(rows[i].fault,
                      (const char *const[]){"--codec", "record", "--timeout", timeout, "--window",
                                            "8", "--max-message", "128KiB", "--requests", "10",
                                            "--", "$HANDLERS/unruly", rows[i].fault, NULL});
        if (i >= PARALLEL)
            check_next(pids);
    }
    for (size_t i = 0; i < PARALLEL; i++)
        check_next(pids);
    daemon_check_gone();
}
END_TEST

static bool is_running(const char *program)
{
    pid_t pids[PROCESSES_MAX];
    size_t count = process_descendants(getpid(), pids, PROCESSES_MAX);
    char title[128];

    for (size_t i = 0; i < count; i++) {
        process_title(pids[i], title, sizeof(title));
        if (strcmp(title, program) == 0)
            return true;
    }
    return false;
}

static void check_end(int signal_number)
{
    pid_t pid = start_try(
        "ended", (const char *const[]){"--timeout", "20s", "--codec", "line", "--", "sh", "-c",
                                       "setsid sleep 1000 & exec cat > /dev/null", NULL});
    int status;

    ck_assert(UNTIL(is_running("sleep") && is_running("cat")));
    ck_assert_int_eq(kill(pid, signal_number), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == signal_number);
    ck_assert(!is_running("sleep") && !is_running("cat"));
}

/* Also what has left its group and its session; and it ends by that signal. */
START_TEST(a_try_that_is_ended_leaves_nothing)
{
    check_end(SIGTERM);
    check_end(SIGINT);
    check_end(SIGHUP);
}
END_TEST

/* Nobody can tell it to end then; what it has started learns of its death. */
START_TEST(a_try_that_is_killed_takes_its_program_along)
{
    pid_t pid =
        start_try("killed", (const char *const[]){"--timeout", "20s", "--codec", "line", "--",
                                                  "$HANDLERS/scripted", "--deaf", NULL});

    ck_assert(UNTIL(is_running(expand("$HANDLERS/scripted"))));
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    daemon_check_gone();
}
END_TEST

/* What it has started and let go is not there when it has said what it found. */
START_TEST(a_try_leaves_nothing)
{
    pid_t pid =
        start_try("left", (const char *const[]){"--timeout", "2s", "--codec", "line", "--", "sh",
                                                "-c", "setsid sleep 1000 & exec cat", NULL});

    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!is_running("sleep"));
}
END_TEST

SUITE("try-rules", each_rule_can_be_broken, a_try_that_is_ended_leaves_nothing,
      a_try_that_is_killed_takes_its_program_along, a_try_leaves_nothing)
