/*
 * The schema: one row for each key, and all that is to be known of it. Reading, checking, defaults,
 * printing, the options of `framed run` and the test of the documents are made from it. A new key
 * is a row here, a field in config.h, its lines in conf/framed.conf and framed.conf.5.
 */
#ifndef FRAMED_CONFIG_SCHEMA_H
#define FRAMED_CONFIG_SCHEMA_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest "section.key" or "--option", with its NUL. */
#define SCHEMA_NAME_SIZE 64

enum schema_section {
    SECTION_GLOBAL,
    SECTION_FRAMING, /* its keys are libframed's (framings.h) */
    SECTION_SERVICE,
    SECTION_HANDLER, /* from here on: sections of a service */
    SECTION_WORKERS,
    SECTION_LIMITS,
    SECTION_DEADLINES,
    SECTION_PROCESS,
    SECTION_RESOURCES,
    SECTION_COUNT
};

enum schema_key {
    KEY_USER,
    KEY_GROUP,
    KEY_CONTROL,
    KEY_PID_FILE,
    KEY_LOG,
    KEY_LOG_FORMAT,
    KEY_LOG_LEVEL,
    KEY_ALL_CONNECTIONS,
    KEY_LISTEN,
    KEY_FRAMING,
    KEY_REPLY_FRAMING,
    KEY_LOG_MESSAGES,
    KEY_OVERLOAD,
    KEY_QUEUE_TIMEOUT,
    KEY_BUSY_REPLY,
    KEY_ENVIRONMENT,
    KEY_SETTINGS,
    KEY_BUILTIN,
    KEY_MODULE,
    KEY_COMMAND,
    KEY_PER_CONNECTION,
    KEY_CODEC,
    KEY_REPLY,
    KEY_UNBUFFER,
    KEY_WINDOW,
    KEY_BATCH,
    KEY_SETTLE,
    KEY_PROBE,
    KEY_PROBE_REPLY,
    KEY_ERROR_REPLY,
    KEY_WORKERS_MODE,
    KEY_WORKERS_MIN,
    KEY_WORKERS_MAX,
    KEY_SPARE_MIN,
    KEY_SPARE_MAX,
    KEY_IDLE_EXIT,
    KEY_CONNECTIONS,
    KEY_WORKERS_IDLE,
    KEY_STICKY,
    KEY_MAX_REQUESTS,
    KEY_MAX_LIFETIME,
    KEY_MAX_RSS,
    KEY_MAX_MESSAGE,
    KEY_MAX_REPLY,
    KEY_MAX_UNREAD,
    KEY_MAX_CONNECTIONS,
    KEY_BACKLOG,
    KEY_IDLE,
    KEY_FRAME,
    KEY_REQUEST,
    KEY_WRITE,
    KEY_START,
    KEY_DRAIN,
    KEY_GRACE,
    KEY_LINGER,
    KEY_SLOW_REQUEST,
    KEY_PROCESS_USER,
    KEY_PROCESS_GROUP,
    KEY_DIRECTORY,
    KEY_UMASK,
    KEY_NICE,
    KEY_SCHEDULING,
    KEY_PIN,
    KEY_RESOURCE_FIRST,
    KEY_RESOURCE_LAST = KEY_RESOURCE_FIRST + RESOURCE_COUNT - 1,
    KEY_COUNT
};

enum value_type {
    VALUE_NAME,    /* char *; "" is none */
    VALUE_PATH,    /* char *, absolute; "" is none, unless MIN is 1 */
    VALUE_CONTROL, /* char *, a Unix address; "" and off are none */
    VALUE_LOG,     /* config->log_target and log_file */
    VALUE_WORD,    /* an enum or int: one of WORDS */
    VALUE_BOOL,    /* bool */
    VALUE_BYTES,   /* char *, with escapes as of bytes_unescape(); "" is none */
    VALUE_COUNT,   /* uint64_t */
    VALUE_SIZE,    /* uint64_t, bytes */
    VALUE_TIME,    /* uint64_t, milliseconds; 0 is off */
    VALUE_UMASK,   /* struct config_optional, as are the next four */
    VALUE_NICE,
    VALUE_LIMIT_COUNT,
    VALUE_LIMIT_SIZE,
    VALUE_LIMIT_TIME, /* seconds */
    VALUE_FRAMING,    /* char *, a framing's text; "" is none */
    VALUE_ADDRESSES,  /* service->listen; a list */
    VALUE_COMMAND,    /* char **, ended by NULL; a list */
    VALUE_SETTINGS,   /* struct config_settings; NAME=VALUE, a list; in a file, a service's section
                         KEY { NAME = VALUE ... } */
    VALUE_TYPE_COUNT
};

struct schema_word {
    const char *name; /* NULL ends */
    int value;
};

/* When a reload makes a new value count. */
enum schema_reload {
    RELOAD_WORKERS,   /* with the new workers; those that leave keep the old one */
    RELOAD_LISTENERS, /* sockets whose address stays are kept, the others made or closed */
    RELOAD_NOW,       /* at the swap, also for what stays */
    RELOAD_RESTART,   /* only a restart does */
    RELOAD_COUNT
};

struct schema_row {
    enum schema_section section;
    enum value_type type;
    const char *key;
    const char *option;     /* of `framed run`, when it is not the key; "" is none */
    char letter;            /* its short form, or 0 */
    bool off;               /* `off` is allowed */
    bool rejects;           /* allowed only where overload is reject */
    bool messages;          /* allowed only where we cut messages: not with per_connection */
    enum handler_type only; /* allowed only with this handler */
    enum workers_mode mode; /* allowed only with this mode; static: with any */
    unsigned codecs;        /* allowed only with these, a bit each; 0: with any */
    enum schema_reload reload;
    const char *initial; /* the default as one writes it; NULL: none */
    uint64_t min;
    uint64_t max;
    const struct schema_word *words;
    size_t offset;    /* in struct config, or in struct service_config */
    const char *text; /* what it is, for --help */
};

/* The row of a key. */
const struct schema_row *schema_row(enum schema_key key);

/* The key of a row. */
enum schema_key schema_key(const struct schema_row *row);

/* Whether CODEC is one of the row's. */
bool schema_allows_codec(const struct schema_row *row, enum handler_codec codec);

/* The row of type VALUE_SETTINGS whose section is SECTION, or NULL. */
const struct schema_row *schema_settings(const char *section);

/* Whether it takes several values. */
bool schema_is_list(const struct schema_row *row);

/* "service", "handler" ...; "root" for the keys outside of sections, as libconfuse calls it. */
const char *schema_section_name(enum schema_section section);

/* "deadlines.idle", "listen", for people. */
void schema_name(const struct schema_row *row, char name[SCHEMA_NAME_SIZE]);

/* "--max-message"; "--" for the command. */
void schema_option(const struct schema_row *row, char option[SCHEMA_NAME_SIZE]);

/* The name of VALUE in WORDS, never NULL. */
const char *schema_word_name(const struct schema_word *words, int value);

#endif
