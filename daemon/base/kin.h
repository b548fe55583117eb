/*
 * Processes that descend from us. A program may start others that leave its process group
 * (setsid(2)) and their parents (a double fork). When its parent ends, Linux gives a process to the
 * nearest ancestor that asked for such: a worker asks for what its handler's program leaves, the
 * master for what a worker leaves. As children of ours they can be signalled without a race, since
 * nobody else is given their numbers until we reap them.
 */
#ifndef FRAMED_BASE_KIN_H
#define FRAMED_BASE_KIN_H

#include <stdint.h>
#include <sys/types.h>

/* No process has this mark. */
#define KIN_NO_MARK UINT64_MAX

/* From now on descendants whose parents end become children of this process. 0 or a negative errno.
 */
int kin_adopt(void);

/*
 * Marks this process and all that will descend from it, whatever program, session or user they
 * become: as the one resource limit that Linux hands on and makes nothing of (RLIMIT_LOCKS). 0 or a
 * negative errno.
 */
int kin_mark(uint64_t mark);

/* The mark of PID, or KIN_NO_MARK. */
uint64_t kin_mark_of(pid_t pid);

/* Calls TAKE for every child of this process, those that have ended and are not reaped among them.
 * One that comes meanwhile may be missed. */
void kin_each(void (*take)(void *context, pid_t child), void *context);

/* Kills CHILD, a child of ours; and at one stroke all of its process group if that is in a session
 * which is not ours, and so in one that a descendant has made. */
void kin_kill(pid_t child);

#endif
