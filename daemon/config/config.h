/*
 * The configuration, read and checked: plain data, made by config_load() (a file) or by
 * config_from_arguments() (framed run), then never changed. Everybody may read it; only this folder
 * knows libconfuse, and nothing of libconfuse outlives the load.
 */
#ifndef FRAMED_CONFIG_CONFIG_H
#define FRAMED_CONFIG_CONFIG_H

#include "base/log.h"

#include <framed/address.h>
#include <framed/framing.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct identity;

#define CONFIG_ERROR_SIZE 1024

enum handler_type {
    HANDLER_NONE,
    HANDLER_BUILTIN,
    HANDLER_MODULE,
    HANDLER_COMMAND
};
enum handler_builtin {
    BUILTIN_ECHO,
    BUILTIN_DISCARD
};
enum handler_codec {
    CODEC_LINE,
    CODEC_FRAME,
    CODEC_RECORD
};
enum handler_reply {
    REPLY_YES,
    REPLY_NONE
};
enum handler_unbuffer {
    UNBUFFER_NO,
    UNBUFFER_STDBUF,
    UNBUFFER_PTY
};

enum workers_mode {
    WORKERS_STATIC,
    WORKERS_DYNAMIC,
    WORKERS_ONDEMAND
};

/* Where connections wait that have no message under way, when a worker may have several. */
enum idle_mode {
    IDLE_AUTO, /* with their worker while its handler is quick, else with the keeper */
    IDLE_HOLD, /* with their worker */
    IDLE_KEEP, /* with the keeper, if their worker serves another one */
};

/* Any bytes, also none: then DATA is NULL. */
struct config_bytes {
    char *data;
    size_t length;
};

/* A section whose keys are free, such as `environment { }`: in the order they were given. */
struct config_setting {
    char *name;
    char *value;
    unsigned line; /* where it stands; 0: on a command line */
};
struct config_settings {
    struct config_setting *all;
    size_t count;
};

/* A number, or nothing: then it stays as framed itself has it (written `inherit`). */
struct config_optional {
    bool given;
    int64_t value;
};

#define CONFIG_INFINITY (-1) /* of a resource */

enum config_resource {
    RESOURCE_AS,
    RESOURCE_CORE,
    RESOURCE_CPU, /* seconds */
    RESOURCE_FSIZE,
    RESOURCE_NOFILE,
    RESOURCE_NPROC,
    RESOURCE_STACK,
    RESOURCE_COUNT
};

/* `process { }` and `resources { }`: what a handler runs as */
struct process_config {
    char *user; /* NULL: framed's */
    char *group;
    char *directory; /* NULL: framed's */
    struct config_optional umask;
    struct config_optional nice;
    int scheduling; /* of sched(7); SCHED_OTHER: framed's own */
    bool pin;       /* a worker and its program stay on one CPU */
    struct config_optional resources[RESOURCE_COUNT];
};

/* `handler { }` */
struct handler_config {
    enum handler_type type;
    enum handler_builtin builtin;
    char *module;        /* path of a shared object */
    char **command;      /* argument vector, ended by NULL */
    bool per_connection; /* one for each, with the socket as its standard input and output */
    enum handler_codec codec;
    enum handler_reply reply;
    enum handler_unbuffer unbuffer;
    uint64_t window; /* with the codec record: requests in flight */
    uint64_t batch;  /* with the others: messages that are sent before the first is answered */
    uint64_t
        settle_ms;    /* one of the others that lives this long has started, if there is no probe */
    char *probe_text; /* what a new worker asks its handler first, as written; NULL: nothing */
    char *probe_reply_text;    /* what it must answer; NULL: anything */
    struct config_bytes probe; /* what they stand for */
    struct config_bytes probe_reply;
    char *error_reply; /* what a client is told for whose message there is no reply, as written */
    unsigned error_reply_line;
    struct config_bytes error; /* framed, as it is sent; NULL: it is told nothing */
};

/* `workers { }`; 0 in the last three (written `off`) is without end */
struct workers_config {
    enum workers_mode mode;
    uint64_t min; /* with dynamic, as are the next two */
    uint64_t max;
    uint64_t spare_min;
    uint64_t spare_max;
    uint64_t idle_exit_ms; /* with ondemand */
    uint64_t connections;  /* that one worker has at most */
    enum idle_mode idle;
    bool sticky;
    uint64_t max_requests;
    uint64_t max_lifetime_ms;
    uint64_t max_rss; /* bytes */
};

/* What becomes of clients for whom no worker has time. */
enum overload_mode {
    OVERLOAD_QUEUE, /* they wait */
    OVERLOAD_REJECT /* for queue_timeout; then they get busy_reply */
};

struct overload_config {
    enum overload_mode mode;
    char *busy_reply; /* as written; NULL: none */
    unsigned busy_line;
    uint8_t *busy; /* the bytes to send: greeting and framed reply */
    size_t busy_length;
    uint64_t queue_timeout_ms;
};

/* `limits { }`, in bytes unless told otherwise */
struct limits_config {
    uint64_t max_message;
    uint64_t max_reply;
    uint64_t max_unread;      /* of messages that wait to be complete, in one process */
    uint64_t max_connections; /* 0 (written `off`): no limit */
    uint64_t backlog;         /* connections that wait in the kernel */
};

/* `deadlines { }`, in milliseconds; 0 (written `off`) is none, where the schema allows it */
struct deadlines_config {
    uint64_t idle_ms;    /* between messages */
    uint64_t frame_ms;   /* first byte to complete message */
    uint64_t request_ms; /* in the handler */
    uint64_t write_ms;   /* replies taken by the peer */
    uint64_t start_ms;   /* fork to READY */
    uint64_t drain_ms;   /* asked to leave to gone */
    uint64_t grace_ms;   /* a program that is to end, before SIGTERM, and again before SIGKILL */
    uint64_t linger_ms;  /* closed by us to closed by the peer */
    uint64_t slow_request_ms; /* longer in the handler is worth a line in the log */
};

/* One address of `listen` */
struct listen_config {
    char *text;                    /* as written */
    const char *fd_name;           /* in TEXT, behind "fd:": sockets that we are passed; or NULL */
    struct framed_address address; /* what to bind, when there is no FD_NAME */
};

struct service_config {
    char *name;
    char *file; /* where it stands, for messages */
    unsigned line;
    struct listen_config *listen;
    size_t listen_count;
    char *framing_name; /* as written */
    unsigned framing_line;
    char *reply_framing_name; /* NULL: what the framing says, or the same */
    unsigned reply_framing_line;
    struct framed_framing *framing;       /* with max_message */
    struct framed_framing *reply_framing; /* what replies are written in, with max_reply */
    struct handler_config handler;
    struct overload_config overload;
    struct workers_config workers;
    struct limits_config limits;
    struct deadlines_config deadlines;
    bool log_messages;
    struct config_settings environment; /* of its handlers, beside what all have */
    struct config_settings settings;    /* of its module */
    struct process_config process;
};

/* `framing NAME { }` */
struct framing_config {
    char *name;
    char *text; /* as framed_framing_parse() takes it */
    char *base; /* while it is read */
    char *file;
    unsigned line;
};

struct config {
    char *file; /* NULL: from a command line */
    char *user; /* NULL: stay who we are */
    char *group;
    char *control;  /* address of the control socket; NULL: none */
    char *pid_file; /* NULL: none */
    enum log_target log_target;
    char *log_file; /* with LOG_TARGET_FILE */
    enum log_format log_format;
    int log_level;            /* a syslog level */
    uint64_t max_connections; /* of all services; 0 (written `off`): no limit */
    struct framing_config *framings;
    size_t framing_count;
    struct service_config *services;
    size_t service_count;
};

/*
 * Reads FILE and what it includes. 0 and *CONFIG, which the caller frees, or a negative errno with
 * every error found in ERROR (SIZE bytes), each a line "FILE:LINE: key: what was found, what is
 * allowed". Nothing of a broken file is kept.
 */
int config_load(const char *file, struct config **config, char *error, size_t size);

/*
 * Makes a configuration of one service, `run`, from the command line of `framed run`: options named
 * as the schema's keys, then the command; ARGV[0] is the word "run". 0 and *CONFIG; or a negative
 * errno with every error in ERROR, each a line that names the option, what was found and what is
 * allowed. PRINT and HELP, when not NULL, tell whether --print-config and --help were given; with
 * --help the rest is not looked at, and *CONFIG is untouched.
 */
int config_from_arguments(int argc, char **argv, struct config **config, bool *print, bool *help,
                          char *error, size_t size);

/*
 * Checks what CONFIG names outside itself: accounts, modules that can be read, commands that can be
 * run. 0, or a negative errno with every error in ERROR. Apart from loading, because it is true
 * only for now.
 */
int config_check_files(const struct config *config, char *error, size_t size);

/* Whether one of the services runs as somebody else than US. */
bool config_has_other_users(const struct config *config, const struct identity *us);

/* Writes CONFIG as a file that config_load() reads to the same: every key with its value. */
void config_print(const struct config *config, FILE *to);

/* Writes SERVICE alone, and of its keys only those whose value is not PLAIN's. */
void config_print_changes(const struct service_config *service, const struct service_config *plain,
                          FILE *to);

/* Writes the options of `framed run`, one a line, from the schema. */
void config_print_options(FILE *to);

/* Writes all framings that have a name, with their grammar and what they stand for: as a table for
 * people, or as a list in mdoc(7) for the manual page; and the parameters of their text. */
void config_print_framings(FILE *to);
void config_print_framings_mdoc(FILE *to);

/* Writes all keys and what a reload does with each: as a table for people, or by that as a list in
 * mdoc(7) for the manual page. */
void config_print_keys(FILE *to);
void config_print_keys_mdoc(FILE *to);

/* Tells of a KEY that says something else than what runs. */
typedef void config_difference(void *context, const char *key, const char *running,
                               const char *configured);

/* Where NEXT, which takes over from RUNNING, says something that only a restart can change: tells,
 * and exchanges the two values, so that NEXT says what is so. */
void config_keep_fixed(struct config *next, struct config *running, config_difference *tell,
                       void *context);

/* What `log`, `log_format` and `log_level` say; the strings stay CONFIG's. */
struct log_settings config_log_settings(const struct config *config);

/* Frees CONFIG and all in it; NULL is harmless. */
void config_free(struct config *config);

/* The service of that name, or NULL. */
const struct service_config *config_find_service(const struct config *config, const char *name);

/* Whether SERVICE's command can be run: 0 or a negative errno. */
int config_find_command(const struct service_config *service);

/* Where the programs of SERVICE are looked for: its own PATH, or ours. */
const char *config_search_path(const struct service_config *service);

/* The value that SETTINGS have for NAME, or NULL. */
const char *config_find_setting(const struct config_settings *settings, const char *name);

/* The framing of that name, or NULL. */
const struct framing_config *config_find_framing(const struct config *config, const char *name);

/* How many connections one worker of SERVICE may have: one where they are lent to a program, or
 * where that has many messages under way. */
uint64_t config_room(const struct service_config *service);

/* Whether connections of SERVICE can go from one worker to another. */
bool config_moves(const struct service_config *service);

/* How clients of SERVICE speak, with what stands for it in CONFIG: who could go on with its
 * connections says the same. Allocated; NULL without memory. */
char *config_speech(const struct config *config, const struct service_config *service);

/* The framing as written, or "none" where nothing is cut. For logs and status. */
const char *config_framing_shown(const struct service_config *service);

/* "builtin", "module", "command"; "line", "frame", "record". For logs and status. */
const char *config_handler_type_name(enum handler_type type);
const char *config_codec_name(enum handler_codec codec);
/* "static", "dynamic", "ondemand". */
const char *config_workers_mode_name(enum workers_mode mode);

#endif
