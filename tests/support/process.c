#include "support/process.h"

#include "support/until.h"

#include <check.h>
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Field NUMBER (as of proc(5), 3 or more) of /proc/PID/stat into VALUE: whether it is there. */
static bool stat_field(pid_t pid, int number, char *value, size_t size)
{
    char path[64];
    char line[1024];
    char *at;
    FILE *file;
    size_t got;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    got = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[got] = '\0';
    at = strrchr(line, ')'); /* the name before may hold anything */
    for (int field = 2; at && field < number; field++)
        at = strchr(at + 1, ' ');
    if (!at)
        return false;
    snprintf(value, size, "%.*s", (int)strcspn(at + 1, " "), at + 1);
    return true;
}

char process_state(pid_t pid)
{
    char state[4];

    if (!stat_field(pid, 3, state, sizeof(state)))
        return '\0';
    return state[0];
}

bool process_sleeps(pid_t pid)
{
    for (int i = 0; i < 10; i++) {
        if (process_state(pid) != 'S')
            return false;
        nap(2);
    }
    return true;
}

bool process_lives(pid_t pid)
{
    char state = process_state(pid);

    return state != '\0' && state != 'Z' && state != 'X';
}

static pid_t parent_of(pid_t pid)
{
    char parent[16];

    return stat_field(pid, 4, parent, sizeof(parent)) ? (int)strtol(parent, NULL, 10) : 0;
}

long process_cpu_ms(pid_t pid)
{
    char user[32], system[32];

    if (!stat_field(pid, 14, user, sizeof(user)) || !stat_field(pid, 15, system, sizeof(system)))
        return -1;
    return (strtol(user, NULL, 10) + strtol(system, NULL, 10)) * 1000 / sysconf(_SC_CLK_TCK);
}

static bool descends(pid_t pid, pid_t root)
{
    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        pid = parent_of(pid);
        if (pid == root)
            return true;
    }
    return false;
}

static size_t collect(pid_t root, bool deep, pid_t *pids, size_t max)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;

    while (folder && (entry = readdir(folder)) && count < max) {
        pid_t pid =
            isdigit((unsigned char)entry->d_name[0]) ? (int)strtol(entry->d_name, NULL, 10) : 0;

        if (pid > 0 && process_lives(pid) && (deep ? descends(pid, root) : parent_of(pid) == root))
            pids[count++] = pid;
    }
    if (folder)
        closedir(folder);
    return count;
}

size_t process_descendants(pid_t root, pid_t *pids, size_t max)
{
    return collect(root, true, pids, max);
}

size_t process_children(pid_t root, pid_t *pids, size_t max)
{
    return collect(root, false, pids, max);
}

int process_descriptors(pid_t pid)
{
    char path[64];
    DIR *folder;
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    folder = opendir(path);
    if (!folder)
        return -1;
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

bool process_holds(pid_t pid, const char *path)
{
    char name[300], target[512];
    bool holds = false;
    DIR *folder;

    snprintf(name, sizeof(name), "/proc/%d/fd", (int)pid);
    folder = opendir(name);
    if (!folder)
        return false;
    for (const struct dirent *entry; !holds && (entry = readdir(folder));) {
        ssize_t length;

        snprintf(name, sizeof(name), "/proc/%d/fd/%s", (int)pid, entry->d_name);
        length = readlink(name, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        holds = strcmp(target, path) == 0;
    }
    closedir(folder);
    return holds;
}

int process_settled_descriptors(pid_t root, size_t descendants)
{
    pid_t pids[PROCESSES_MAX];

    ck_assert_msg(UNTIL(process_descendants(root, pids, PROCESSES_MAX) == descendants),
                  "%zu descendants, not %zu", process_descendants(root, pids, PROCESSES_MAX),
                  descendants);
    return process_descriptors(root);
}

long process_sum(pid_t pid, const char *file, const char *const *keys)
{
    char path[64];
    char line[256];
    long sum = 0;
    FILE *stream;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    stream = fopen(path, "re");
    if (!stream)
        return -1;
    while (fgets(line, sizeof(line), stream))
        for (size_t i = 0; keys[i]; i++)
            if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                sum += strtol(line + strlen(keys[i]), NULL, 10);
    fclose(stream);
    return sum;
}

void process_title(pid_t pid, char *title, size_t size)
{
    char path[64];
    FILE *file;
    size_t got = 0;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    file = fopen(path, "re");
    if (file) {
        got = fread(title, 1, size - 1, file);
        fclose(file);
    }
    title[got] = '\0';
}

void process_exec(const char *const *arguments)
{
    char *const *words;

    memcpy(&words, &arguments,
           sizeof(words)); /* execv(3) writes to none, and says so in its text */
    execv(words[0], words);
    _exit(127);
}

static void run_child(const char *const *arguments, int out, int err) __attribute__((noreturn));
static void run_child(const char *const *arguments, int out, int err)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(nothing, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    process_exec(arguments);
}

static void take(int fd, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size - 1, 0);

    text[got > 0 ? got : 0] = '\0';
    close(fd);
}

void process_run(const char *const *arguments, struct output *output)
{
    int out = memfd_create("out", MFD_CLOEXEC);
    int err = memfd_create("err", MFD_CLOEXEC);
    pid_t pid;
    int status = 0;

    ck_assert(out >= 0 && err >= 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        run_child(arguments, out, err);
    if (!UNTIL(waitpid(pid, &status, WNOHANG) == pid)) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        ck_abort_msg("%s did not end within %d ms", arguments[0], BOUND_MS);
    }
    output->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    take(out, output->out, sizeof(output->out));
    take(err, output->err, sizeof(output->err));
}

const char *need_environment(const char *name)
{
    const char *value = getenv(name);

    ck_assert_msg(value != NULL, "%s is not set; run this with meson test", name);
    return value;
}

bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}
