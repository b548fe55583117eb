/*
 * Never one client's reply to another. A codec without request ids cannot tell a reply from a line
 * that a handler prints late: two lines for one request, the second after a moment. If the next
 * request is another client's, that line would be its reply. Looking at stdout just before the
 * request is not enough, since the line may come just after.
 *
 * So when the client changes we first make sure that the handler is back at reading, because what
 * it wrote before lies in the pipe then, where we see it. This holds for every handler that reads,
 * works and writes in turn. There are three ways:
 *
 *  1. The kernel tells that it sleeps in read(2) on its stdin, and that pipe is empty.
 *  2. Where it cannot (a handler that sleeps in poll, a pipeline, no access to /proc): we write the
 *     first byte of the request and wait until it is gone. No handler can answer one byte of a
 *     request, except those that copy as they read, such as cat; their output is taken for stray.
 *  3. A request of one byte (an empty line) is an answerable request: there is no telling, and
 *     only a fresh process is sure to have nothing to say.
 */
#include "handler/coprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* How often we hand over the CPU before we sleep, and how long the sleeps are. */
#define YIELDS 4
#define NAPS 200
#define SLEEP_MIN_NS 20000U
#define SLEEP_MAX_NS 1000000U

enum asleep {
    ASLEEP_IN_READ,
    ASLEEP_ELSEWHERE,
    AWAKE
};

/* /proc/PID/syscall holds the call that a sleeping process is in, and its arguments: "0 0x0 …". */
static enum asleep where_asleep(pid_t pid)
{
    char text[64] = "";
    char path[40];
    char wanted[24];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
    snprintf(wanted, sizeof(wanted), "%d 0x0 ", SYS_read);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ASLEEP_ELSEWHERE;
    if (read(fd, text, sizeof(text) - 1) < 0)
        text[0] = '\0';
    close(fd);
    if (strncmp(text, wanted, strlen(wanted)) == 0)
        return ASLEEP_IN_READ;
    return strncmp(text, "running", 7) == 0 ? AWAKE : ASLEEP_ELSEWHERE;
}

bool coprocess_has_unread(const struct coprocess *coprocess)
{
    int unread;

    return ioctl(coprocess->process.input_fd, FIONREAD, &unread) < 0 || unread > 0;
}

bool coprocess_idles(const struct coprocess *coprocess)
{
    return !coprocess_has_unread(coprocess) &&
           where_asleep(coprocess->process.pid) == ASLEEP_IN_READ;
}

/*
 * A handler that has just answered is on its way back to its read, and on a busy machine that takes
 * a while. Some patience here spares the probe, which costs filters such as cat their process.
 */
static bool sleeps_in_read(struct coprocess *coprocess, uint64_t deadline_ms)
{
    uint64_t sleep_ns = SLEEP_MIN_NS;

    for (int i = 0; i < YIELDS + NAPS && !coprocess_has_unread(coprocess); i++) {
        enum asleep asleep = where_asleep(coprocess->process.pid);

        if (asleep != AWAKE)
            return asleep == ASLEEP_IN_READ;
        if (i < YIELDS) {
            sched_yield();
            continue;
        }
        if (coprocess_wait(coprocess, false, deadline_ms, sleep_ns) != COPROCESS_QUIET)
            return false;
        if (sleep_ns < SLEEP_MAX_NS)
            sleep_ns *= 2;
    }
    return false;
}

/* Until stdin is empty: QUIET. Output meanwhile is stray, whatever comes of it. */
static enum coprocess_sight wait_until_read(struct coprocess *coprocess, uint64_t deadline_ms)
{
    enum coprocess_sight sight = COPROCESS_QUIET;
    uint64_t sleep_ns = SLEEP_MIN_NS;

    for (int i = 0; sight == COPROCESS_QUIET && coprocess_has_unread(coprocess); i++) {
        if (i < YIELDS) {
            sched_yield();
            continue;
        }
        sight = coprocess_wait(coprocess, false, deadline_ms, sleep_ns);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_look(coprocess);
        if (sleep_ns < SLEEP_MAX_NS)
            sleep_ns *= 2;
    }
    return sight;
}

static enum coprocess_sight probe(struct coprocess *coprocess, struct request *request)
{
    enum coprocess_sight sight = COPROCESS_QUIET;
    int sent;

    if (request->count == 1 && request->parts[0].iov_len == 1)
        return COPROCESS_UNSURE;
    while ((sent = request_send(request, coprocess->process.input_fd, 1)) == -EAGAIN) {
        sight = coprocess_wait(coprocess, true, request->deadline_ms, UINT64_MAX);
        if (sight == COPROCESS_QUIET)
            sight = coprocess_look(coprocess);
        if (sight != COPROCESS_QUIET)
            return sight;
    }
    return sent < 0 ? COPROCESS_ENDED : wait_until_read(coprocess, request->deadline_ms);
}

enum coprocess_sight coprocess_guard(struct coprocess *coprocess, struct request *request)
{
    enum coprocess_sight sight = COPROCESS_QUIET;

    struct request begun = *request;

    if (!sleeps_in_read(coprocess, request->deadline_ms))
        sight = probe(coprocess, &begun);
    if (sight == COPROCESS_QUIET)
        sight = coprocess_look(coprocess);
    if (sight == COPROCESS_QUIET)
        *request = begun;
    return sight;
}

enum handler_outcome coprocess_rest(struct coprocess *coprocess, uint64_t deadline_ms)
{
    enum coprocess_sight sight = wait_until_read(coprocess, deadline_ms);

    if (sight == COPROCESS_QUIET) {
        sleeps_in_read(coprocess, deadline_ms);
        sight = coprocess_look(coprocess);
    }
    if (sight == COPROCESS_QUIET)
        return HANDLER_OK;
    coprocess->reason =
        sight == COPROCESS_LATE ? "it did not read what it was asked" : COPROCESS_MORE;
    return sight == COPROCESS_ENDED ? HANDLER_DIED : HANDLER_PROTOCOL;
}
