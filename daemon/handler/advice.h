/* What to do about a program that had to be ended: the hints that the log gives to its author. */
#ifndef FRAMED_HANDLER_ADVICE_H
#define FRAMED_HANDLER_ADVICE_H

#include "handler/coprocess.h"

#include <stdbool.h>
#include <stddef.h>

#define ADVICE_SIZE 256

/* How it ended. */
struct fault {
    enum handler_outcome outcome;
    const char *reason;
    const char *status; /* as of process_finish() */
    const struct coprocess *coprocess;
    const struct service_config *service;
};

/* Writes what is to be done, if that can be told. */
bool advice_give(const struct fault *fault, char text[ADVICE_SIZE]);

/* Standard output is not for people: what to say behind a quotation of what a program with CODEC
 * wrote there. */
const char *advice_on_output(enum handler_codec codec);

#endif
