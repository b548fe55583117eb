#include "support/terminal.h"

#include "support/process.h"

#include <ctype.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

struct terminal terminal;

static void erase_line(unsigned row)
{
    memset(terminal.cells[row], ' ', terminal.columns);
    terminal.cells[row][terminal.columns] = '\0';
}

static void erase_below(unsigned row)
{
    for (; row < terminal.rows; row++)
        erase_line(row);
}

static void act(const char *sequence)
{
    unsigned row;
    char end;

    if (sscanf(sequence, "\033[%u;1%c", &row, &end) == 2 && end == 'H') {
        ck_assert_msg(row >= 1 && row <= terminal.rows, "row %u of %u", row, terminal.rows);
        terminal.row = row - 1;
        terminal.column = 0;
    } else if (strcmp(sequence, "\033[K") == 0) {
        erase_line(terminal.row);
    } else if (strcmp(sequence, "\033[J") == 0) {
        erase_below(terminal.row);
    } else if (strcmp(sequence, "\033[?1049h") == 0 || strcmp(sequence, "\033[?1049l") == 0) {
        terminal.second = sequence[7] == 'h';
        erase_below(0);
    } else if (strcmp(sequence, "\033[?25h") == 0 || strcmp(sequence, "\033[?25l") == 0) {
        terminal.has_cursor = sequence[5] == 'h';
    } else {
        ck_abort_msg("unknown sequence \"%s\"", sequence + 1);
    }
}

static void take(char byte)
{
    if (terminal.sequence_length > 0 || byte == '\033') {
        ck_assert_uint_lt(terminal.sequence_length, sizeof(terminal.sequence) - 1);
        terminal.sequence[terminal.sequence_length++] = byte;
        if (isalpha((unsigned char)byte)) {
            terminal.sequence[terminal.sequence_length] = '\0';
            terminal.sequence_length = 0;
            act(terminal.sequence);
        }
        return;
    }
    ck_assert_msg(byte >= ' ' && byte <= '~', "byte %d", byte);
    ck_assert_msg(terminal.column < terminal.columns, "a line is wider than %u", terminal.columns);
    terminal.cells[terminal.row][terminal.column++] = byte;
}

bool terminal_hear(int ms)
{
    struct pollfd fd = {.fd = terminal.fd, .events = POLLIN};
    char bytes[4096];
    ssize_t got = poll(&fd, 1, ms) > 0 ? read(terminal.fd, bytes, sizeof(bytes)) : 0;

    for (ssize_t i = 0; i < got; i++)
        take(bytes[i]);
    return got > 0;
}

void terminal_resize(unsigned rows, unsigned columns)
{
    const struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

    terminal.rows = rows;
    terminal.columns = columns;
    erase_below(0);
    ck_assert_int_eq(ioctl(terminal.fd, TIOCSWINSZ, &size), 0);
}

int terminal_row_of(const char *text)
{
    for (unsigned row = 0; row < terminal.rows; row++)
        if (strstr(terminal.cells[row], text))
            return (int)row;
    return -1;
}

void terminal_print(void)
{
    for (unsigned row = 0; row < terminal.rows; row++)
        printf("|%s|\n", terminal.cells[row]);
}

void terminal_start(const char *const *words, unsigned rows, unsigned columns)
{
    int slave;

    ck_assert_int_eq(openpty(&terminal.fd, &slave, NULL, NULL, NULL), 0);
    terminal_resize(rows, columns);
    terminal.has_cursor = true;
    ck_assert_int_eq(tcgetattr(terminal.fd, &terminal.before), 0);
    terminal.pid = fork();
    ck_assert_int_ge(terminal.pid, 0);
    if (terminal.pid == 0) {
        close(terminal.fd);
        if (login_tty(slave) < 0)
            _exit(127);
        setenv("TERM", "xterm", 1);
        process_exec(words);
    }
    close(slave);
}

void terminal_type(const char *text)
{
    ck_assert_int_eq(write(terminal.fd, text, strlen(text)), (ssize_t)strlen(text));
}

bool terminal_is_as_before(void)
{
    struct termios now;

    return tcgetattr(terminal.fd, &now) == 0 && now.c_lflag == terminal.before.c_lflag &&
           !terminal.second && terminal.has_cursor;
}

int terminal_end(void)
{
    int status;

    WAIT_FOR(waitpid(terminal.pid, &status, WNOHANG) == terminal.pid);
    while (terminal_hear(0))
        ;
    ck_assert(terminal_is_as_before());
    close(terminal.fd);
    return status;
}
