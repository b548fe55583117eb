/* What framectl status prints for people. */
#ifndef FRAMED_TOOLS_STATUS_H
#define FRAMED_TOOLS_STATUS_H

#include <jansson.h>
#include <stdio.h>

/* Writes the master's status (its JSON) as a few aligned lines. */
void status_print(const json_t *status, FILE *to);

/* Of the same, the workers only. */
void status_print_workers(const json_t *status, FILE *to);

#endif
