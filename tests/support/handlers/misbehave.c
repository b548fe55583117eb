/*
 * A co-process whose first argument picks what it does wrong, the second how much. Codec `line`
 * unless the name begins with "frame". Reads and writes with nothing in between, as a careful
 * program does: what is wrong here is meant.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_SIZE ((size_t)1 << 20)

static char request[LINE_MAX_SIZE];

static void put(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t written = write(fd, at, length);

        if (written <= 0)
            _exit(9);
        at += written;
        length -= (size_t)written;
    }
}

static void say(const char *text)
{
    put(STDOUT_FILENO, text, strlen(text));
}

/* Reads LENGTH bytes; leaves at the end of the input. */
static void get(void *data, size_t length)
{
    char *at = data;

    while (length > 0) {
        ssize_t got = read(STDIN_FILENO, at, length);

        if (got <= 0)
            _exit(0);
        at += got;
        length -= (size_t)got;
    }
}

/* Reads a line with its LF: one request is in flight, so what is read ends with it. */
static size_t get_line(void)
{
    size_t length = 0;

    do {
        ssize_t got = read(STDIN_FILENO, request + length, sizeof(request) - length);

        if (got <= 0)
            _exit(0);
        length += (size_t)got;
    } while (request[length - 1] != '\n' && length < sizeof(request));
    return length;
}

static void nap(long ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static void put_frame(uint32_t claimed, const void *data, size_t length)
{
    uint8_t head[4] = {(uint8_t)(claimed >> 24), (uint8_t)(claimed >> 16), (uint8_t)(claimed >> 8),
                       (uint8_t)claimed};

    put(STDOUT_FILENO, head, sizeof(head));
    put(STDOUT_FILENO, data, length);
}

static void fill(int fd, size_t length)
{
    char block[1024];

    memset(block, 'x', sizeof(block));
    block[sizeof(block) - 1] = '\n';
    for (; length >= sizeof(block); length -= sizeof(block))
        put(fd, block, sizeof(block));
}

static void echo(long unused)
{
    (void)unused;
    put(STDOUT_FILENO, request, get_line());
}

/* The second line comes MS after the first: late for its own request, early for the next. */
static void two_lines(long ms)
{
    size_t length = get_line();

    put(STDOUT_FILENO, request, length);
    nap(ms);
    put(STDOUT_FILENO, request, length);
}

static void banner(long ms)
{
    nap(ms);
    say("Welcome!\n");
    pause();
}

static void quit(long status)
{
    fprintf(stderr, "cannot find my teeth\n");
    exit((int)status);
}

static void die(long number)
{
    get_line();
    raise((int)number);
}

static void mute(long ms)
{
    get_line();
    nap(ms);
}

static void once(long status)
{
    put(STDOUT_FILENO, request, get_line());
    exit((int)status);
}

static void flood(long bytes)
{
    size_t length = get_line();

    fill(STDERR_FILENO, (size_t)bytes);
    put(STDOUT_FILENO, request, length);
}

static void close_stdout(long unused)
{
    (void)unused;
    get_line();
    close(STDOUT_FILENO);
    pause();
}

static void answer_long(long bytes)
{
    get_line();
    fill(STDOUT_FILENO, (size_t)bytes);
}

/* Answers with the numbers of its open descriptors. */
static void descriptors(long unused)
{
    size_t length = 0;

    (void)unused;
    get_line();
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            length += (size_t)snprintf(request + length, sizeof(request) - length, "%d ", fd);
    request[length++] = '\n';
    put(STDOUT_FILENO, request, length);
}

/* Answers with the signals that it was started with blocked or ignored, as one number. */
static void signals(long unused)
{
    unsigned long odd = 0;
    sigset_t blocked;

    (void)unused;
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < 32; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) == 0 &&
            (action.sa_handler != SIG_DFL || sigismember(&blocked, number)))
            odd |= 1UL << number;
    }
    get_line();
    snprintf(request, sizeof(request), "%lx\n", odd);
    say(request);
}

/* Answers with the pid of a child that keeps all three pipes open and ignores SIGTERM. */
static void grandchild(long unused)
{
    static pid_t pid;

    (void)unused;
    if (pid == 0 && (pid = fork()) == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    get_line();
    snprintf(request, sizeof(request), "%d\n", (int)pid);
    say(request);
}

static void stubborn(long unused)
{
    signal(SIGTERM, SIG_IGN);
    echo(unused);
    for (;;)
        pause();
}

static void frame_echo(long unused)
{
    static char frame[65536 + 4];
    uint32_t length;
    size_t have = 0;

    (void)unused;
    while (have < 4 || have < (size_t)4 + length) {
        ssize_t got = read(STDIN_FILENO, frame + have, sizeof(frame) - have);

        if (got <= 0)
            _exit(0);
        have += (size_t)got;
        length = (uint32_t)((uint8_t)frame[0] << 24 | (uint8_t)frame[1] << 16 |
                            (uint8_t)frame[2] << 8 | (uint8_t)frame[3]);
    }
    put(STDOUT_FILENO, frame, have);
}

static void get_frame(void)
{
    uint8_t head[4];
    size_t length;

    get(head, sizeof(head));
    length = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    for (; length > sizeof(request); length -= sizeof(request))
        get(request, sizeof(request));
    get(request, length);
}

/* Answers before it has read more than one byte: both pipes are full, if the request is long. */
static void frame_write_first(long bytes)
{
    uint32_t length = (uint32_t)bytes / 1024 * 1024;
    uint8_t head[4];

    get(head, 1);
    put_frame(length, NULL, 0);
    fill(STDOUT_FILENO, length);
    get(head + 1, 3);
    length = (uint32_t)(head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3]);
    for (; length > sizeof(request); length -= (uint32_t)sizeof(request))
        get(request, sizeof(request));
    get(request, length);
}

static void frame_short(long bytes)
{
    get_frame();
    put_frame(100, "0123456789", (size_t)bytes);
    _exit(0);
}

static void frame_huge(long unused)
{
    (void)unused;
    get_frame();
    put_frame(UINT32_MAX, "x", 1);
    pause();
}

static const struct {
    const char *name;
    void (*turn)(long amount);
} faults[] = {
    {"echo", echo},
    {"two-lines", two_lines},
    {"banner", banner},
    {"quit", quit},
    {"die", die},
    {"mute", mute},
    {"once", once},
    {"flood", flood},
    {"close-stdout", close_stdout},
    {"answer-long", answer_long},
    {"descriptors", descriptors},
    {"signals", signals},
    {"grandchild", grandchild},
    {"stubborn", stubborn},
    {"frame-echo", frame_echo},
    {"frame-write-first", frame_write_first},
    {"frame-short", frame_short},
    {"frame-huge", frame_huge},
};

int main(int argc, char **argv)
{
    long amount = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

    for (size_t i = 0; argc > 1 && i < sizeof(faults) / sizeof(faults[0]); i++)
        if (strcmp(argv[1], faults[i].name) == 0)
            for (;;)
                faults[i].turn(amount);
    fprintf(stderr, "usage: misbehave FAULT [AMOUNT]; FAULT is one of:");
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        fprintf(stderr, " %s", faults[i].name);
    fprintf(stderr, "\n");
    return 2;
}
