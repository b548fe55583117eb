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

/* One that begins a connection begins with the greeting, as a worker would, if there is one. Where
 * no messages are cut, it is nothing but its bytes. */
static int write_reply(const struct service_config *service, const char *text, bool begins,
                       FILE *to)
{
    uint8_t payload[BYTES_MAX];
    size_t length = 0;
    size_t greeting_length = 0;
    const uint8_t *greeting = framed_framing_greeting(service->framing, &greeting_length);

    bytes_unescape(text, payload, &length);
    if (service->handler.per_connection) {
        fwrite(payload, 1, length, to);
        return 0;
    }
    if (begins && greeting_length > 0)
        fwrite(greeting, 1, greeting_length, to);
    return write_message(service->reply_framing, payload, length, to);
}

/* TEXT, at PLACE, into BYTES. */
static void settle(struct draft *draft, const struct service_config *service,
                   const struct place *place, const char *text, bool begins,
                   struct config_bytes *bytes)
{
    FILE *to = open_memstream(&bytes->data, &bytes->length);
    int verdict = to ? write_reply(service, text, begins, to) : 0;

    if (!to || fclose(to) != 0)
        report_status(draft->report, -ENOMEM, place, "out of memory");
    else if (verdict != 0)
        report_add(draft->report, place, "cannot be a reply in \"%s\": %s, allowed: one that can",
                   framed_framing_name(service->reply_framing), framed_verdict_word(verdict));
}

void busy_settle(struct draft *draft)
{
    for (size_t i = 0; i < draft->config->service_count; i++) {
        struct service_config *service = &draft->config->services[i];
        struct overload_config *overload = &service->overload;
        struct handler_config *handler = &service->handler;
        struct place place = {service->file, overload->busy_line, service->name,
                              schema_row(KEY_BUSY_REPLY)};
        struct config_bytes busy = {0};

        if (!service->framing || !service->reply_framing)
            continue;
        if (overload->busy_reply)
            settle(draft, service, &place, overload->busy_reply, true, &busy);
        overload->busy = (uint8_t *)busy.data;
        overload->busy_length = busy.length;
        place.line = handler->error_reply_line;
        place.row = schema_row(KEY_ERROR_REPLY);
        if (handler->error_reply)
            settle(draft, service, &place, handler->error_reply, false, &handler->error);
    }
}
