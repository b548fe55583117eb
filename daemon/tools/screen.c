#include "tools/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What all terminals of these days understand (ECMA-48, and xterm's second screen). */
#define OTHER_SCREEN "\033[?1049h\033[?25l"
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define ERASE_LINE "\033[K"
#define ERASE_BELOW "\033[J"

bool screen_is_there(void)
{
    const char *type = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && type && strcmp(type, "dumb") != 0;
}

static void put(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

int screen_enter(struct screen *screen)
{
    struct termios keys;

    if (!screen->entered && tcgetattr(STDIN_FILENO, &screen->before) < 0)
        return -errno;
    keys = screen->before;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &keys) < 0)
        return -errno;
    screen->entered = true;
    put(OTHER_SCREEN);
    return 0;
}

void screen_leave(struct screen *screen)
{
    if (!screen->entered)
        return;
    screen->entered = false;
    put(FIRST_SCREEN);
    tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

static struct winsize measure(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        size = (struct winsize){.ws_row = 24, .ws_col = 80};
    return size;
}

/* As much of TEXT's first line as fits into this ROW; the next line, or NULL. */
static const char *draw_line(const char *text, unsigned row, unsigned columns)
{
    size_t length = strcspn(text, "\n");

    printf("\033[%u;1H" ERASE_LINE "%.*s", row, (int)(length < columns ? length : columns), text);
    return text[length] && text[length + 1] ? text + length + 1 : NULL;
}

void screen_show(const char *text, const char *last)
{
    const struct winsize size = measure();
    unsigned row = 1;

    for (; text && row < size.ws_row; row++)
        text = draw_line(text, row, size.ws_col);
    printf("\033[%u;1H" ERASE_BELOW, row);
    draw_line(last, size.ws_row, size.ws_col);
    fflush(stdout);
}
