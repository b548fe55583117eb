/* What batch.c, which asks for many things at a time, has in common with command.c. */
#ifndef FRAMED_HANDLER_COMMAND_H
#define FRAMED_HANDLER_COMMAND_H

#include "handler/program.h"

struct command {
    struct handler base;
    struct codec codec;
    struct program program;
    bool one_way; /* nobody waits for what it says */
};

/* Makes ready for REQUEST a process that owes nothing to anybody. */
enum handler_outcome command_prepare(struct command *command, struct request *request);

/* Tells, now and then, of a message of LENGTH bytes that cannot be a line, as all others can.
 * HANDLER_REFUSED. */
enum handler_outcome command_refuse(struct command *command, size_t length);

/* Replaces a process that did not end its last exchange well, but with OUTCOME; which it returns.
 */
enum handler_outcome command_fail(struct command *command, enum handler_outcome outcome);

/* As of struct handler_ops. */
int command_start(struct handler *handler, char *error, size_t size);
void command_close(struct handler *handler);
enum handler_outcome command_message(struct handler *handler, const void *data, size_t length,
                                     uint64_t deadline_ms);
int command_watch(struct handler *handler, struct pollfd watch[HANDLER_WATCH_MAX]);
void command_attend(struct handler *handler);
uint64_t command_down_until(const struct handler *handler);
void command_stop(struct handler *handler, unsigned grace_ms);

#endif
