/*
 * A co-process and its pipes, pumped together so that no two full pipes can hold each other up: one
 * request in flight, its one reply, and nothing else on stdout. What to do with a process that
 * breaks this is command.c's to decide.
 */
#ifndef FRAMED_HANDLER_COPROCESS_H
#define FRAMED_HANDLER_COPROCESS_H

#include "handler/codec.h"
#include "handler/handler.h"
#include "handler/process.h"
#include "handler/stderr_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* What a process gets to die after it has closed its pipes, so that the log can say how. */
#define LAST_BREATH_MS 100

/* Reasons that several places give. */
#define COPROCESS_MORE "it wrote more than one reply"
#define COPROCESS_UNANSWERED "it did not answer within the request deadline"
#define COPROCESS_TOO_LARGE "its reply is larger than max_reply"

struct coprocess {
    struct process process;
    const struct codec *codec;
    const struct handler_host *host; /* NULL: nobody has anything to say meanwhile */
    uint64_t leave_by_ms;            /* its worker must leave then; 0: it need not */
    struct stderr_log errors;
    struct framed_decoder decoder;
    uint8_t *output; /* read from its stdout, and not yet done with */
    size_t length;
    size_t size;
    uint64_t received;  /* bytes, since its start */
    bool used;          /* a request has gone to it */
    bool answered;      /* and it has answered one */
    const char *reason; /* why the last call did not end well */
};

/* Requests up to this many bytes are put together before they are written. */
#define REQUEST_SMALL 512

/* A request on its way: head, payload, tail; PARTS from NEXT on are not yet written. */
struct request {
    struct framed_envelope envelope;
    uint8_t small[REQUEST_SMALL];
    struct iovec parts[3];
    int next;
    int count;
    uint64_t deadline_ms; /* 0: none */
};

/* What is to be seen of a co-process; up to OUTPUT it goes on. */
enum coprocess_sight {
    COPROCESS_QUIET,  /* nothing */
    COPROCESS_OUTPUT, /* bytes, now in OUTPUT */
    COPROCESS_ENDED,  /* the process, or its stdout */
    COPROCESS_LATE,   /* the deadline has passed */
    COPROCESS_UNSURE, /* coprocess_guard: there is no way to tell */
};

/* Nothing runs; CODEC is borrowed. */
void coprocess_init(struct coprocess *coprocess, const struct codec *codec);

/* Starts SERVICE's command. 0, or a negative errno with a message in ERROR. */
int coprocess_start(struct coprocess *coprocess, const struct service_config *service, char *error,
                    size_t size);

/* Kills and reaps what is left of the process and its group; see process_finish(). */
void coprocess_finish(struct coprocess *coprocess, char status[PROCESS_STATUS_SIZE]);

/* Reads from its stdout without waiting: QUIET, OUTPUT or ENDED. */
enum coprocess_sight coprocess_look(struct coprocess *coprocess);

/* For so long others wait for the message in hand: the replies to those before it, and the worker's
 * other connections. It is longer than a tick of the kernel: a timer for less has to be set in the
 * hardware, for each message (measured: 2 µs). */
#define COPROCESS_PATIENCE_NS 5000000U

/*
 * Waits at most AT_MOST_NS (UINT64_MAX: no limit of its own) until there is something to look at,
 * or room in its stdin when WRITING, and drains stderr. QUIET: look; ENDED: and all its output was
 * seen; LATE: DEADLINE_MS (0: none) has passed.
 */
enum coprocess_sight coprocess_wait(struct coprocess *coprocess, bool writing, uint64_t deadline_ms,
                                    uint64_t at_most_ns);

/* Reads what its stderr holds now. */
void coprocess_drain(struct coprocess *coprocess);

/* Its stdout or stdin is closed, or it is a zombie: DIED, or PROTOCOL when it lives; and REASON. */
enum handler_outcome coprocess_judge_end(struct coprocess *coprocess);

/* Frames DATA as a request. FRAMED_OK, or the encoder's verdict. */
int request_init(struct request *request, const struct codec *codec, const void *data,
                 size_t length, uint64_t deadline_ms);

/* Writes the next COUNT bytes of REQUEST (or all of them: SIZE_MAX) as far as the pipe takes them.
 * 0, -EAGAIN, or a negative errno. */
int request_send(struct request *request, int fd, size_t count);

/* Whether OUTPUT has one whole reply from byte AT on: *WHOLE, and *REPLY counts from there.
 * HANDLER_OK, or PROTOCOL if it never will have. */
enum handler_outcome coprocess_decode(struct coprocess *coprocess, size_t at,
                                      struct framed_frame *reply, bool *whole);

/* Writes REQUEST and reads the reply, which lies in OUTPUT as REPLY says. HANDLER_OK, TIMEOUT, DIED
 * or PROTOCOL. */
enum handler_outcome coprocess_ask(struct coprocess *coprocess, struct request *request,
                                   struct framed_frame *reply);

/* Writes REQUEST, for which there is no reply; what it prints meanwhile is dropped. HANDLER_OK,
 * TIMEOUT, DIED or PROTOCOL. */
enum handler_outcome coprocess_tell(struct coprocess *coprocess, struct request *request);

/*
 * Before the first REQUEST of another client: makes sure that nothing of the client before is still
 * to come (guard.c). QUIET: go on with REQUEST, which may be written in part; anything else: this
 * process must not see it, and REQUEST is whole for another.
 */
enum coprocess_sight coprocess_guard(struct coprocess *coprocess, struct request *request);

/* Whether there is something in its stdin that it has not read. */
bool coprocess_has_unread(const struct coprocess *coprocess);

/* Whether it has read all that it was sent and sleeps in read(2) on its stdin, as far as that can
 * be seen (guard.c): then no more comes before it is sent something. */
bool coprocess_idles(const struct coprocess *coprocess);

/* After a reply, which stays in OUTPUT: gives it the time to go back to reading, as far as that can
 * be seen. HANDLER_OK, or PROTOCOL or DIED: there was more than the reply. */
enum handler_outcome coprocess_rest(struct coprocess *coprocess, uint64_t deadline_ms);

/* Forgets OUTPUT; and gives back what memory it has beyond the usual; or all of it. */
void coprocess_forget(struct coprocess *coprocess);
void coprocess_trim(struct coprocess *coprocess);
void coprocess_deinit(struct coprocess *coprocess);

#endif
