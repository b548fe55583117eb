/*
 * The records of the codec `record`, as framed-record(5) defines them, from and into bytes. No I/O
 * and no state: what a record may say at which time is input.c's.
 */
#ifndef FRAMED_HANDLER_RECORD_WIRE_H
#define FRAMED_HANDLER_RECORD_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_VERSION "1"
/* Bytes of a record before its body; its length field counts all but itself. */
#define WIRE_HEAD 16
#define WIRE_LENGTH 4
/* Most bytes of a text for people. */
#define WIRE_TEXT_MAX 4096

enum wire_type {
    /* to the handler */
    WIRE_HELLO = 1,
    WIRE_OPEN,
    WIRE_MESSAGE,
    WIRE_CANCEL,
    WIRE_CLOSE,
    WIRE_STOP,
    /* from it */
    WIRE_FROM_HANDLER = 17,
    WIRE_READY = WIRE_FROM_HANDLER,
    WIRE_FAILED,
    WIRE_REPLY,
    WIRE_PUSH,
    WIRE_HANGUP,
    WIRE_LOG,
    WIRE_TYPE_COUNT
};

#define WIRE_ONEWAY 1 /* flag of MESSAGE: no reply is wanted */
#define WIRE_MORE 1   /* flag of REPLY: not the last to its request */
#define WIRE_MOVED 1  /* flag of CLOSE */

struct wire_record {
    uint8_t type;
    uint8_t flags;
    uint16_t status;
    uint32_t connection; /* 0: none, as is the next */
    uint32_t request;
    const uint8_t *body;
    size_t length; /* of the body */
};

/* Writes the head of RECORD; the body comes after it. */
void wire_put_head(const struct wire_record *record, uint8_t head[WIRE_HEAD]);

/*
 * The first record of LENGTH BYTES that a handler wrote, whose body lies in them. Its size; 0: more
 * bytes are needed; -EPROTO, as soon as that is certain, with what is wrong in *REASON: it is no
 * record, or its body is larger than MAX.
 */
ssize_t wire_parse(const uint8_t *bytes, size_t length, size_t max, struct wire_record *record,
                   const char **reason);

#endif
