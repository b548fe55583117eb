/*
 * A handler of lines that leaves things behind, for the tests of how programs are ended. A message
 * that begins with `!` is an order, and its reply the number of the process that was started; every
 * other is its own reply.
 *
 *     brood [EOF_MS [TERM_MS [FILE]]]
 *
 * The end of standard input ends it after EOF_MS, SIGTERM after TERM_MS; it ignores the one that is
 * below 0. Then it appends "eof" or "term" to FILE.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Whatever goes wrong, nothing stays for longer. */
#define LIFE_SECONDS 60

static long eof_ms = 0;
static long term_ms = 0;
static const char *file = "/dev/null";

static void nap(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    while (nanosleep(&time, &time) < 0)
        ;
}

static void note(const char *word)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (write(fd, word, strlen(word)) < 0)
        _exit(EXIT_FAILURE);
    close(fd);
}

static void on_term(int number)
{
    (void)number;
    nap(term_ms);
    note("term\n");
    _exit(EXIT_SUCCESS);
}

static void stay(void) __attribute__((noreturn));
static void stay(void)
{
    signal(SIGTERM, SIG_IGN);
    alarm(LIFE_SECONDS);
    for (;;)
        pause();
}

static void close_pipes(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
}

/* Its parent lives on; it has left the group. */
static void be_child(void)
{
    setsid();
    close_pipes();
    stay();
}

/* Its parent has ended. */
static void be_daemon(void)
{
    close_pipes();
    stay();
}

static void be_holder(void)
{
    stay();
}

static void be_polite(void)
{
    close_pipes();
    alarm(LIFE_SECONDS);
    signal(SIGTERM, on_term);
    for (;;)
        pause();
}

/* Another process every moment, each the only one of its session. */
static void be_runner(void)
{
    time_t end = time(NULL) + LIFE_SECONDS;

    close_pipes();
    signal(SIGTERM, SIG_IGN);
    while (time(NULL) < end) {
        pid_t pid = fork();

        if (pid > 0)
            _exit(EXIT_SUCCESS);
        setsid();
    }
}

static void be_short(void)
{
}

/* FAR: by way of a parent that ends at once. */
static pid_t start(void (*be)(void), bool far)
{
    int pipes[2];
    pid_t pid = 0;

    if (pipe(pipes) < 0)
        _exit(EXIT_FAILURE);
    pid = fork();
    if (pid == 0) {
        if (far) {
            setsid();
            if (fork() != 0)
                _exit(EXIT_SUCCESS);
        }
        pid = getpid();
        if (write(pipes[1], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
            _exit(EXIT_FAILURE);
        close(pipes[0]);
        close(pipes[1]);
        be();
        _exit(EXIT_SUCCESS);
    }
    if (read(pipes[0], &pid, sizeof(pid)) != (ssize_t)sizeof(pid))
        _exit(EXIT_FAILURE);
    close(pipes[0]);
    close(pipes[1]);
    return pid;
}

static const struct {
    const char *word;
    void (*be)(void);
    bool far;
} orders[] = {
    {"!child", be_child, false},  {"!daemon", be_daemon, true}, {"!holder", be_holder, true},
    {"!polite", be_polite, true}, {"!runner", be_runner, true}, {"!short", be_short, true},
};

static void obey(const char *line)
{
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (strcmp(line, orders[i].word) == 0) {
            printf("%d\n", (int)start(orders[i].be, orders[i].far));
            return;
        }
    if (strcmp(line, "!die") == 0)
        _exit(7);
    if (strcmp(line, "!self") == 0)
        printf("%d\n", (int)getpid());
    else
        printf("%s\n", line);
}

int main(int argc, char **argv)
{
    static char line[65536];

    if (argc > 1)
        eof_ms = strtol(argv[1], NULL, 10);
    if (argc > 2)
        term_ms = strtol(argv[2], NULL, 10);
    if (argc > 3)
        file = argv[3];
    alarm(LIFE_SECONDS);
    signal(SIGTERM, term_ms < 0 ? SIG_IGN : on_term);
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        obey(line);
        fflush(stdout);
    }
    if (eof_ms < 0)
        for (;;)
            pause();
    nap(eof_ms);
    note("eof\n");
    return EXIT_SUCCESS;
}
