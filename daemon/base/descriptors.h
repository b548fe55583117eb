/* Descriptors 0, 1 and 2, which whoever started us may have left closed, and how many there may be.
 */
#ifndef FRAMED_BASE_DESCRIPTORS_H
#define FRAMED_BASE_DESCRIPTORS_H

#include <sys/resource.h>

/*
 * Occupies those of the first three that are closed, for reading from nowhere: a socket that took
 * such a number would get what is meant for people. Writing to them fails. First thing in main(). 0
 * or -errno.
 */
int descriptors_occupy_standard(void);

/* Raises the limit on open descriptors as far as it goes; the limit that was there before. Programs
 * that use select(2) must not inherit it. */
rlim_t descriptors_raise_limit(void);
void descriptors_restore_limit(rlim_t limit);

/* Raises this process's limit to COUNT, or as far as it may be. The limit. */
rlim_t descriptors_allow(rlim_t count);

#endif
