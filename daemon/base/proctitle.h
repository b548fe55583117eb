/* What ps(1) shows of a process. */
#ifndef FRAMED_BASE_PROCTITLE_H
#define FRAMED_BASE_PROCTITLE_H

/*
 * Moves the environment out of the way, so that titles have the room of ARGV and of it. Once, first
 * thing in main(); ARGV's strings must not be used afterwards: *ARGV_COPY replaces them (never
 * freed). 0 or -ENOMEM.
 */
int proctitle_init(int argc, char **argv, char ***argv_copy);

/* That copy: how we were started, for whoever starts the program again. */
char **proctitle_arguments(void);

/* Sets the title of this process, such as "framed: master"; cut to the room that there is. */
__attribute__((format(printf, 1, 2))) void proctitle_set(const char *format, ...);

#endif
