#include "config/busy.h"

#include "config/bytes.h"
#include "config/draft.h"
#include "config/schema.h"

#include <framed/framing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes PAYLOAD as one message, in as many frames as that takes. 0 or the verdict on it. */
static int write_message(const struct framed_framing *framing, const uint8_t *payload,
                         size_t length, FILE *to)
{
    bool continued = false;
    struct framed_envelope envelope;

    do {
        int verdict = framed_encode(framing, payload, length, continued, &envelope);

        if (verdict != FRAMED_OK)
            return verdict;
        fwrite(envelope.head, 1, envelope.head_length, to);
        fwrite(payload, 1, envelope.taken, to);
        fwrite(envelope.tail, 1, envelope.tail_length, to);
        payload += envelope.taken;
        length -= envelope.taken;
        continued = true;
    } while (length > 0);
    return 0;
}

/* As a worker would begin: with the greeting, if there is one. */
static int write_busy(const struct service_config *service, FILE *to)
{
    uint8_t payload[BYTES_MAX];
    size_t length = 0;
    size_t greeting_length;
    const uint8_t *greeting = framed_framing_greeting(service->framing, &greeting_length);

    bytes_unescape(service->overload.busy_reply, payload, &length);
    if (greeting_length > 0)
        fwrite(greeting, 1, greeting_length, to);
    return write_message(service->reply_framing, payload, length, to);
}

static void settle(struct draft *draft, struct service_config *service)
{
    struct overload_config *overload = &service->overload;
    const struct place place = {service->file, overload->busy_line, service->name,
                                schema_row(KEY_BUSY_REPLY)};
    char *bytes = NULL;
    FILE *to = open_memstream(&bytes, &overload->busy_length);
    int verdict = to ? write_busy(service, to) : 0;

    if (!to || fclose(to) != 0)
        report_status(draft->report, -ENOMEM, &place, "out of memory");
    else if (verdict != 0)
        report_add(draft->report, &place, "cannot be a reply in \"%s\": %s, allowed: one that can",
                   framed_framing_name(service->reply_framing), framed_verdict_word(verdict));
    overload->busy = (uint8_t *)bytes;
}

void busy_settle(struct draft *draft)
{
    for (size_t i = 0; i < draft->config->service_count; i++) {
        struct service_config *service = &draft->config->services[i];

        if (service->overload.busy_reply && service->framing && service->reply_framing)
            settle(draft, service);
    }
}
