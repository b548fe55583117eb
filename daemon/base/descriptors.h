/* Descriptors 0, 1 and 2, which whoever started us may have left closed. */
#ifndef FRAMED_BASE_DESCRIPTORS_H
#define FRAMED_BASE_DESCRIPTORS_H

/*
 * Occupies those of them that are closed, for reading from nowhere: a socket that took such a
 * number would get what is meant for people. Writing to them fails. First thing in main(). 0 or
 * -errno.
 */
int descriptors_occupy_standard(void);

#endif
