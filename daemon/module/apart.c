/*
 * Work with a module in a process of its own. The process has a group of its own, so that what a
 * module starts while it is loaded ends with it; it leaves without the module's destructors.
 */
#include "module/module.h"

#include "base/clock.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEXT_MAX ((size_t)1024 * 1024)
/* Should we be gone then, nobody else ends it. */
#define SPARE_S 2

/* The first byte of what comes, which a module that ends the process has not sent. */
enum {
    WORD_DONE = '0',
    WORD_REFUSED = '1'
};

struct apart {
    pid_t pid;
    int pidfd;
    int from; /* what it has to say */
    char *text;
    size_t length;
};

/* A module may print and read as it likes: not what we print, and nothing that was ours to read. */
static void set_aside(uint64_t timeout_ms, pid_t parent)
{
    const struct rlimit none = {0};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    alarm((unsigned)(timeout_ms / 1000) + SPARE_S);
    setrlimit(RLIMIT_CORE, &none);
    dup2(null, STDIN_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
}

static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, text, length);

        if (written < 0)
            _exit(EXIT_FAILURE);
        text += written;
        length -= (size_t)written;
    }
}

static void child(module_work *work, const char *path, const void *context, int to)
    __attribute__((noreturn));
static void child(module_work *work, const char *path, const void *context, int to)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    int result;

    if (!out)
        _exit(EXIT_FAILURE);
    putc(WORD_DONE, out);
    result = work(path, context, out);
    if (fclose(out) != 0)
        _exit(EXIT_FAILURE);
    if (result < 0)
        text[0] = WORD_REFUSED;
    write_all(to, text, length);
    _exit(EXIT_SUCCESS);
}

static int start(struct apart *apart, module_work *work, const char *path, const void *context,
                 uint64_t timeout_ms)
{
    pid_t parent = getpid();
    int ends[2];
    int result;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    apart->pid = fork();
    result = apart->pid < 0 ? -errno : 0;
    if (apart->pid == 0) {
        set_aside(timeout_ms, parent);
        child(work, path, context, ends[1]);
    }
    close(ends[1]);
    apart->from = ends[0];
    if (result < 0) {
        close(apart->from);
        return result;
    }
    setpgid(apart->pid, apart->pid); /* whoever is first */
    fcntl(apart->from, F_SETFL, O_NONBLOCK);
    apart->pidfd = pidfd_open(apart->pid, 0);
    return 0;
}

/* All that is there. False: without memory, or it is too much. */
static bool take(struct apart *apart)
{
    for (;;) {
        char *grown = NULL;
        ssize_t got;

        if (apart->length <= TEXT_MAX)
            grown = realloc(apart->text, apart->length + BUFSIZ + 1);
        if (!grown)
            return false;
        apart->text = grown;
        got = read(apart->from, apart->text + apart->length, BUFSIZ);
        apart->length += got > 0 ? (size_t)got : 0;
        apart->text[apart->length] = '\0';
        if (got <= 0)
            return true;
    }
}

/* Until the process has ended, whoever else has its pipe. False: it has not by then. */
static bool listen_to(struct apart *apart, uint64_t until_ms)
{
    struct pollfd fds[] = {{.fd = apart->from, .events = POLLIN},
                           {.fd = apart->pidfd, .events = POLLIN}};
    int ready;

    do {
        ready = poll(fds, 2, clock_left_ms(until_ms, clock_ms()));
        if (ready < 0 && errno == EINTR)
            continue;
        if (!take(apart))
            return false;
        if (fds[0].revents & POLLHUP)
            fds[0].fd = -1;
    } while (ready != 0 && !fds[1].revents);
    return ready > 0;
}

/* What it was doing is loading: what comes behind that is ours. */
static int explain(bool ended, int status, uint64_t timeout_ms, char *error, size_t size)
{
    char limit[UNITS_TEXT_SIZE];

    units_format_time(timeout_ms, limit);
    if (!ended)
        snprintf(error, size,
                 "found that loading it takes longer than %s, allowed: constructors "
                 "that return",
                 limit);
    else if (WIFSIGNALED(status))
        snprintf(error, size,
                 "found that loading it crashes (%s), allowed: constructors that do "
                 "not",
                 strsignal(WTERMSIG(status)));
    else
        snprintf(error, size,
                 "found that loading it ends the process (exit status %d), allowed: "
                 "constructors that return",
                 WEXITSTATUS(status));
    return ended ? -ECHILD : -ETIMEDOUT;
}

/* With all that it has started. */
static int end(const struct apart *apart)
{
    int status = 0;

    kill(-apart->pid, SIGKILL);
    while (waitpid(apart->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(apart->from);
    close(apart->pidfd);
    return status;
}

int module_apart(module_work *work, const char *path, const void *context, uint64_t timeout_ms,
                 char **text, char *error, size_t size)
{
    struct apart apart = {0};
    int result = start(&apart, work, path, context, timeout_ms);
    bool ended;
    int status;

    if (result < 0) {
        snprintf(error, size, "no process to load it in: %s", strerror(-result));
        return result;
    }
    ended = listen_to(&apart, clock_ms() + timeout_ms);
    status = end(&apart);
    if (!ended || apart.length == 0) {
        free(apart.text);
        return explain(ended, status, timeout_ms, error, size);
    }
    result = apart.text[0] == WORD_DONE ? 0 : -ENOEXEC;
    memmove(apart.text, apart.text + 1, apart.length);
    *text = apart.text;
    return result;
}
