/* What has to happen by when: one timer for all of it, set to the earliest or earlier, so that it
 * is seldom set. */
#include "base/clock.h"
#include "handler/record/record.h"

#include <sys/timerfd.h>
#include <unistd.h>

void record_arm(struct record_handler *record, uint64_t when_ms)
{
    const struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(when_ms / 1000),
                     .tv_nsec = (long)(when_ms % 1000) * 1000000},
    };

    if (when_ms == 0 || (record->armed_ms && record->armed_ms <= when_ms))
        return;
    record->armed_ms = when_ms;
    timerfd_settime(record->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* When REQUEST is late, or never (0). */
static uint64_t due_of(const struct record_handler *record, const struct window_request *request)
{
    return request->deadline_ms ? request->deadline_ms + record->base.away_ms : 0;
}

/* The earliest time by which a cancelled request has to be answered; 0: there is none. */
uint64_t record_cancelled_due(const struct record_handler *record)
{
    const struct window *window = &record->window;
    size_t left = window->cancelled;
    uint64_t due = 0;

    for (size_t i = 0; left > 0; i++)
        if (window->requests[i].state == WINDOW_CANCELLED) {
            due = clock_earlier(due, due_of(record, &window->requests[i]));
            left--;
        }
    return due;
}

static uint64_t next_due(const struct record_handler *record)
{
    const struct window *window = &record->window;
    uint64_t due = record_cancelled_due(record);

    if (!program_runs(&record->program))
        return record->program.not_before_ms + 1;
    if (!record->ready)
        due = clock_earlier(due, record->ready_by_ms);
    if (window->owed > 0)
        due = clock_earlier(due, due_of(record, window->first));
    return clock_earlier(due, record->write_by_ms);
}

static bool is_past(uint64_t when_ms, uint64_t now)
{
    return when_ms && now >= when_ms;
}

/* The timer has called: something may be late, though it need not be any more. */
void record_check_time(struct record_handler *record)
{
    const struct window *window = &record->window;
    uint64_t now = clock_ms();
    uint64_t expirations;

    if (read(record->timer_fd, &expirations, sizeof(expirations)) < 0)
        return;
    record->armed_ms = 0;
    if (!program_runs(&record->program))
        record_begin(record);
    else if (!record->ready && is_past(record->ready_by_ms, now))
        record_fail_because(record, HANDLER_TIMEOUT,
                            "it did not say READY within the start deadline");
    else if (is_past(record_cancelled_due(record), now))
        record_fail_because(record, HANDLER_TIMEOUT,
                            "it did not answer a request that was cancelled");
    else if (is_past(record->write_by_ms, now))
        record_fail_because(record, HANDLER_TIMEOUT,
                            "it did not read for as long as a request may take");
    else if (window->owed > 0 && is_past(due_of(record, window->first), now) &&
             record->verdict <= HANDLER_HANGUP) {
        record_excuse(record, window->first);
        record->verdict = HANDLER_TIMEOUT; /* its client is closed, which cancels it */
    }
    if (record->verdict != HANDLER_TIMEOUT)
        record_arm(record, next_due(record));
}
