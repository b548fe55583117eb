/* Faults that show with several messages, at other records, and at the end. */
#include "unruly.h"

#include <err.h>
#include <stdlib.h>
#include <unistd.h>

static void answer_and_keep(const struct record *message)
{
    answer(message);
    hold(message);
}

/* Faults when the input is quiet, with what is held until then. */

static void repeat_of_many(void)
{
    if (held_count > 3)
        answer(&held[0]);
    held_count = 0;
}

static void release_few(void)
{
    for (size_t i = 0; i < held_count; i++)
        if (i < 3)
            answer(&(struct record){.connection = held[i].connection, .request = held[i].request});
    held_count = 0;
}

static void release_to_newest(void)
{
    for (size_t i = 0; i < held_count; i++)
        answer(&(struct record){.connection = newest, .request = held[i].request});
    held_count = 0;
}

static void release_all(void)
{
    for (size_t i = 0; i < held_count; i++)
        answer(&(struct record){.connection = held[i].connection, .request = held[i].request});
    held_count = 0;
}

static unsigned cancelled;
static struct record cancelled_last;

static void release_and_repeat(void)
{
    bool alone = held_count == 1;

    release_all();
    if (cancelled <= 8 || !alone)
        return;
    usleep(LATER_US);
    answer(&cancelled_last);
}

static void forget_next(void)
{
    if (cancelled > 8 && held_count == 1)
        held_count = 0;
    release_all();
}

/* Faults at other records. */

static void note_cancelled(const struct record *record)
{
    if (record->type != CANCEL)
        return;
    cancelled++;
    cancelled_last = (struct record){.connection = record->connection, .request = record->request};
}

static void print_unknown_later(const struct record *record)
{
    if (record->type > STOP)
        hold(record);
}

static void print_held(void)
{
    usleep(LATER_US);
    write_all("what was that?\n", 15);
    held_count = 0;
}

static void push_at_open(const struct record *record)
{
    if (record->type == OPEN)
        send_record((struct record){.type = PUSH, .connection = record->connection}, 1);
}

static void forget_cancelled(const struct record *record)
{
    for (size_t i = 0; record->type == CANCEL && i < held_count; i++)
        if (held[i].request == record->request)
            held[i--] = held[--held_count];
}

static void answer_cancelled_too(const struct record *record)
{
    for (size_t i = 0; record->type == CANCEL && i < held_count; i++)
        if (held[i].request == record->request)
            answer(&(struct record){.connection = record->connection, .request = record->request});
}

static void die_of_cancel(const struct record *record)
{
    if (record->type == CANCEL)
        errx(3, "cancelled");
}

static void die_of_unknown(const struct record *record)
{
    if (record->type > STOP)
        errx(3, "what is type %d?", record->type);
}

static void greet(const struct record *record)
{
    if (record->type == OPEN)
        send_record((struct record){.type = REPLY, .connection = record->connection, .request = 1},
                    0);
}

static void print_goodbye(const struct record *record)
{
    if (record->type == CLOSE)
        write_all("goodbye\n", 8);
}

static void push_when_gone(const struct record *record)
{
    if (record->type == CLOSE)
        send_record((struct record){.type = PUSH, .connection = record->connection}, 1);
}

static void end_at_stop(const struct record *record)
{
    if (record->type == STOP)
        exit(0);
}

const struct fault other_faults[] = {
    {.name = "die-of-unknown", .other = die_of_unknown},
    {.name = "print-unknown-later", .other = print_unknown_later, .quiet = print_held},
    {.name = "one-read", .one_read = true},
    {.name = "answer-few", .message = hold, .quiet = release_few},
    {.name = "repeat-of-many", .message = answer_and_keep, .quiet = repeat_of_many},
    {.name = "answer-newest", .message = hold, .quiet = release_to_newest},
    {.name = "forget-cancelled", .message = hold, .other = forget_cancelled, .quiet = release_all},
    {.name = "answer-cancelled-too",
     .message = hold,
     .other = answer_cancelled_too,
     .quiet = release_all},
    {.name = "repeat-cancelled-later",
     .message = hold,
     .other = note_cancelled,
     .quiet = release_and_repeat},
    {.name = "forget-next", .message = hold, .other = note_cancelled, .quiet = forget_next},
    {.name = "die-of-cancel", .message = hold, .other = die_of_cancel, .quiet = release_all},
    {.name = "push-at-open", .other = push_at_open},
    {.name = "greet", .other = greet},
    {.name = "push-when-gone", .other = push_when_gone},
    {.name = "print-goodbye", .other = print_goodbye},
    {.name = "deaf", .deaf = true},
    {.name = "deaf-but-stop", .other = end_at_stop, .deaf = true},
    {.name = NULL},
};
