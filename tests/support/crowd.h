/* Several clients of one service, which speak line: bare sockets that are asked in turn. */
#ifndef FRAMED_TESTS_CROWD_H
#define FRAMED_TESTS_CROWD_H

#include <stddef.h>

#define CROWD_SIZE 60
extern int crowd[CROWD_SIZE];

/* Connects all to ADDRESS ($ words expanded). */
void crowd_connect(const char *address);

/* All but the first FROM of them have a message echoed, one after the other. */
void crowd_ask(size_t from);

void crowd_close(void);

#endif
