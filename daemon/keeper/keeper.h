/*
 * The keeper of a service: has the connections that no worker has. Workers give it those that would
 * wait behind a slow message, those that they have no room for, and, when they leave, all that they
 * have; it listens to all of them at once, and puts who calls on the service's shelf, for whichever
 * worker is free. It closes who is silent for too long. It never reads what a connection has to
 * say, never loads a handler and never waits for anybody.
 */
#ifndef FRAMED_KEEPER_KEEPER_H
#define FRAMED_KEEPER_KEEPER_H

#include "ipc/role.h"

/* The role's entry (see ipc/role.h). */
void keeper_main(const struct worker_start *start) __attribute__((noreturn));

#endif
