/* Faults at the start, and in the answer to one message. */
#include "unruly.h"

#include <err.h>
#include <string.h>
#include <unistd.h>

#define LARGE 65536

/* Faults at the start, in the place of READY. */

static void start_silent(void)
{
}

static void start_twice(void)
{
    say_ready();
    say_ready();
}

static void start_with_body(void)
{
    send_record((struct record){.type = READY}, 1);
}

static void start_with_text(void)
{
    write_all("ready to serve\n", 15);
    say_ready();
}

static void start_with_push(void)
{
    send_record((struct record){.type = PUSH, .connection = 1}, 1);
    say_ready();
}

static void start_with_reply(void)
{
    send_record((struct record){.type = REPLY, .connection = 1, .request = 1}, 1);
    say_ready();
}

static void start_with_hangup(void)
{
    send_record((struct record){.type = HANGUP, .connection = 1}, 0);
    say_ready();
}

static void start_failing(void)
{
    static const char why[] = "no table";

    memcpy(body, why, sizeof(why));
    send_record((struct record){.type = FAILED}, strlen(why));
}

/* Faults at a message. */

static void do_not_answer(const struct record *message)
{
    (void)message;
}

static void answer_twice(const struct record *message)
{
    answer(message);
    answer(message);
}

/* As a thread of its own would. */
static void answer_again_later(const struct record *message)
{
    answer(message);
    usleep(LATER_US);
    answer(message);
}

static void answer_without_end(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.flags = MORE;
    send_record(reply, message->length);
}

static void answer_more_with_status(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.flags = MORE;
    reply.status = 7;
    send_record(reply, 0);
    answer(message);
}

static void answer_another_request(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.request += HELD_MAX;
    send_record(reply, message->length);
}

static void answer_another_connection(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.connection++;
    send_record(reply, message->length);
}

static void answer_without_request(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.request = 0;
    send_record(reply, message->length);
}

static void answer_with_flag(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.flags = 0x40;
    send_record(reply, message->length);
}

static void answer_with_type(const struct record *message)
{
    struct record reply = reply_to(message);

    reply.type = MESSAGE;
    send_record(reply, message->length);
}

static void answer_too_much(const struct record *message)
{
    send_record(reply_to(message), (size_t)max_reply + 1);
}

static void answer_short(const struct record *message)
{
    uint8_t head[HEAD];
    struct record reply = reply_to(message);

    reply.length = 0;
    put_head(head, &reply);
    put_number(head, 4, HEAD - 5);
    write_all(head, HEAD);
}

static void answer_text(const struct record *message)
{
    (void)message;
    write_all("an answer as text\n", 18);
}

static void push_to_nobody(const struct record *message)
{
    send_record((struct record){.type = PUSH, .connection = message->connection + 1}, 1);
    answer(message);
}

static void hang_up_nobody(const struct record *message)
{
    send_record((struct record){.type = HANGUP, .connection = message->connection + 1}, 0);
    answer(message);
}

static void hang_up_with_body(const struct record *message)
{
    answer(message);
    send_record((struct record){.type = HANGUP, .connection = message->connection}, 1);
}

static void log_request(const struct record *message)
{
    send_record((struct record){.type = LOG, .status = 6, .request = message->request}, 1);
    answer(message);
}

static void log_beyond_debug(const struct record *message)
{
    send_record((struct record){.type = LOG, .status = 8}, 1);
    answer(message);
}

static void log_too_much(const struct record *message)
{
    send_record((struct record){.type = LOG, .status = 6}, max_reply);
    answer(message);
}

static void be_ready_again(const struct record *message)
{
    say_ready();
    answer(message);
}

static void fail_later(const struct record *message)
{
    (void)message;
    start_failing();
}

/* Whatever a handler may do. */
static void use_all(const struct record *message)
{
    struct record part = reply_to(message);

    if (message->flags & ONEWAY)
        return;
    send_record((struct record){.type = LOG, .status = 6}, 0);
    send_record((struct record){.type = PUSH, .connection = message->connection}, 1);
    part.flags = MORE;
    send_record(part, 1);
    answer(message);
    send_record((struct record){.type = HANGUP, .connection = message->connection}, 0);
}

static void die_of_one_way(const struct record *message)
{
    if (message->flags & ONEWAY)
        errx(3, "and who is to have it?");
    answer(message);
}

static void skip_empty(const struct record *message)
{
    if (message->length > 0)
        answer(message);
}

static void stick_after_empty(const struct record *message)
{
    static bool stuck;

    if (!stuck)
        answer(message);
    stuck = stuck || message->length == 0;
}

static void die_of_large(const struct record *message)
{
    if (message->length > LARGE)
        errx(3, "too large");
    answer(message);
}

static void die_of_binary(const struct record *message)
{
    for (size_t i = 0; i < message->length; i++)
        if (body[i] < ' ')
            errx(3, "no text");
    answer(message);
}

static void answer_one_way(const struct record *message)
{
    if (message->flags & ONEWAY)
        send_record((struct record){.type = REPLY, .connection = message->connection, .request = 1},
                    message->length);
    else
        answer(message);
}

static void die_of_flags(const struct record *message)
{
    if (message->flags & ~ONEWAY)
        errx(3, "what is flag %d?", message->flags);
    answer(message);
}

const struct fault message_faults[] = {
    {.name = "none"},
    {.name = "start-silent", .start = start_silent},
    {.name = "start-twice", .start = start_twice},
    {.name = "start-with-body", .start = start_with_body},
    {.name = "start-with-text", .start = start_with_text},
    {.name = "start-with-push", .start = start_with_push},
    {.name = "start-with-reply", .start = start_with_reply},
    {.name = "start-with-hangup", .start = start_with_hangup},
    {.name = "start-failing", .start = start_failing},
    {.name = "never-reads", .blind = true},
    {.name = "no-answer", .message = do_not_answer},
    {.name = "answer-twice", .message = answer_twice},
    {.name = "answer-again-later", .message = answer_again_later},
    {.name = "answer-without-end", .message = answer_without_end},
    {.name = "answer-more-with-status", .message = answer_more_with_status},
    {.name = "answer-another-request", .message = answer_another_request},
    {.name = "answer-another-connection", .message = answer_another_connection},
    {.name = "answer-without-request", .message = answer_without_request},
    {.name = "answer-with-flag", .message = answer_with_flag},
    {.name = "answer-with-type", .message = answer_with_type},
    {.name = "answer-too-much", .message = answer_too_much},
    {.name = "answer-short", .message = answer_short},
    {.name = "answer-text", .message = answer_text},
    {.name = "push-to-nobody", .message = push_to_nobody},
    {.name = "hang-up-nobody", .message = hang_up_nobody},
    {.name = "hang-up-with-body", .message = hang_up_with_body},
    {.name = "log-request", .message = log_request},
    {.name = "log-beyond-debug", .message = log_beyond_debug},
    {.name = "log-too-much", .message = log_too_much},
    {.name = "ready-again", .message = be_ready_again},
    {.name = "fail-later", .message = fail_later},
    {.name = "use-all", .message = use_all},
    {.name = "die-of-one-way", .message = die_of_one_way},
    {.name = "skip-empty", .message = skip_empty},
    {.name = "stick-after-empty", .message = stick_after_empty},
    {.name = "die-of-large", .message = die_of_large},
    {.name = "die-of-binary", .message = die_of_binary},
    {.name = "die-of-flags", .message = die_of_flags},
    {.name = "answer-one-way", .message = answer_one_way},
    {.name = NULL},
};
