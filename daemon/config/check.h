/* The rules that concern more than one key. Each reports what is wrong, at the key at fault. */
#ifndef FRAMED_CONFIG_CHECK_H
#define FRAMED_CONFIG_CHECK_H

#include <stdbool.h>

struct draft;
struct place;
struct report;
struct service_config;

/* Names of services and framings. */
#define CHECK_NAME_LENGTH 32
#define CHECK_NAME_ALLOWED "a name of 1 to 32 of A-Z a-z 0-9 _ . -"
bool check_is_name(const char *name);

/* More workers than this are no configuration but a mistake: each has a slot in shared memory. */
#define CHECK_WORKERS_MAX 4096

/* The service that the draft has just read; settles its handler's type. */
void check_service(struct draft *draft);

/* Its probe, and the answer to it: what the escapes stand for, and whether they make sense. */
void check_probe(struct draft *draft);

/* What a program for each connection makes of its other keys. */
void check_per_connection(struct draft *draft);

/* If a service, or else a framing, has NAME already, reports at PLACE that it is given twice. */
void check_twice(struct draft *draft, const char *name, const struct place *place);

/* The address just added to the service, given at PLACE: nobody else may have it. */
void check_last_address(struct draft *draft, const struct place *place);

/*
 * What `process { }` names outside the configuration: its directory and account; and whether we can
 * become that. Accounts are looked up again when they are needed; here so that `check` tells in
 * time.
 */
void check_process(const struct service_config *service, struct report *report);
void check_user(const char *name, const struct place *place, struct report *report);
void check_group(const char *name, const struct place *place, struct report *report);

/* All services together. */
void check_config(struct draft *draft);

#endif
