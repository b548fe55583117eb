#include "master/queue.h"

#include <string.h>

/* How soon to look again at least, and how late at most. */
#define LOOK_SOON_MS 20
#define LOOK_LATE_MS 1000
/* Looks within the time that a client may wait. */
#define LOOKS 4
/* From one warning to the next: a queue that comes and goes is one event. */
#define TELL_EVERY_MS 10000

static uint64_t age(uint64_t seen_ms, uint64_t now_ms)
{
    return now_ms > seen_ms ? now_ms - seen_ms : 0;
}

/* The one that is missed least goes: who came with it counts as having come with the next. The
 * oldest stays: it is told exactly. */
static void make_room(struct queue *queue)
{
    struct queue_mark *marks = queue->marks;
    uint64_t smallest_ms = UINT64_MAX;
    unsigned least = 1;

    for (unsigned i = 1; i + 1 < queue->count; i++) {
        uint64_t gap_ms = marks[i + 1].seen_ms - marks[i - 1].seen_ms;

        if (gap_ms < smallest_ms) {
            smallest_ms = gap_ms;
            least = i;
        }
    }
    queue->count--;
    memmove(marks + least, marks + least + 1, (queue->count - least) * sizeof(marks[0]));
}

/* Who has been accepted is forgotten. */
static void forget(struct queue *queue)
{
    unsigned gone = 0;

    while (gone < queue->count && queue->marks[gone].number <= queue->accepted)
        gone++;
    queue->count -= gone;
    memmove(queue->marks, queue->marks + gone, queue->count * sizeof(queue->marks[0]));
}

void queue_see(struct queue *queue, uint64_t accepted, unsigned depth, uint64_t now_ms)
{
    uint64_t last = accepted + depth;

    /* A number that went back is none of ours: begin anew. */
    if (depth == 0 || accepted < queue->accepted)
        queue->count = 0;
    queue->accepted = accepted;
    queue->depth = depth;
    forget(queue);
    if (depth == 0 || (queue->count > 0 && queue->marks[queue->count - 1].number >= last))
        return;
    if (queue->count == QUEUE_MARKS)
        make_room(queue);
    queue->marks[queue->count++] = (struct queue_mark){.number = last, .seen_ms = now_ms};
}

unsigned queue_older(const struct queue *queue, uint64_t age_ms, uint64_t now_ms)
{
    uint64_t number = queue->accepted;

    for (unsigned i = 0; i < queue->count && age(queue->marks[i].seen_ms, now_ms) >= age_ms; i++)
        number = queue->marks[i].number;
    number -= queue->accepted;
    return number < queue->depth ? (unsigned)number : queue->depth;
}

uint64_t queue_longest_ms(const struct queue *queue, uint64_t now_ms)
{
    return queue->count > 0 ? age(queue->marks[0].seen_ms, now_ms) : 0;
}

void pressure_knocked(struct pressure *pressure, uint64_t now_ms)
{
    pressure->listens = false;
    pressure->look_ms = now_ms;
}

bool pressure_is_curious(const struct pressure *pressure, uint64_t now_ms)
{
    return pressure->look_ms && now_ms >= pressure->look_ms;
}

static uint64_t between(uint64_t least, uint64_t value, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* When somebody who waits may have waited for too long; or, for who has yet to come, soon enough
 * not to miss much of it. */
static uint64_t next_look_ms(const struct pressure_rules *rules, const struct pressure_sight *sight,
                             uint64_t now_ms)
{
    uint64_t limit_ms = rules->rejects ? rules->limit_ms : QUEUE_LONG_MS;
    uint64_t pause_ms =
        rules->rejects ? between(LOOK_SOON_MS, limit_ms / LOOKS, LOOK_LATE_MS) : LOOK_LATE_MS;

    if (sight->depth > 0 && sight->longest_ms < limit_ms)
        pause_ms = between(1, limit_ms - sight->longest_ms, pause_ms);
    return now_ms + pause_ms;
}

static enum pressure_news news(struct pressure *pressure, const struct pressure_sight *sight,
                               uint64_t now_ms)
{
    bool is_long = sight->longest_ms >= QUEUE_LONG_MS;
    bool may_tell = pressure->told_ms == 0 || now_ms >= pressure->told_ms + TELL_EVERY_MS;
    bool begins = is_long && !pressure->told && may_tell;

    if (begins) {
        pressure->told = true;
        pressure->told_ms = now_ms;
        pressure->since_ms = now_ms - sight->longest_ms;
        pressure->deepest = 0;
        pressure->longest_ms = 0;
    }
    if (sight->depth > pressure->deepest)
        pressure->deepest = sight->depth;
    if (sight->longest_ms > pressure->longest_ms)
        pressure->longest_ms = sight->longest_ms;
    if (begins || is_long || !pressure->told)
        return begins ? PRESSURE_LONG : PRESSURE_NONE;
    pressure->told = false;
    return PRESSURE_OVER;
}

enum pressure_news pressure_look(struct pressure *pressure, const struct pressure_rules *rules,
                                 const struct pressure_sight *sight, uint64_t now_ms)
{
    bool moves = sight->accepted != pressure->accepted;

    pressure->accepted = sight->accepted;
    pressure->listens = sight->depth == 0 && !moves;
    pressure->look_ms = pressure->listens ? 0 : next_look_ms(rules, sight, now_ms);
    return news(pressure, sight, now_ms);
}
