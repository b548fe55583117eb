/*
 * `per_connection`: a stream that is the program's own has no messages, and how long it may take is
 * nobody's to guess: `request` is off unless it is said.
 */
#include "config/check.h"
#include "config/draft.h"
#include "config/schema.h"

void check_per_connection(struct draft *draft)
{
    const struct handler_config *handler = &draft->service.handler;

    if (!handler->per_connection || handler->type != HANDLER_COMMAND)
        return;
    for (int key = 0; key < KEY_COUNT; key++)
        if (draft->is_given[key] && schema_row((enum schema_key)key)->messages)
            report_add(draft->report, &draft->given[key],
                       "allowed only without per_connection, whose programs have the connection "
                       "to themselves");
    if (handler->unbuffer == UNBUFFER_PTY)
        report_add(draft->report, &draft->given[KEY_UNBUFFER],
                   "found pty, allowed with per_connection: no, stdbuf");
    if (!draft->is_given[KEY_REQUEST])
        draft->service.deadlines.request_ms = 0;
}
