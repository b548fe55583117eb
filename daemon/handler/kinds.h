/* The kinds of handler: the rows of handler.c's table. */
#ifndef FRAMED_HANDLER_KINDS_H
#define FRAMED_HANDLER_KINDS_H

#include "handler/handler.h"

extern const struct handler_ops handler_echo;
extern const struct handler_ops handler_discard;
extern const struct handler_ops handler_module;
extern const struct handler_ops handler_command;
extern const struct handler_ops handler_batch;  /* a command, with many messages at a time */
extern const struct handler_ops handler_record; /* a command, with the codec record */
extern const struct handler_ops handler_per_connection; /* a command, one for each connection */

#endif
