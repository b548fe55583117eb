/*
 * What workers leave behind that could not see to it themselves, since they were killed: their
 * handler's program dies with them, but processes that it has started may have gone their own ways.
 * They come to us, and are known by the mark of their worker. Whatever else is a child of ours is
 * left alone: what we were started with, or, as process 1 of a container, any orphan in it.
 */
#include "master/master.h"

#include "base/clock.h"
#include "base/kin.h"
#include "base/log.h"

#include <errno.h>
#include <sys/random.h>

/* SIGKILL works at once but for a process that the kernel holds: that one we do not wait for. */
#define DYING_MS 1000

int orphans_init(struct master *master)
{
    uint32_t random;

    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = (uint32_t)clock_ns();
    /* One bit less, so that no mark is KIN_NO_MARK, which is what others have. */
    master->mark = (uint64_t)(random >> 1) << 32;
    return kin_adopt();
}

uint64_t orphans_mark(const struct master *master, uint64_t generation)
{
    return master->mark | (uint32_t)generation;
}

struct search {
    struct master *master;
    unsigned killed;
    pid_t first;
};

/* Whether MARK is of a worker that is no more. One that lives may have let go of what it started:
 * a module, say, of a process that is to work for it in the background. */
static bool is_of_dead(const struct master *master, uint64_t mark)
{
    if (mark == KIN_NO_MARK || mark >> 32 != master->mark >> 32)
        return false;
    for (unsigned slot = 0; slot < master->slots_used; slot++)
        if (master->children[slot] &&
            orphans_mark(master, master->children[slot]->generation) == mark)
            return false;
    return true;
}

static void end(void *context, pid_t pid)
{
    struct search *search = context;

    if (!is_of_dead(search->master, kin_mark_of(pid)))
        return;
    kin_kill(pid);
    if (search->killed++ == 0)
        search->first = pid;
}

static void count(void *context, pid_t pid)
{
    (void)pid;
    ++*(unsigned *)context;
}

/* Whether we have children that are none of our workers: usually not, and then there is no need to
 * look at each, which takes its time when there are many and all of them leave. */
static bool has_strangers(const struct master *master)
{
    unsigned known = 0;
    unsigned children = 0;

    for (unsigned slot = 0; slot < master->slots_used; slot++)
        known += master->children[slot] != NULL;
    kin_each(count, &children);
    return children > known;
}

void orphans_end(struct master *master)
{
    struct search search = {.master = master};

    if (has_strangers(master))
        kin_each(end, &search);
    if (search.killed == 0) {
        master->orphans_until_ms = 0;
        return;
    }
    if (master->orphans_until_ms == 0) {
        master->orphans_until_ms = clock_ms() + DYING_MS;
        log_notice("orphans-ended", LOG_INT("count", search.killed), LOG_INT("pid", search.first),
                   LOG_STR("reason", "a worker has ended without them"));
    }
}

bool orphans_remain(const struct master *master)
{
    return master->orphans_until_ms && clock_ms() < master->orphans_until_ms;
}
