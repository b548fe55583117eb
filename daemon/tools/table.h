/*
 * Tables for people, of what the master says of itself (the answer to `status`): what framectl's
 * status, workers and top have in common. Numbers that framed did not send read as 0.
 */
#ifndef FRAMED_TOOLS_TABLE_H
#define FRAMED_TOOLS_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

enum table_order {
    TABLE_BY_SLOT,
    TABLE_BY_SERVICE,
    TABLE_BY_TIME, /* the longest at what it does first, those who wait for a client last */
    TABLE_BY_MESSAGES,
    TABLE_BY_RSS,
    TABLE_ORDER_COUNT
};

/* "slot", "time" ... */
const char *table_order_word(enum table_order order);

long long table_number(const json_t *object, const char *key);
/* "" without. */
const char *table_text(const json_t *object, const char *key);
bool table_flag(const json_t *object, const char *key);

/* "1.5s", "2m07s", "3h10m". */
#define TABLE_AGE_SIZE 32
const char *table_age(long long ms, char text[TABLE_AGE_SIZE]);

/*
 * How much the counter KEY of SERVICE has risen a second, from the status BEFORE (or NULL) to NOW.
 * False, and *RATE untouched, when that cannot be told: framed has been started in between.
 */
bool table_rate(const json_t *now, const json_t *before, const json_t *service, const char *key,
                double *rate);

/* The line on framed itself, and why its last reload or upgrade failed. */
void table_head(const json_t *status, FILE *to);
/* A line for each service, with its rates since BEFORE (or NULL), and how workers last failed. */
void table_services(const json_t *status, const json_t *before, FILE *to);
/* A line for each worker. */
void table_workers(const json_t *status, enum table_order order, FILE *to);

/* Makes question marks of what is not printable ASCII, but for line feeds: names and errors come
 * from outside, and no terminal must act upon them. */
void table_clean(char *text);

/* Collects what PRINT writes, cleaned and to be freed; NULL without memory. */
typedef void table_print(const void *context, FILE *to);
char *table_collect(table_print *print, const void *context);

#endif
