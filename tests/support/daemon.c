#include "support/daemon.h"

#include "support/process.h"
#include "support/until.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXPANDED_SIZE 8192
#define ARGUMENTS_MAX 64

static struct {
    char directory[64];
    pid_t pid; /* 0: none runs */
    int guard_fd;
    daemon_prepare *prepare;
} self;

pid_t daemon_pid(void)
{
    return self.pid;
}

void daemon_prepare_with(daemon_prepare *prepare)
{
    self.prepare = prepare;
}

const char *daemon_control(void)
{
    return expand("unix:$DIR/control.sock");
}

const char *expand(const char *text)
{
    static char buffers[8][EXPANDED_SIZE];
    static unsigned turn;
    const struct {
        const char *word;
        const char *value;
    } words[] = {{"$DIR", self.directory},
                 {"$HANDLERS", need_environment("TEST_HANDLERS")},
                 {"$SOURCE", need_environment("FRAMED_SOURCE_ROOT")}};
    char *buffer = buffers[turn++ % 8];
    size_t length = 0;

    while (*text && length < EXPANDED_SIZE - 1) {
        size_t word = 0;

        while (word < 3 && strncmp(text, words[word].word, strlen(words[word].word)) != 0)
            word++;
        if (word < 3) {
            length +=
                (size_t)snprintf(buffer + length, EXPANDED_SIZE - length, "%s", words[word].value);
            text += strlen(words[word].word);
        } else {
            buffer[length++] = *text++;
        }
    }
    ck_assert_uint_lt(length, EXPANDED_SIZE - 1);
    buffer[length] = '\0';
    return buffer;
}

char *read_whole(const char *file)
{
    FILE *stream = fopen(file, "re");
    char *text = NULL;
    size_t size = 0;

    if (!stream)
        return NULL;
    if (getdelim(&text, &size, '\0', stream) < 0) {
        free(text);
        text = strdup("");
    }
    fclose(stream);
    return text;
}

static void remove_directory(const char *directory)
{
    DIR *folder = opendir(directory);
    const struct dirent *entry;

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
    rmdir(directory);
}

/* Outlives a test that fails: shows the log's end, and leaves no files. */
static void guard(int fd) __attribute__((noreturn));
static void guard(int fd)
{
    char good;

    setsid();
    if (read(fd, &good, 1) != 1 || getenv("TEST_SHOW_LOG")) {
        char path[sizeof(self.directory) + sizeof("/log")];
        char *text;
        size_t length;

        snprintf(path, sizeof(path), "%s/log", self.directory);
        text = read_whole(path);
        length = text ? strlen(text) : 0;
        fprintf(stderr, "---- log of %s\n%s----\n", self.directory,
                length > 6000 ? text + length - 6000
                : text        ? text
                              : "");
        free(text);
    }
    remove_directory(self.directory);
    _exit(EXIT_SUCCESS);
}

void daemon_setup(void)
{
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    snprintf(self.directory, sizeof(self.directory), "/tmp/framed-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(self.directory));
    ck_assert_int_eq(chmod(self.directory, 0755), 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    /* The guard has a parent that is gone, so that it is none of our descendants. */
    if (fork() == 0) {
        close(ends[1]);
        if (fork() == 0)
            guard(ends[0]);
        _exit(EXIT_SUCCESS);
    }
    close(ends[0]);
    self.guard_fd = ends[1];
    wait(NULL);
    /* Whatever framed leaves behind becomes our child, and is found. */
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
}

void daemon_write(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", self.directory, name);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

void daemon_configure(const char *text)
{
    char whole[EXPANDED_SIZE];

    snprintf(whole, sizeof(whole), "control = \"%s\"\n%s", daemon_control(), expand(text));
    daemon_write("next.conf", whole);
    ck_assert_int_eq(rename(expand("$DIR/next.conf"), expand("$DIR/framed.conf")), 0);
}

static void run_child(const char *const *arguments, int err_fd) __attribute__((noreturn));
static void run_child(const char *const *arguments, int err_fd)
{
    const char *words[ARGUMENTS_MAX] = {FRAMED};
    size_t count = 1;
    int out_fd = open(expand("$DIR/stdout"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (err_fd < 0)
        err_fd = open(expand("$DIR/log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(out_fd, STDOUT_FILENO);
    dup2(err_fd, STDERR_FILENO);
    for (size_t i = 0; arguments[i] && count < ARGUMENTS_MAX - 1; i++)
        words[count++] = strdup(expand(arguments[i]));
    if (self.prepare)
        self.prepare();
    process_exec(words);
}

void daemon_launch(const char *const *arguments, int err_fd)
{
    ck_assert_int_eq(self.pid, 0);
    self.pid = fork();
    ck_assert_int_ge(self.pid, 0);
    if (self.pid == 0)
        run_child(arguments, err_fd);
}

static bool has_ended(void)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)self.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == self.pid;
}

void daemon_start(const char *text)
{
    daemon_configure(text);
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert_msg(UNTIL(log_has("event=start ") || has_ended()), "framed did not start");
    ck_assert_msg(!has_ended(), "framed has ended at once");
}

static size_t count_announced(void)
{
    char *text = read_whole(expand("$DIR/stdout"));
    size_t count = 0;

    for (const char *at = text; at && (at = strchr(at, '\n')); at++)
        count++;
    free(text);
    return count;
}

void daemon_run_words(size_t count, const char *const *arguments)
{
    const char *words[ARGUMENTS_MAX] = {"run"};

    for (size_t i = 0; arguments[i] && i < ARGUMENTS_MAX - 2; i++)
        words[i + 1] = arguments[i];
    daemon_launch(words, -1);
    ck_assert_msg(UNTIL(count_announced() >= count || has_ended()), "framed announced nothing");
    ck_assert_msg(!has_ended(), "framed has ended at once");
}

const char *daemon_announced(size_t index)
{
    static char address[512];
    char *text = read_whole(expand("$DIR/stdout"));
    char *line = text;

    while (line && index-- > 0)
        if ((line = strchr(line, '\n')))
            line++;
    ck_assert_msg(line && *line, "fewer addresses were announced");
    snprintf(address, sizeof(address), "%.*s", (int)strcspn(line, "\n"), line);
    free(text);
    return address;
}

const char *daemon_address(const char *service, size_t index)
{
    static char address[512];
    char pattern[128];
    char *text = log_text();
    const char *at = text;

    snprintf(pattern, sizeof(pattern), "event=listen service=%s address=", service);
    for (size_t i = 0; i <= index; i++) {
        at = strstr(at, pattern);
        ck_assert_msg(at != NULL, "the log names no listener %zu of %s", index, service);
        at += strlen(pattern);
    }
    snprintf(address, sizeof(address), "%.*s", (int)strcspn(at, " \n"), at);
    free(text);
    return address;
}

int daemon_wait(void)
{
    int status = 0;

    ck_assert_msg(UNTIL(waitpid(self.pid, &status, WNOHANG) == self.pid),
                  "framed did not end within %d ms", BOUND_MS);
    self.pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void daemon_follow(pid_t pid)
{
    ck_assert_int_eq(daemon_wait(), 0);
    ck_assert_msg(process_lives(pid), "the new framed has ended");
    self.pid = pid;
}

void daemon_upgrade(void)
{
    struct output output;
    int pid = 0;

    RUN(&output, FRAMECTL, "-s", daemon_control(), "upgrade");
    ck_assert_msg(output.status == 0, "%s", output.err);
    ck_assert_msg(sscanf(output.out, "upgraded: process %d", &pid) == 1, "%s", output.out);
    daemon_follow(pid);
}

/* Orphans that have come to us and ended are buried; those that live are counted. */
static size_t count_left(pid_t *pids)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return process_descendants(getpid(), pids, PROCESSES_MAX);
}

void daemon_check_gone(void)
{
    pid_t pids[PROCESSES_MAX];
    char title[128];

    if (UNTIL(count_left(pids) == 0))
        return;
    process_title(pids[0], title, sizeof(title));
    ck_abort_msg("framed left a process behind: %d \"%s\"", (int)pids[0], title);
}

static void check_no_sockets(void)
{
    DIR *folder = opendir(self.directory);
    const struct dirent *entry;

    ck_assert_ptr_nonnull(folder);
    while ((entry = readdir(folder)))
        ck_assert_msg(entry->d_type != DT_SOCK, "framed left a socket behind: %s", entry->d_name);
    closedir(folder);
}

static void check_sanitizers(void)
{
    ck_assert_msg(!log_has("ERROR: AddressSanitizer") && !log_has("ERROR: LeakSanitizer") &&
                      !log_has("runtime error:"),
                  "a sanitizer complains");
}

void daemon_stop(void)
{
    ck_assert_int_eq(kill(self.pid, SIGTERM), 0);
    ck_assert_int_eq(daemon_wait(), 0);
    daemon_check_gone();
    check_no_sockets();
}

void daemon_teardown(void)
{
    if (self.pid)
        daemon_stop();
    daemon_check_gone();
    check_sanitizers();
    ck_assert_int_eq(write(self.guard_fd, "+", 1), 1);
    close(self.guard_fd);
}

char *log_text(void)
{
    char *text = read_whole(expand("$DIR/log"));

    return text ? text : strdup("");
}

static bool line_has(const char *line, size_t length, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (!memmem(line, length, words[i], strlen(words[i])))
            return false;
    return true;
}

size_t log_count_words(const char *const *words)
{
    char *text = log_text();
    size_t count = 0;

    /* Only whole lines: the last may be on its way. */
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
        count += line_has(line, (size_t)(end - line), words);
    free(text);
    return count;
}

void log_wait_words(size_t count, const char *const *words)
{
    ck_assert_msg(UNTIL(log_count_words(words) >= count), "no line with \"%s\"%s%s in the log",
                  words[0], words[1] ? " and " : "", words[1] ? words[1] : "");
}
