/*
 * Programs that keep their output to themselves until there is a lot of it, because it goes to a
 * pipe: which of those that are often used as handlers do, and what makes them answer at once.
 */
#ifndef FRAMED_HANDLER_BUFFERING_H
#define FRAMED_HANDLER_BUFFERING_H

#include <stdbool.h>
#include <stddef.h>

struct buffering {
    const char *program; /* its name, without version */
    const char *option;  /* makes it answer at once; NULL: it has none */
    const char *advice;  /* what to do where it has no option; NULL: stdbuf(1) helps */
    bool hopeless;       /* it needs all its input before it can write anything */
};

/*
 * What is known of the program that COMMAND (ended by NULL) runs, directly or by way of env(1) or
 * "sh -c"; NULL: nothing. NAME, if not NULL, gets the word that names it.
 */
const struct buffering *buffering_find(char *const *command, char *name, size_t size);

/* Whether COMMAND has OPTION already. */
bool buffering_has_option(char *const *command, const char *option);

/* Writes what makes COMMAND answer at once, such as `start it as "jq --unbuffered"`. */
void buffering_advise(char *const *command, char *text, size_t size);

#endif
