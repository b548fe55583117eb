/* unruly, a handler of the codec record that breaks one rule: what its faults are made of. */
#ifndef FRAMED_TESTS_UNRULY_H
#define FRAMED_TESTS_UNRULY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD 16
#define HELD_MAX 4096
/* Behind all answers, and before anybody has stopped to listen. */
#define LATER_US 20000

enum {
    HELLO = 1,
    OPEN,
    MESSAGE,
    CANCEL,
    CLOSE,
    STOP,
    READY = 17,
    FAILED,
    REPLY,
    PUSH,
    HANGUP,
    LOG
};
enum {
    MORE = 1,
    ONEWAY = 1
};

struct record {
    uint32_t length; /* of the body */
    uint8_t type;
    uint8_t flags;
    uint16_t status;
    uint32_t connection;
    uint32_t request;
};

struct fault {
    const char *name; /* NULL: no more of them */
    void (*start)(void);
    void (*message)(const struct record *message);
    void (*other)(const struct record *record);
    void (*quiet)(void); /* with what is held when nothing more comes */
    bool one_read;       /* reads each head with one read(2) */
    bool deaf;           /* goes on at the end of its input */
    bool blind;          /* never reads */
};

extern const struct fault message_faults[];
extern const struct fault other_faults[];

extern uint8_t body[]; /* of the record that was read last */
extern uint32_t max_reply;
extern uint32_t newest; /* the connection that was opened last */
extern struct record held[HELD_MAX];
extern size_t held_count;

void write_all(const void *data, size_t length);
void put_number(uint8_t *at, int bytes, uint32_t value);
void put_head(uint8_t head[HEAD], const struct record *record);
/* A record with the first LENGTH bytes of `body`. */
void send_record(struct record record, size_t length);
void say_ready(void);
struct record reply_to(const struct record *message);
void answer(const struct record *message);
void hold(const struct record *message);

#endif
