/*
 * The probe (`handler { probe }`): a message that a new worker puts to its handler before it says
 * that it is ready, so that a handler that starts and cannot answer is found out by framed and not
 * by a client. It is no client's message: nothing is counted, and nothing of it stays.
 */
#ifndef FRAMED_HANDLER_PROBE_H
#define FRAMED_HANDLER_PROBE_H

#include "handler/handler.h"

#include <stdbool.h>
#include <stddef.h>

struct coprocess;
struct handler_config;

/* Bytes of an answer, and of what should have been it, that are quoted. */
#define PROBE_QUOTED 64

/* Whether REPLY is what the probe wants; with no `probe_reply`, any is. */
bool probe_is_answer(const struct handler_config *config, const void *reply, size_t length);

/* Puts the probe, if there is one, to HANDLER, which runs in this process, as a client's whole
 * visit. 0, or a negative errno with a message in ERROR. */
int probe_handler(struct handler *handler, char *error, size_t size);

/*
 * A co-process that was just started: has it? With a probe it has when it answers that, without one
 * when it lives for its time to settle and keeps quiet. 0; or a negative errno, with a message in
 * ERROR that has its last words, and the process is no more.
 */
int probe_coprocess(struct coprocess *coprocess, const struct handler_host *host, char *error,
                    size_t size);

/*
 * A co-process that has not started: ends it, and writes what became of it: WHAT it did, how it
 * ended when it had ENDED by itself, and its last words on stderr. -ECHILD.
 */
int trial_explain(struct coprocess *coprocess, const struct handler_host *host, const char *what,
                  bool ended, char *error, size_t size);

/* The same of one that lives, with what it wrote to stdout, and what that is for. */
int trial_explain_output(struct coprocess *coprocess, const struct handler_host *host,
                         const char *what, char *error, size_t size);

#endif
