/*
 * A program as the handler, whatever it speaks on its pipes: its first start, its replacement when
 * it has ended or cannot be trusted any more, its end. command.c and record/ decide when.
 */
#ifndef FRAMED_HANDLER_PROGRAM_H
#define FRAMED_HANDLER_PROGRAM_H

#include "base/oom.h"
#include "handler/coprocess.h"
#include "handler/handler.h"
#include "handler/limiter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program {
    const struct handler_host *host;
    struct coprocess coprocess;
    unsigned failures;      /* processes in a row that ended without an answer */
    uint64_t not_before_ms; /* no start before */
    uint64_t started_ms;
    struct oom oom;
    struct limiter ends;
    struct limiter refusals;
};

/* Nothing runs; HOST and CODEC (NULL: none is needed) are borrowed. */
void program_init(struct program *program, const struct handler_host *host,
                  const struct codec *codec);

/* The first start. 0, or a negative errno with a message in ERROR. */
int program_start(struct program *program, char *error, size_t size);

/* Tells the host which process group it has, or that it has none. */
void program_announce(const struct program *program);

bool program_runs(const struct program *program);

/* When program_revive() can start one (monotonic ms); 0: one runs, or it can at once. */
uint64_t program_down_until(const struct program *program);

/* Makes sure that a process runs, if it is time for one. */
bool program_revive(struct program *program);

/* Tells, now and then, that there is none because of how the last ones ended. HANDLER_FAILED. */
enum handler_outcome program_refuse(struct program *program);

/* Ends the process and its group and logs why; it was OUTCOME that was seen last. What the
 * coprocess's output holds is quoted and forgotten. */
void program_discard(struct program *program, enum handler_outcome outcome, const char *reason);

/* Closes its stdin and waits for its end for GRACE_MS, then SIGTERM and as long again, then
 * SIGKILL; without GRACE_MS SIGKILL at once. Nothing that it has started is left. Frees all. */
void program_stop(struct program *program, unsigned grace_ms);

#endif
