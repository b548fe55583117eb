#include "try/session.h"

#include "base/clock.h"
#include "handler/kinds.h"
#include "try/samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_MS 150U
/* How the reason begins when nobody else has ended it. */
#define ENDED "it ended"

static int take_reply(void *context, const void *data, size_t length)
{
    struct session *session = context;

    (void)data;
    (void)length;
    session->replies++;
    return 0;
}

static void take_answered(void *context, uint64_t began_ns, size_t length)
{
    struct session *session = context;

    (void)length;
    if (session->answered < session->took_max)
        session->took_us[session->answered] = (double)(clock_ns() - began_ns) / 1000;
    session->answered++;
    if (began_ns < session->newest_ns)
        session->mixed = true;
    else
        session->newest_ns = began_ns;
}

static void change_group(void *context, pid_t group)
{
    struct session *session = context;
    const struct coprocess *coprocess;
    char said[STDERR_TAIL_SIZE + 1];

    if (group > 0 || session->failed || !session->record) {
        apart_guard(group);
        return;
    }
    coprocess = &session->record->program.coprocess;
    stderr_log_last(&coprocess->errors, said, sizeof(said));
    session->failed = true;
    snprintf(session->failure, sizeof(session->failure), "%s%s%s",
             coprocess->reason ? coprocess->reason : ENDED, said[0] ? "; it said: " : "", said);
    session->ended = strncmp(session->failure, ENDED, strlen(ENDED)) == 0;
    apart_guard(0);
}

int session_start(struct session *session, const struct subject *subject, char *error, size_t size)
{
    uint64_t began_ms = clock_ms();
    int result;

    *session = (struct session){.subject = subject};
    session->host = (struct handler_host){
        .service = &subject->service,
        .context = session,
        .reply = take_reply,
        .answered = take_answered,
        .group_changed = change_group,
    };
    session->handler = handler_new(&session->host);
    if (!session->handler)
        return -ENOMEM;
    result = session->handler->ops->start(session->handler, error, size);
    session->record = (struct record_handler *)session->handler;
    session->ready_ms = clock_ms() - began_ms;
    return result;
}

void session_open(struct session *session)
{
    static const struct framed_peer peer = {
        .connection = 1, .address = "tcp:127.0.0.1:1", .local = "tcp:127.0.0.1:7000"};

    session->handler->ops->open(session->handler, &peer);
}

/* What is ready, and what will be by UNTIL_MS (0: nothing else). */
static void pump(struct session *session, uint64_t until_ms)
{
    struct pollfd fds[HANDLER_WATCH_MAX];
    int count = session->handler->ops->watch(session->handler, fds);

    if (poll(fds, (nfds_t)count, until_ms ? clock_left_ms(until_ms, clock_ms()) : 0) >= 0)
        session->handler->ops->pump(session->handler, fds, count);
}

void session_send(struct session *session, const void *data, size_t length)
{
    uint64_t until_ms = clock_ms() + session->subject->options->timeout_ms;

    while (session->handler->full && !session->failed && clock_ms() < until_ms)
        pump(session, until_ms);
    if (!session->handler->full && !session->failed)
        session->handler->ops->message(session->handler, data, length, until_ms);
}

void session_send_sample(struct session *session, unsigned index)
{
    char text[SAMPLE_SIZE];
    struct iovec message = sample_make(session->subject->options,
                                       (enum sample_kind)session->subject->kind, index, text);

    session_send(session, message.iov_base, message.iov_len);
}

void session_close(struct session *session)
{
    session->handler->ops->close(session->handler);
}

bool session_answer(struct session *session)
{
    const struct window *window = &session->record->window;
    uint64_t until_ms = clock_ms() + session->subject->options->timeout_ms;

    while (!session->failed && window->owed + window->cancelled > 0 && clock_ms() < until_ms)
        pump(session, until_ms);
    return !session->failed && window->owed + window->cancelled == 0;
}

bool session_rest(struct session *session)
{
    uint64_t until_ms = clock_ms() + REST_MS;

    while (!session->failed && clock_ms() < until_ms)
        pump(session, until_ms);
    return !session->failed;
}

bool session_stop(struct session *session, unsigned grace_ms)
{
    uint64_t began_ms = clock_ms();

    if (!session->handler)
        return false;
    session->failed = true; /* its end is none */
    session->handler->ops->stop(session->handler, grace_ms);
    session->used = ((const struct record_handler *)session->handler)->used;
    handler_free(session->handler);
    session->handler = NULL;
    session->record = NULL;
    return clock_ms() - began_ms < grace_ms;
}
