/* What the kernel knows of processes: who descends from whom, descriptors, memory; and running a
 * program to its end. */
#ifndef FRAMED_TESTS_PROCESS_H
#define FRAMED_TESTS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESSES_MAX 512

/* All living (not defunct) descendants of ROOT, at most MAX: how many. */
size_t process_descendants(pid_t root, pid_t *pids, size_t max);

/* The same, those only whose parent is ROOT. */
size_t process_children(pid_t root, pid_t *pids, size_t max);

/* Whether PID runs, and is not defunct. */
bool process_lives(pid_t pid);

/* "S (sleeping)": the letter of PID's state, or 0. */
char process_state(pid_t pid);

/* PID waits for something, and is not just passing. */
bool process_sleeps(pid_t pid);

/* How many descriptors PID has; -1 when it is gone. */
int process_descriptors(pid_t pid);

/* The same, as soon as ROOT has just so many DESCENDANTS: while it starts one of them it has more,
 * and before that less. */
int process_settled_descriptors(pid_t root, size_t descendants);

/* Whether PID has the file open whose path is PATH. */
bool process_holds(pid_t pid, const char *path);

/* The sum of the lines of /proc/PID/FILE that begin with one of KEYS (ended by NULL); -1 when gone.
 * Memory is in KiB there. */
long process_sum(pid_t pid, const char *file, const char *const *keys);

/* User and system time that PID has used, in milliseconds. */
long process_cpu_ms(pid_t pid);

/* The words of /proc/PID/cmdline, the first one only. */
void process_title(pid_t pid, char *title, size_t size);

/* Becomes the program ARGUMENTS[0], in a child. */
void process_exec(const char *const *arguments) __attribute__((noreturn));

struct output {
    int status;      /* exit status; 128 and the signal when killed */
    char out[16384]; /* standard output, and what was written to standard error; terminated */
    char err[16384];
};

/* Runs ARGUMENTS (ended by NULL) to its end, at most BOUND_MS, with nothing to read. */
void process_run(const char *const *arguments, struct output *output);

#define RUN(output, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, (output))

/* What Meson tells tests: the value of the environment's NAME, which must be there. */
const char *need_environment(const char *name);

#define FRAMED need_environment("FRAMED_BINARY")
#define FRAMECTL need_environment("FRAMECTL_BINARY")
#define FRAMECAT need_environment("FRAMECAT_BINARY")

/* Whether this is a build with AddressSanitizer, whose memory and speed are not framed's. */
bool is_sanitized(void);

#endif
