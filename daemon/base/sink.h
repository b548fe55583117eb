/*
 * Where the lines of the log go: standard error, a file, or syslog. Nobody may be stopped by the
 * reader of a log, not by a full pipe, not by a terminal that was told to wait, not by a syslog
 * that is busy: what is not taken at once is lost, and counted by the caller.
 */
#ifndef FRAMED_BASE_SINK_H
#define FRAMED_BASE_SINK_H

#include "base/log.h"

#include <stdbool.h>
#include <stddef.h>

/* Most descriptors that the sink keeps open. */
#define SINK_DESCRIPTORS 3

/*
 * Opens TARGET (FILE: for LOG_TARGET_FILE, copied). In a forked process this makes what may not be
 * shared with the parent anew. 0, or a negative errno: everything is then as it was.
 */
int sink_open(enum log_target target, const char *file);

/* Opens the file anew, after a rotation. As sink_open(). */
int sink_reopen(void);

/* The open file; -1 when the lines go elsewhere. And writes to FD, now ours, as to the file opened
 * anew by who may. */
int sink_file(void);
void sink_adopt(int fd);

/* Writes one line of LEVEL, whole or not at all. Whether it was taken. */
bool sink_put(int level, const char *line, size_t length);

/* Whether the reader is the journal, which takes a level as `<N>` before the line. */
bool sink_is_journal(void);

enum log_target sink_target(void);

/* What must stay open for the log, standard error not counted: how many. */
size_t sink_descriptors(int descriptors[SINK_DESCRIPTORS]);

#endif
