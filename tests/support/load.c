#include "support/load.h"

#include "support/daemon.h"
#include "support/until.h"

#include <framed/client.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Only the first is told: what follows is often its consequence. */
static void trouble(struct load *load, const char *what, const char *why)
{
    if (!atomic_flag_test_and_set(&load->trouble_told))
        snprintf(load->first_trouble, sizeof(load->first_trouble), "%s: %s", what, why);
}

static struct framed_client *connect_client(struct load *load)
{
    struct framed_client *client = NULL;
    char error[200] = "";

    if (framed_client_open(load->target, load->framing, 0, BOUND_MS, &client, error,
                           sizeof(error)) < 0) {
        load->broken++;
        trouble(load, "connect", error);
        nap(1); /* nobody listens: do not turn */
    }
    return client;
}

enum exchange {
    ANSWERED,
    ENDED,
    BROKEN
};

static enum exchange exchange(struct load *load, struct framed_client *client, const char *text)
{
    const void *data;
    size_t length;
    char found[128];
    int result = framed_client_call(client, text, strlen(text), &data, &length);

    if (result == -ENODATA)
        return ENDED;
    if (result != FRAMED_OK) {
        trouble(load, text, result < 0 ? strerror(-result) : framed_verdict_word(result));
        return BROKEN;
    }
    if (length == strlen(text) && memcmp(data, text, length) == 0) {
        load->answered++;
        return ANSWERED;
    }
    load->wrong++;
    snprintf(found, sizeof(found), "the reply is \"%.*s\"", (int)length, (const char *)data);
    trouble(load, text, found);
    return BROKEN;
}

static void ask_once(struct load *load, const char *text)
{
    struct framed_client *client = connect_client(load);
    unsigned long wrong = load->wrong;
    enum exchange result;

    if (!client)
        return;
    result = exchange(load, client, text);
    if (result == ENDED)
        trouble(load, text, "closed without a reply");
    if (result != ANSWERED && load->wrong == wrong)
        load->broken++;
    framed_client_free(client);
}

/* A stream that ended in order before any byte of the reply: the message was not handled. */
static void ask_persistent(struct load *load, struct framed_client **client, const char *text)
{
    while (!load->stop || *client) {
        enum exchange result;

        if (!*client && !(*client = connect_client(load)))
            continue;
        result = exchange(load, *client, text);
        if (result == ANSWERED)
            return;
        framed_client_free(*client);
        *client = NULL;
        if (result == BROKEN) {
            load->broken++;
            return;
        }
        load->asked_again++;
        if (load->stop)
            return;
    }
}

static void *run_client(void *argument)
{
    struct load *load = argument;
    unsigned number = load->next_number++;
    struct framed_client *client = NULL;
    char text[64];

    for (unsigned long i = 0; !load->stop; i++) {
        snprintf(text, sizeof(text), "client %u message %lu", number, i);
        if (load->style == LOAD_PERSISTENT)
            ask_persistent(load, &client, text);
        else
            ask_once(load, text);
    }
    framed_client_free(client);
    return NULL;
}

void load_start(struct load *load)
{
    ck_assert_uint_le(load->clients, LOAD_CLIENTS_MAX);
    snprintf(load->target, sizeof(load->target), "%s", load->address);
    for (unsigned i = 0; i < load->clients; i++)
        ck_assert_int_eq(pthread_create(&load->threads[i], NULL, run_client, load), 0);
}

void load_wait(struct load *load, unsigned long count)
{
    unsigned long before = load->answered;

    ck_assert_msg(UNTIL(load->answered >= before + count), "only %lu of %lu were answered: %s",
                  load->answered - before, count, load->first_trouble);
}

void load_stop(struct load *load)
{
    load->stop = true;
    for (unsigned i = 0; i < load->clients; i++)
        pthread_join(load->threads[i], NULL);
}

void load_stop_clean(struct load *load)
{
    load_stop(load);
    ck_assert_msg(load->wrong == 0 && load->broken == 0,
                  "%lu answered, %lu wrong, %lu broken; the first: %s", load->answered, load->wrong,
                  load->broken, load->first_trouble);
}
