/*
 * Load by clients that know each reply they are owed: every message is unlike any other, and its
 * reply must be the same bytes.
 */
#ifndef FRAMED_TESTS_LOAD_H
#define FRAMED_TESTS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum load_style {
    LOAD_CONNECTION_A_MESSAGE, /* connect, ask, take the reply, close */
    LOAD_PERSISTENT,           /* one connection as long as it lasts */
};

#define LOAD_CLIENTS_MAX 32

struct load {
    const char *address; /* copied by load_start() */
    const char *framing;
    enum load_style style;
    unsigned clients;

    /* What came of it: whole after load_stop(), approximate before. */
    _Atomic unsigned long answered;    /* with the right reply */
    _Atomic unsigned long wrong;       /* with another */
    _Atomic unsigned long asked_again; /* persistent: the stream ended in order before any byte of
                                          the reply, and the message was sent again */
    _Atomic unsigned long broken;      /* anything else: refused, reset, cut, too late */
    char first_trouble[256];

    char target[512];
    pthread_t threads[LOAD_CLIENTS_MAX];
    atomic_uint next_number;
    atomic_bool stop;
    atomic_flag trouble_told;
};

/* Fill in the first four, the rest zeroed. */
void load_start(struct load *load);

/* Waits until COUNT more were answered than are now; fails after BOUND_MS. */
void load_wait(struct load *load, unsigned long count);

/* Lets every client finish the message in hand. */
void load_stop(struct load *load);

/* load_stop(), and fails unless each message got its reply. */
void load_stop_clean(struct load *load);

#endif
