/*
 * The process of a new framed (upgrade.c): the program anew, with all that it inherits. It is no
 * child of ours but of who started us: so who watches us, as systemd does, can watch it, and it has
 * its own parent when we are gone.
 */
#ifndef FRAMED_MASTER_SUCCESSOR_H
#define FRAMED_MASTER_SUCCESSOR_H

struct master;

/* The name under which we were started, allocated, and not what it stood for: a link may name the
 * next version by the time it is used. NULL: not known. Before the master changes who it is. */
char *successor_find_program(void);

/* Starts PROGRAM as we were started, with what it may take over. Its pid, our end of the channel
 * and a descriptor of the process; or a negative errno. */
int successor_start(const struct master *master, const char *program, int *channel_fd, int *pid_fd);

#endif
