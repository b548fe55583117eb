/*
 * The file that tells other programs the master's process id. It is locked as long as the master
 * lives, and stays with who started it: an init script may be going to believe it.
 */
#ifndef FRAMED_MASTER_PIDFILE_H
#define FRAMED_MASTER_PIDFILE_H

/* Locks PATH and writes our pid. The descriptor, -EBUSY (another process holds it), or a negative
 * errno. */
int pidfile_open(const char *path);

/* Writes our pid to what is open, and locked, already. 0 or a negative errno. */
int pidfile_write(int fd);

/* Removes PATH and lets go of FD; harmless with -1. */
void pidfile_close(const char *path, int fd);

#endif
