/*
 * The usher: turns away whom no worker can serve in time. It accepts when the master says so, sends
 * the service's busy_reply, and sees the client out: it reads what the client still sends until the
 * client closes, because a close with bytes unread would make the kernel reset the connection, and
 * the client lose the reply. It never looks at these bytes, never loads a handler and never waits
 * for anybody.
 */
#ifndef FRAMED_USHER_USHER_H
#define FRAMED_USHER_USHER_H

#include "ipc/role.h"

/* The role's entry (see ipc/role.h). */
void usher_main(const struct worker_start *start) __attribute__((noreturn));

#endif
