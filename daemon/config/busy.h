/* What a service tells those for whom it has no time or no reply, as the bytes that they are sent.
 */
#ifndef FRAMED_CONFIG_BUSY_H
#define FRAMED_CONFIG_BUSY_H

struct draft;

/* Frames the busy_reply and the error_reply of every service, whose framings are settled; one that
 * cannot be framed is reported. */
void busy_settle(struct draft *draft);

#endif
