/*
 * One real framed for each test, in a private directory. What a test starts here ends with it:
 * daemon_teardown() stops it in order and fails the test when anything is left behind, and a test
 * that fails or is killed takes its framed with it, and shows its log (TEST_SHOW_LOG=1: every
 * test).
 *
 * In configurations and arguments, $DIR stands for the private directory, $HANDLERS for the folder
 * of the test handlers' binaries, $SOURCE for the source tree.
 */
#ifndef FRAMED_TESTS_DAEMON_H
#define FRAMED_TESTS_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Check's fixture; suite_run() adds it. */
void daemon_setup(void);
void daemon_teardown(void);

/* TEXT with its $ words replaced; in one of a few static buffers, taken in turn. */
const char *expand(const char *text);

/* Writes $DIR/framed.conf: a control socket at $DIR/control.sock, then TEXT. Whoever reads it,
 * reads all of it, or the one before. */
void daemon_configure(const char *text);

/* Writes TEXT, as it is, to $DIR/NAME. */
void daemon_write(const char *name, const char *text);

/* `framed -c $DIR/framed.conf` with TEXT as its configuration, and waits until it has started. */
void daemon_start(const char *text);

/* `framed run ARGUMENTS`, and waits until it has announced COUNT addresses on standard output. */
void daemon_run_words(size_t count, const char *const *arguments);
#define daemon_run(count, ...) daemon_run_words((count), (const char *const[]){__VA_ARGS__, NULL})

/* Starts framed with ARGUMENTS (without the program's name), and waits for nothing. ERR_FD becomes
 * its standard error; -1: $DIR/log. */
void daemon_launch(const char *const *arguments, int err_fd);

/* The address that was announced as the INDEX-th, from 0; in static storage. */
const char *daemon_announced(size_t index);

/* The address that the log names for SERVICE, the INDEX-th, from 0; in static storage. */
const char *daemon_address(const char *service, size_t index);

/* "unix:$DIR/control.sock". */
const char *daemon_control(void);

/* Called in the child that is about to become framed: for what it is to find when it starts. */
typedef void daemon_prepare(void);
void daemon_prepare_with(daemon_prepare *prepare);

pid_t daemon_pid(void);

/* Waits for the end of the framed that was upgraded, and follows PID, the one that took over. */
void daemon_follow(pid_t pid);

/* `framectl upgrade`, and daemon_follow(). */
void daemon_upgrade(void);

/* Waits for framed's end, at most BOUND_MS: its exit status, 128 and the signal when killed. */
int daemon_wait(void);

/* SIGTERM, exit status 0, and nothing left behind. */
void daemon_stop(void);

/* Waits until no process descends from this test, after framed's end; fails after BOUND_MS. */
void daemon_check_gone(void);

/* The log so far: allocated. */
char *log_text(void);

/* Whether a line of the log holds all WORDS (ended by NULL), and how many do. */
size_t log_count_words(const char *const *words);
#define log_count(...) log_count_words((const char *const[]){__VA_ARGS__, NULL})
#define log_has(...) (log_count(__VA_ARGS__) > 0)

/* Waits for such a line; fails without it. */
void log_wait_words(size_t count, const char *const *words);
#define log_wait(...) log_wait_words(1, (const char *const[]){__VA_ARGS__, NULL})
#define log_wait_count(count, ...) log_wait_words((count), (const char *const[]){__VA_ARGS__, NULL})

/* The whole of FILE: allocated and terminated; NULL when it is not there. */
char *read_whole(const char *file);

#endif
