/*
 * A terminal that draws what it is told, for programs that fill the window: it fails the test at
 * whatever it does not know, and at a line that is wider than the window.
 */
#ifndef FRAMED_TESTS_TERMINAL_H
#define FRAMED_TESTS_TERMINAL_H

#include "support/until.h"

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#define ROWS_MAX 40
#define COLUMNS_MAX 120
extern struct terminal {
    int fd;
    pid_t pid;
    struct termios before;
    unsigned rows, columns;
    unsigned row, column;
    char cells[ROWS_MAX][COLUMNS_MAX + 1];
    char sequence[16]; /* an escape sequence that is not complete yet */
    size_t sequence_length;
    bool second;     /* screen */
    bool has_cursor; /* is shown */
} terminal;

/* Runs WORDS (ended by NULL) in a window of this size. */
void terminal_start(const char *const *words, unsigned rows, unsigned columns);

/* Takes what has come; false when nothing does within MS, or ever. */
bool terminal_hear(int ms);

/* The program hears of it; what was drawn before is gone. */
void terminal_resize(unsigned rows, unsigned columns);

void terminal_type(const char *keys);

/* The first row that has TEXT; -1 without. */
int terminal_row_of(const char *text);

void terminal_print(void);

/* Whether it is as it was before the program. */
bool terminal_is_as_before(void);

/* Waits for the program's end, and that all is as before: how it ended, as waitpid(2) tells it. */
int terminal_end(void);

#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        bool came_ = UNTIL((condition) || (terminal_hear(10) && (condition)));                     \
        if (!came_)                                                                                \
            terminal_print();                                                                      \
        ck_assert_msg(came_, "not: %s", #condition);                                               \
    } while (0)

#endif
