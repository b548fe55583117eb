/*
 * A terminal that is drawn upon: keys come one by one, and each text replaces the one before. What
 * it looked like before comes back with screen_leave().
 */
#ifndef FRAMED_TOOLS_SCREEN_H
#define FRAMED_TOOLS_SCREEN_H

#include <stdbool.h>
#include <termios.h>

struct screen {
    struct termios before;
    bool entered;
};

/* Whether standard input and output are a terminal that can be drawn upon. */
bool screen_is_there(void);

/* Also after a stop, when somebody else has changed it: without harm when nobody has. 0 or a
 * negative errno. */
int screen_enter(struct screen *screen);
void screen_leave(struct screen *screen);

/* Draws the lines of TEXT, as many and as much of them as there is room for, and LAST at the
 * bottom. Both are printable ASCII and line feeds. */
void screen_show(const char *text, const char *last);

#endif
