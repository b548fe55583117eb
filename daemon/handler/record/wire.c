#include "handler/record/wire.h"

#include <framed/byteorder.h>

#include <errno.h>
#include <stdbool.h>

/* What a handler may write. */
static const struct shape {
    uint8_t flags; /* that are known */
    bool status;   /* one is allowed; as are the next two needed */
    bool connection;
    bool request;
    size_t max; /* bytes of the body; SIZE_MAX: as large as a reply may be */
} shapes[WIRE_TYPE_COUNT] = {
    [WIRE_READY] = {.max = 0},
    [WIRE_FAILED] = {.max = WIRE_TEXT_MAX},
    [WIRE_REPLY] = {.flags = WIRE_MORE, true, true, true, SIZE_MAX},
    [WIRE_PUSH] = {.connection = true, .max = SIZE_MAX},
    [WIRE_HANGUP] = {.connection = true, .max = 0},
    [WIRE_LOG] = {.status = true, .max = WIRE_TEXT_MAX},
};

void wire_put_head(const struct wire_record *record, uint8_t head[WIRE_HEAD])
{
    framed_put_u32be(head, (uint32_t)(WIRE_HEAD - WIRE_LENGTH + record->length));
    head[4] = record->type;
    head[5] = record->flags;
    framed_put_u16be(head + 6, record->status);
    framed_put_u32be(head + 8, record->connection);
    framed_put_u32be(head + 12, record->request);
}

/* NULL, or what is wrong. */
static const char *judge(const struct wire_record *record)
{
    const struct shape *shape;

    if (record->type < WIRE_FROM_HANDLER || record->type >= WIRE_TYPE_COUNT)
        return "a record of an unknown type";
    shape = &shapes[record->type];
    if (record->flags & ~shape->flags)
        return "a record with an unknown flag";
    if (record->status && (!shape->status || record->flags))
        return "a record with a status that it cannot have";
    if (!record->connection == shape->connection || !record->request == shape->request)
        return "a record whose connection or request is missing, or does not belong there";
    return record->length > shape->max ? "a record with too much in it" : NULL;
}

ssize_t wire_parse(const uint8_t *bytes, size_t length, size_t max, struct wire_record *record,
                   const char **reason)
{
    const char *wrong = NULL;
    struct wire_record found;
    size_t claimed;

    if (length < WIRE_LENGTH)
        return 0;
    claimed = framed_get_u32be(bytes);
    if (claimed < WIRE_HEAD - WIRE_LENGTH)
        wrong = "a record that is shorter than its head";
    else if (claimed - (WIRE_HEAD - WIRE_LENGTH) > (max > WIRE_TEXT_MAX ? max : WIRE_TEXT_MAX))
        wrong = "what is no record, or one larger than max_reply allows";
    if (!wrong && length < WIRE_HEAD)
        return 0;
    if (!wrong) {
        found = (struct wire_record){
            .type = bytes[4],
            .flags = bytes[5],
            .status = framed_get_u16be(bytes + 6),
            .connection = framed_get_u32be(bytes + 8),
            .request = framed_get_u32be(bytes + 12),
            .body = bytes + WIRE_HEAD,
            .length = claimed - (WIRE_HEAD - WIRE_LENGTH),
        };
        wrong = judge(&found);
        if (!wrong && shapes[found.type].max == SIZE_MAX && found.length > max)
            wrong = "a record larger than max_reply allows";
    }
    if (wrong) {
        *reason = wrong;
        return -EPROTO;
    }
    if (length < WIRE_LENGTH + claimed)
        return 0;
    *record = found;
    return (ssize_t)(WIRE_LENGTH + claimed);
}
