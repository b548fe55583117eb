/*
 * What a program leaves behind when it ends: processes that it has started, whatever process group
 * or session they have gone to. They have come to us by then (base/kin.h).
 *
 * This holds for a worker that has no children but its handler's program and what descends from
 * it, and that has said so with leftovers_expect(); in any other process nothing is touched.
 */
#ifndef FRAMED_HANDLER_LEFTOVERS_H
#define FRAMED_HANDLER_LEFTOVERS_H

#include <stdint.h>
#include <sys/types.h>

/* Has what the program leaves come to us, and reaps from now on whatever of it ends. 0 or a
 * negative errno. */
int leftovers_expect(void);

/* PROGRAM is not of them, and is not reaped here; 0: there is no such. For process.c. */
void leftovers_spare(pid_t program);

/* Sends them SIGTERM, and waits until all have gone, at most until UNTIL_MS (monotonic). */
void leftovers_ask(uint64_t until_ms);

/* Kills them until none is left, and those that they have started in the meantime. GROUP is the
 * process group of the program, now reaped; whoever had left it is told of in the log. Bounded:
 * what the kernel itself holds is left to it. */
void leftovers_end(pid_t group);

#endif
