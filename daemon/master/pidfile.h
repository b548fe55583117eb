/* The file that tells other programs the master's process id. */
#ifndef FRAMED_MASTER_PIDFILE_H
#define FRAMED_MASTER_PIDFILE_H

#include <sys/types.h>

/* Writes our pid to PATH, whole or not at all, owned by UID and GID. 0 or a negative errno. */
int pidfile_write(const char *path, uid_t uid, gid_t gid);

/* Removes PATH, if it is still ours. */
void pidfile_remove(const char *path);

#endif
