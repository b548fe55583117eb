#include "tools/framebench/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A number above 0 and at most 1 (xorshift64*). */
static double draw(struct schedule *schedule)
{
    schedule->random ^= schedule->random >> 12;
    schedule->random ^= schedule->random << 25;
    schedule->random ^= schedule->random >> 27;
    return (double)((schedule->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) + 1) * 0x1p-53;
}

void schedule_advance(struct schedule *schedule, struct lane *lane)
{
    double gap = schedule->gap_ns * (schedule->poisson ? -log(draw(schedule)) : 1);

    lane->due_ns += (uint64_t)gap;
}

int schedule_init(struct schedule *schedule, const struct plan *plan, struct lane *lanes,
                  uint64_t now_ns)
{
    *schedule = (struct schedule){
        .heap = calloc(plan->connections, sizeof(struct lane *)),
        .gap_ns = 1e9 * plan->connections / (double)plan->rate,
        .poisson = plan->poisson,
        .random = UINT64_C(0x9e3779b97f4a7c15),
    };
    if (!schedule->heap)
        return -ENOMEM;
    for (unsigned i = 0; i < plan->connections; i++) {
        lanes[i].due_ns = now_ns;
        if (plan->poisson)
            schedule_advance(schedule, &lanes[i]);
        else
            lanes[i].due_ns += (uint64_t)(schedule->gap_ns * i / plan->connections);
        schedule_push(schedule, &lanes[i]);
    }
    return 0;
}

void schedule_deinit(struct schedule *schedule)
{
    free(schedule->heap);
}

uint64_t schedule_next_ns(const struct schedule *schedule)
{
    return schedule->count > 0 ? schedule->heap[0]->due_ns : UINT64_MAX;
}

void schedule_push(struct schedule *schedule, struct lane *lane)
{
    size_t at = schedule->count++;

    while (at > 0 && schedule->heap[(at - 1) / 2]->due_ns > lane->due_ns) {
        schedule->heap[at] = schedule->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    schedule->heap[at] = lane;
}

struct lane *schedule_pop(struct schedule *schedule)
{
    struct lane *first = schedule->heap[0];
    struct lane *moved = schedule->heap[--schedule->count];
    size_t at = 0, child;

    while ((child = 2 * at + 1) < schedule->count) {
        if (child + 1 < schedule->count &&
            schedule->heap[child + 1]->due_ns < schedule->heap[child]->due_ns)
            child++;
        if (schedule->heap[child]->due_ns >= moved->due_ns)
            break;
        schedule->heap[at] = schedule->heap[child];
        at = child;
    }
    schedule->heap[at] = moved;
    return first;
}
