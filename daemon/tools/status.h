/* What framectl status prints for people. */
#ifndef FRAMED_TOOLS_STATUS_H
#define FRAMED_TOOLS_STATUS_H

#include <jansson.h>
#include <stdio.h>

/* Writes the master's STATUS (its JSON) as a few aligned lines for each service, with its rates
 * since the status BEFORE (or NULL), and a line for each worker. */
void status_print(const json_t *status, const json_t *before, FILE *to);

#endif
