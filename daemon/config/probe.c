/* `probe` and `probe_reply`: into bytes, and whether a handler could get the one and give the
 * other. */
#include "config/bytes.h"
#include "config/check.h"
#include "config/draft.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* That the text is right was found when it was read. */
static int unescape(const char *text, struct config_bytes *bytes)
{
    uint8_t data[BYTES_MAX];
    size_t length = 0;

    if (!text || bytes_unescape(text, data, &length) < 0)
        return 0;
    bytes->data = malloc(length);
    if (!bytes->data)
        return -ENOMEM;
    memcpy(bytes->data, data, length);
    bytes->length = length;
    return 0;
}

static void check_bytes(struct draft *draft, enum schema_key key, const char *text, uint64_t most,
                        const char *limit, struct config_bytes *bytes)
{
    const struct handler_config *handler = &draft->service.handler;
    const struct place *place = &draft->given[key];

    if (unescape(text, bytes) < 0)
        report_status(draft->report, -ENOMEM, place, "out of memory");
    if (bytes->length > most)
        report_add(draft->report, place, "found %zu bytes, allowed: %s (%" PRIu64 ")",
                   bytes->length, limit, most);
    if (bytes->data && handler->type == HANDLER_COMMAND && handler->codec == CODEC_LINE &&
        memchr(bytes->data, '\n', bytes->length))
        report_add(draft->report, place, "found a line feed, allowed: one line, with codec = line");
}

/* Whether it is a message that the handler would answer as any other. */
static void check_answers(struct draft *draft)
{
    const struct handler_config *handler = &draft->service.handler;

    if (!handler->probe_text || handler->type != HANDLER_COMMAND)
        return;
    if (handler->codec == CODEC_RECORD)
        report_add(draft->report, &draft->given[KEY_PROBE],
                   "allowed only with codec = line or frame; with record the program says READY");
    else if (handler->reply == REPLY_NONE)
        report_add(draft->report, &draft->given[KEY_PROBE], "allowed only with reply = yes");
}

void check_probe(struct draft *draft)
{
    struct handler_config *handler = &draft->service.handler;
    const struct limits_config *limits = &draft->service.limits;

    check_bytes(draft, KEY_PROBE, handler->probe_text, limits->max_message, "max_message",
                &handler->probe);
    check_bytes(draft, KEY_PROBE_REPLY, handler->probe_reply_text, limits->max_reply, "max_reply",
                &handler->probe_reply);
    check_answers(draft);
    if (handler->probe_reply_text && !handler->probe_text)
        report_add(draft->report, &draft->given[KEY_PROBE_REPLY], "allowed only with a probe");
    if (handler->probe_text && draft->is_given[KEY_SETTLE])
        report_add(draft->report, &draft->given[KEY_SETTLE],
                   "allowed only without a probe, which takes its place");
}
