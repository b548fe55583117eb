#include "tools/top.h"

#include "base/clock.h"
#include "tools/ask.h"
#include "tools/screen.h"
#include "tools/table.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The master answers at once, or has been stopped: keys and signals wait no longer for it. */
#define ANSWER_MS 1000

struct top {
    const struct top_options *options;
    struct screen screen;
    int signal_fd;
    json_t *now; /* the last answer; NULL: none yet */
    json_t *before;
    char trouble[512]; /* why there is no newer one; "": there is */
    enum table_order order;
    bool paused;
    bool help;
    int ended_by; /* a signal */
    bool quit;
};

static const char help_text[] = "framectl top\n"
                                "\n"
                                "  s  sort workers by slot\n"
                                "  n  by the name of their service\n"
                                "  t  by time: the longest at one request first, idle ones last\n"
                                "  m  by messages\n"
                                "  r  by resident memory\n"
                                "  p  pause, and go on\n"
                                "  h  this, and back\n"
                                "  q  quit\n";

static void look(struct top *top)
{
    json_t *answer =
        ask(top->options->address, "status", ANSWER_MS, top->trouble, sizeof(top->trouble));

    if (!answer) {
        table_clean(top->trouble);
        return;
    }
    top->trouble[0] = '\0';
    json_decref(top->before);
    top->before = top->now;
    top->now = answer;
}

static void print(const void *context, FILE *to)
{
    const struct top *top = context;

    if (top->trouble[0])
        fprintf(to, "no answer, trying again: %s\n", top->trouble);
    if (!top->now)
        return;
    table_head(top->now, to);
    putc('\n', to);
    table_services(top->now, top->before, to);
    putc('\n', to);
    table_workers(top->now, top->order, to);
}

static void draw(const struct top *top)
{
    char last[200];
    char *text = table_collect(print, top);

    if (!text)
        return;
    if (top->screen.entered) {
        snprintf(last, sizeof(last), "by %s%s | s n t m r: sort, p: pause, h: help, q: quit",
                 table_order_word(top->order), top->paused ? ", paused" : "");
        screen_show(top->help ? help_text : text, last);
    } else {
        fputs(text, stdout);
        putchar('\n');
        fflush(stdout);
    }
    free(text);
}

static const struct {
    char key;
    enum table_order order;
} sort_keys[] = {
    {'s', TABLE_BY_SLOT},     {'n', TABLE_BY_SERVICE}, {'t', TABLE_BY_TIME},
    {'m', TABLE_BY_MESSAGES}, {'r', TABLE_BY_RSS},
};

static void take_key(struct top *top, char key)
{
    for (size_t i = 0; i < sizeof(sort_keys) / sizeof(sort_keys[0]); i++)
        if (key == sort_keys[i].key)
            top->order = sort_keys[i].order;
    if (key == 'p' || key == ' ')
        top->paused = !top->paused;
    if (key == 'h' || key == '?')
        top->help = !top->help;
    if (key == 'q')
        top->quit = true;
}

static void on_keys(struct top *top)
{
    char keys[64];
    ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

    /* The terminal has gone. */
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        top->quit = true;
    for (ssize_t i = 0; i < got; i++)
        take_key(top, keys[i]);
}

static void on_signal(struct top *top)
{
    struct signalfd_siginfo info;

    if (read(top->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGWINCH:
        break; /* drawn anew anyway */
    case SIGTSTP:
        screen_leave(&top->screen);
        kill(getpid(), SIGSTOP);
        screen_enter(&top->screen);
        break;
    case SIGCONT:
        screen_enter(&top->screen);
        break;
    default:
        top->ended_by = (int)info.ssi_signo;
        top->quit = true;
    }
}

static int watch_signals(struct top *top)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    top->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return top->signal_fd < 0 ? -errno : 0;
}

/* Draws after whatever happens, until it is time to look again. */
static void wait_until(struct top *top, uint64_t until_ms)
{
    while (!top->quit) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = top->signal_fd, .events = POLLIN}};
        int ready = poll(fds, top->signal_fd < 0 ? 0 : 2,
                         top->paused ? -1 : clock_left_ms(until_ms, clock_ms()));

        if (ready == 0)
            return;
        if (ready < 0)
            continue;
        if (fds[1].revents)
            on_signal(top);
        else if (fds[0].revents)
            on_keys(top);
        if (!top->quit)
            draw(top);
    }
}

static void loop(struct top *top)
{
    uint64_t next_ms = clock_ms();

    for (unsigned long i = 0; !top->quit; i++) {
        look(top);
        draw(top);
        if (top->options->count && i + 1 >= top->options->count)
            return;
        next_ms += top->options->interval_ms;
        wait_until(top, next_ms);
        if (clock_ms() > next_ms)
            next_ms = clock_ms();
    }
}

/* As it would have been without us: the shell is told which signal it was. */
static void end_by(int number)
{
    sigset_t set;

    signal(number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, number);
    raise(number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int top_run(const struct top_options *options)
{
    struct top top = {.options = options, .signal_fd = -1};
    bool failed;

    setvbuf(stdout, NULL, _IOFBF, BUFSIZ * 8); /* a screen in one go */
    if (!options->batch && screen_is_there() &&
        (watch_signals(&top) < 0 || screen_enter(&top.screen) < 0)) {
        fputs("framectl: top: cannot use the terminal\n", stderr);
        return EXIT_FAILURE;
    }
    loop(&top);
    screen_leave(&top.screen);
    failed = top.trouble[0] != '\0';
    json_decref(top.now);
    json_decref(top.before);
    if (top.ended_by)
        end_by(top.ended_by);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
