/*
 * A co-process: its start, and its end together with its whole process group and whatever has left
 * that. Knows nothing of messages.
 */
#ifndef FRAMED_HANDLER_PROCESS_H
#define FRAMED_HANDLER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_STATUS_SIZE 48

struct process_config;

struct process {
    pid_t pid;    /* and of its group; 0: none runs */
    int pid_fd;   /* readable when it has ended */
    int input_fd; /* our ends of its pipes: non-blocking; -1 when closed */
    int output_fd;
    int error_fd;
};

/* No process. */
void process_init(struct process *process);

/* What is started. All is borrowed for the time of the call. */
struct process_setup {
    char *const *argv;               /* looked up in PATH; with a slash, from the directory on */
    char *const *environment;        /* NULL: ours */
    bool terminal;                   /* a raw one is its standard output */
    int socket;                      /* its standard input and output; 0: it has pipes */
    const struct process_config *as; /* NULL: as we are */
};

/*
 * Starts what SETUP says in a process group of its own. It sees descriptors 0, 1 and 2, three pipes
 * (or a terminal as its standard output, or a socket as both its standard input and output), and no
 * other; signals are as after boot; it dies with us. 0, or a negative errno with a message in
 * ERROR: nothing runs then.
 */
int process_start(struct process *process, const struct process_setup *setup, char *error,
                  size_t size);

/* Waits at most TIMEOUT_MS for its end, which leaves a zombie. */
bool process_ended(const struct process *process, int timeout_ms);

/* Sends SIGNAL to the whole group. */
void process_signal(const struct process *process, int signal);

/* Closes one of our ends, if it is open. */
void process_close(int *fd);

/*
 * Kills whatever is left of the group and of its descendants (leftovers.h), reaps the process and
 * closes the pipes. Tells in STATUS how it ended by itself, such as "exit status 1" or "SIGSEGV";
 * empty when it had to be killed. Harmless when none runs.
 */
void process_finish(struct process *process, char status[PROCESS_STATUS_SIZE]);

#endif
