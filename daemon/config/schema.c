#include "config/schema.h"

#include "config/bytes.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

/* Longer deadlines do not fit the milliseconds of poll(2). */
#define TIME_MAX_MS (UINT64_C(500) * 3600 * 1000)
#define GRACE_MAX_MS (UINT64_C(3600) * 1000)
#define WORKERS_MAX 1024
#define WINDOW_MAX 1024
#define MIB (UINT64_C(1) << 20)

static const struct schema_word log_formats[] = {
    {"text", LOG_FORMAT_TEXT},
    {"json", LOG_FORMAT_JSON},
    {NULL, 0},
};

static const struct schema_word log_levels[] = {
    {"error", LOG_ERR}, {"warning", LOG_WARNING}, {"notice", LOG_NOTICE},
    {"info", LOG_INFO}, {"debug", LOG_DEBUG},     {NULL, 0},
};

static const struct schema_word builtins[] = {
    {"echo", BUILTIN_ECHO},
    {"discard", BUILTIN_DISCARD},
    {NULL, 0},
};

static const struct schema_word codecs[] = {
    {"line", CODEC_LINE},
    {"frame", CODEC_FRAME},
    {"record", CODEC_RECORD},
    {NULL, 0},
};

static const struct schema_word replies[] = {
    {"yes", REPLY_YES},
    {"none", REPLY_NONE},
    {NULL, 0},
};

static const struct schema_word unbuffers[] = {
    {"no", UNBUFFER_NO},
    {"stdbuf", UNBUFFER_STDBUF},
    {"pty", UNBUFFER_PTY},
    {NULL, 0},
};

static const struct schema_word modes[] = {
    {"static", WORKERS_STATIC},
    {"dynamic", WORKERS_DYNAMIC},
    {"ondemand", WORKERS_ONDEMAND},
    {NULL, 0},
};

static const struct schema_word idles[] = {
    {"auto", IDLE_AUTO},
    {"hold", IDLE_HOLD},
    {"keep", IDLE_KEEP},
    {NULL, 0},
};

static const struct schema_word overloads[] = {
    {"queue", OVERLOAD_QUEUE},
    {"reject", OVERLOAD_REJECT},
    {NULL, 0},
};

static const struct schema_word schedulings[] = {
    {"other", SCHED_OTHER},
    {"batch", SCHED_BATCH},
    {NULL, 0},
};

/* Words are read and written as int. */
_Static_assert(sizeof(enum log_format) == sizeof(int), "enum log_format");
_Static_assert(sizeof(enum handler_builtin) == sizeof(int), "enum handler_builtin");
_Static_assert(sizeof(enum handler_codec) == sizeof(int), "enum handler_codec");
_Static_assert(sizeof(enum handler_reply) == sizeof(int), "enum handler_reply");
_Static_assert(sizeof(enum handler_unbuffer) == sizeof(int), "enum handler_unbuffer");
_Static_assert(sizeof(enum workers_mode) == sizeof(int), "enum workers_mode");
_Static_assert(sizeof(enum idle_mode) == sizeof(int), "enum idle_mode");
_Static_assert(sizeof(enum overload_mode) == sizeof(int), "enum overload_mode");

#define IN_CONFIG(field) .offset = offsetof(struct config, field)
#define IN_SERVICE(field) .offset = offsetof(struct service_config, field)
#define RANGE(low, high) .min = (low), .max = (high)

/* As for setrlimit(2). */
#define RESOURCE(id, type, name, what)                                                             \
    [KEY_RESOURCE_FIRST + RESOURCE_##id] = {SECTION_RESOURCES,                                     \
                                            VALUE_##type,                                          \
                                            name,                                                  \
                                            .option = "rlimit_" name,                              \
                                            IN_SERVICE(process.resources[RESOURCE_##id]),          \
                                            .initial = "inherit",                                  \
                                            .text = "the handler's limit of: " what}

static const struct schema_row rows[KEY_COUNT] = {
    [KEY_USER] = {SECTION_GLOBAL, VALUE_NAME, "user", IN_CONFIG(user), .reload = RELOAD_RESTART,
                  .text = "become this user after binding"},
    [KEY_GROUP] = {SECTION_GLOBAL, VALUE_NAME, "group", IN_CONFIG(group), .reload = RELOAD_RESTART,
                   .text = "become this group (default: the user's own)"},
    [KEY_CONTROL] = {SECTION_GLOBAL, VALUE_CONTROL, "control", IN_CONFIG(control), .off = true,
                     .initial = "unix:/run/framed/control.sock,mode=0600", .reload = RELOAD_RESTART,
                     .text = "socket that framectl(8) talks to"},
    [KEY_PID_FILE] = {SECTION_GLOBAL, VALUE_PATH, "pid_file", IN_CONFIG(pid_file),
                      .reload = RELOAD_RESTART, .text = "file that holds the master's process id"},
    [KEY_LOG] = {SECTION_GLOBAL, VALUE_LOG, "log", IN_CONFIG(log_target), .initial = "stderr",
                 .reload = RELOAD_NOW, .text = "where the log goes"},
    [KEY_LOG_FORMAT] = {SECTION_GLOBAL, VALUE_WORD, "log_format", IN_CONFIG(log_format),
                        .initial = "text", .words = log_formats, .reload = RELOAD_NOW,
                        .text = "how a line is written"},
    [KEY_LOG_LEVEL] = {SECTION_GLOBAL, VALUE_WORD, "log_level", IN_CONFIG(log_level),
                       .initial = "info", .words = log_levels, .reload = RELOAD_NOW,
                       .text = "leave out what is less urgent"},
    [KEY_ALL_CONNECTIONS] = {SECTION_GLOBAL, VALUE_COUNT, "max_connections",
                             .option = "all_connections", IN_CONFIG(max_connections), .off = true,
                             .initial = "off", RANGE(1, 10000000), .reload = RELOAD_NOW,
                             .text = "the same for all services together"},
    [KEY_LISTEN] = {SECTION_SERVICE, VALUE_ADDRESSES, "listen", .letter = 'l', IN_SERVICE(listen),
                    .reload = RELOAD_LISTENERS,
                    .text = "where to listen; may be given several times"},
    [KEY_FRAMING] = {SECTION_SERVICE, VALUE_FRAMING, "framing", .messages = true, .letter = 'F',
                     IN_SERVICE(framing_name), .initial = "u32be",
                     .text = "how messages are cut out of the stream"},
    [KEY_REPLY_FRAMING] = {SECTION_SERVICE, VALUE_FRAMING, "reply_framing", .messages = true,
                           .letter = 'R', IN_SERVICE(reply_framing_name),
                           .text = "how replies are written (default: as the framing says)"},
    [KEY_LOG_MESSAGES] = {SECTION_SERVICE, VALUE_BOOL, "log_messages", .messages = true,
                          IN_SERVICE(log_messages), .initial = "no",
                          .text = "log a line for each message"},
    [KEY_OVERLOAD] = {SECTION_SERVICE, VALUE_WORD, "overload", IN_SERVICE(overload.mode),
                      .initial = "queue", .words = overloads, .reload = RELOAD_NOW,
                      .text = "what becomes of clients while all workers are busy"},
    [KEY_QUEUE_TIMEOUT] = {SECTION_SERVICE, VALUE_TIME, "queue_timeout", .rejects = true,
                           IN_SERVICE(overload.queue_timeout_ms), .initial = "1s",
                           RANGE(0, TIME_MAX_MS), .reload = RELOAD_NOW,
                           .text = "reject clients that wait this long"},
    [KEY_BUSY_REPLY] = {SECTION_SERVICE, VALUE_BYTES, "busy_reply", .rejects = true,
                        IN_SERVICE(overload.busy_reply), .max = BYTES_MAX, .reload = RELOAD_NOW,
                        .text = "what a rejected client is told"},
    [KEY_ENVIRONMENT] = {SECTION_SERVICE, VALUE_SETTINGS, "environment", .option = "env",
                         IN_SERVICE(environment),
                         .text = "a variable of the handler's environment"},
    [KEY_SETTINGS] = {SECTION_SERVICE, VALUE_SETTINGS, "module", .option = "set",
                      .only = HANDLER_MODULE, IN_SERVICE(settings),
                      .text = "a setting of the module"},
    [KEY_BUILTIN] = {SECTION_HANDLER, VALUE_WORD, "builtin", .only = HANDLER_BUILTIN,
                     IN_SERVICE(handler.builtin), .words = builtins,
                     .text = "a handler that is built in"},
    [KEY_MODULE] = {SECTION_HANDLER, VALUE_PATH, "module", .only = HANDLER_MODULE,
                    IN_SERVICE(handler.module), .min = 1, .text = "a shared object as the handler"},
    [KEY_COMMAND] = {SECTION_HANDLER, VALUE_COMMAND, "command", .option = "",
                     .only = HANDLER_COMMAND, IN_SERVICE(handler.command),
                     .text = "a program as the handler"},
    [KEY_PER_CONNECTION] = {SECTION_HANDLER, VALUE_BOOL, "per_connection", .only = HANDLER_COMMAND,
                            IN_SERVICE(handler.per_connection), .initial = "no",
                            .text = "one program for each connection, which it has to itself"},
    [KEY_CODEC] = {SECTION_HANDLER, VALUE_WORD, "codec", .messages = true, .only = HANDLER_COMMAND,
                   IN_SERVICE(handler.codec), .initial = "line", .words = codecs,
                   .text = "how the program is spoken to"},
    [KEY_REPLY] = {SECTION_HANDLER, VALUE_WORD, "reply", .messages = true, .only = HANDLER_COMMAND,
                   IN_SERVICE(handler.reply), .initial = "yes", .words = replies,
                   .text = "whether the program answers messages"},
    [KEY_UNBUFFER] = {SECTION_HANDLER, VALUE_WORD, "unbuffer", .only = HANDLER_COMMAND,
                      IN_SERVICE(handler.unbuffer), .initial = "no", .words = unbuffers,
                      .text = "how a program is made to write its replies at once"},
    [KEY_WINDOW] = {SECTION_HANDLER, VALUE_COUNT, "window", .messages = true,
                    .only = HANDLER_COMMAND, .codecs = 1U << CODEC_RECORD,
                    IN_SERVICE(handler.window), .initial = "32", RANGE(1, WINDOW_MAX),
                    .text = "requests in flight, with the codec record"},
    [KEY_BATCH] = {SECTION_HANDLER, VALUE_COUNT, "batch", .messages = true, .only = HANDLER_COMMAND,
                   .codecs = 1U << CODEC_LINE | 1U << CODEC_FRAME, IN_SERVICE(handler.batch),
                   .initial = "1", RANGE(1, WINDOW_MAX),
                   .text = "messages of a client that the program gets before it answers"},
    [KEY_SETTLE] = {SECTION_HANDLER, VALUE_TIME, "settle", .messages = true,
                    .only = HANDLER_COMMAND, .codecs = 1U << CODEC_LINE | 1U << CODEC_FRAME,
                    IN_SERVICE(handler.settle_ms), .off = true, .initial = "200ms",
                    RANGE(1, TIME_MAX_MS), .text = "a program that lives this long has started"},
    [KEY_PROBE] = {SECTION_HANDLER, VALUE_BYTES, "probe", .messages = true,
                   IN_SERVICE(handler.probe_text), .max = BYTES_MAX,
                   .text = "a message that a new worker puts to its handler before it is ready"},
    [KEY_PROBE_REPLY] = {SECTION_HANDLER, VALUE_BYTES, "probe_reply", .messages = true,
                         IN_SERVICE(handler.probe_reply_text), .max = BYTES_MAX,
                         .text = "what the probe has to answer"},
    [KEY_ERROR_REPLY] = {SECTION_HANDLER, VALUE_BYTES, "error_reply", .messages = true,
                         IN_SERVICE(handler.error_reply), .max = BYTES_MAX,
                         .text = "what a client is told whose message gets no reply"},
    [KEY_WORKERS_MODE] = {SECTION_WORKERS, VALUE_WORD, "mode", .option = "workers_mode",
                          IN_SERVICE(workers.mode), .initial = "static", .words = modes,
                          .text = "how the number of workers is found"},
    [KEY_WORKERS_MIN] = {SECTION_WORKERS, VALUE_COUNT, "min", .option = "workers_min",
                         .mode = WORKERS_DYNAMIC, IN_SERVICE(workers.min), .initial = "1",
                         RANGE(1, WORKERS_MAX), .text = "workers at least"},
    [KEY_WORKERS_MAX] = {SECTION_WORKERS, VALUE_COUNT, "max", .option = "workers", .letter = 'w',
                         IN_SERVICE(workers.max), .initial = "4", RANGE(1, WORKERS_MAX),
                         .text = "how many workers, at most"},
    [KEY_SPARE_MIN] = {SECTION_WORKERS, VALUE_COUNT, "spare_min", .mode = WORKERS_DYNAMIC,
                       IN_SERVICE(workers.spare_min), .initial = "1", RANGE(1, WORKERS_MAX),
                       .text = "idle workers at least"},
    [KEY_SPARE_MAX] = {SECTION_WORKERS, VALUE_COUNT, "spare_max", .mode = WORKERS_DYNAMIC,
                       IN_SERVICE(workers.spare_max), .initial = "4", RANGE(1, WORKERS_MAX),
                       .text = "idle workers at most"},
    [KEY_IDLE_EXIT] = {SECTION_WORKERS, VALUE_TIME, "idle_exit", .mode = WORKERS_ONDEMAND,
                       IN_SERVICE(workers.idle_exit_ms), .initial = "10s", RANGE(1, TIME_MAX_MS),
                       .text = "a worker that is idle this long leaves"},
    [KEY_CONNECTIONS] = {SECTION_WORKERS, VALUE_COUNT, "connections", .messages = true,
                         IN_SERVICE(workers.connections), .initial = "100", RANGE(1, 1000000),
                         .text = "connections that one worker has at most"},
    [KEY_WORKERS_IDLE] = {SECTION_WORKERS, VALUE_WORD, "idle", .option = "idle_connections",
                          .messages = true, IN_SERVICE(workers.idle), .initial = "auto",
                          .words = idles, .text = "where connections wait between messages"},
    [KEY_STICKY] = {SECTION_WORKERS, VALUE_BOOL, "sticky", .messages = true,
                    IN_SERVICE(workers.sticky), .initial = "no",
                    .text = "a connection stays with its worker"},
    [KEY_MAX_REQUESTS] = {SECTION_WORKERS, VALUE_COUNT, "max_requests",
                          IN_SERVICE(workers.max_requests), .off = true, .initial = "off",
                          RANGE(1, 1000000000), .text = "replace a worker after so many messages"},
    [KEY_MAX_LIFETIME] = {SECTION_WORKERS, VALUE_TIME, "max_lifetime",
                          IN_SERVICE(workers.max_lifetime_ms), .off = true, .initial = "off",
                          RANGE(1, TIME_MAX_MS), .text = "replace a worker after this time"},
    [KEY_MAX_RSS] = {SECTION_WORKERS, VALUE_SIZE, "max_rss", IN_SERVICE(workers.max_rss),
                     .off = true, .initial = "off", RANGE(MIB, MIB << 20),
                     .text = "replace a worker that has more memory"},
    [KEY_MAX_MESSAGE] = {SECTION_LIMITS, VALUE_SIZE, "max_message", .messages = true,
                         IN_SERVICE(limits.max_message), .initial = "1MiB",
                         RANGE(1, FRAMED_MESSAGE_LIMIT), .text = "largest message"},
    [KEY_MAX_REPLY] = {SECTION_LIMITS, VALUE_SIZE, "max_reply", .messages = true,
                       IN_SERVICE(limits.max_reply), .initial = "16MiB",
                       RANGE(1, FRAMED_MESSAGE_LIMIT), .text = "largest reply"},
    [KEY_MAX_UNREAD] = {SECTION_LIMITS, VALUE_SIZE, "max_unread", .messages = true,
                        IN_SERVICE(limits.max_unread), .initial = "64MiB", RANGE(1, MIB << 20),
                        .text = "memory of a process for unfinished messages that wait"},
    [KEY_MAX_CONNECTIONS] = {SECTION_LIMITS, VALUE_COUNT, "max_connections", .messages = true,
                             IN_SERVICE(limits.max_connections), .off = true, .initial = "off",
                             RANGE(1, 10000000), .reload = RELOAD_NOW,
                             .text = "end who is silent the longest beyond so many"},
    [KEY_BACKLOG] = {SECTION_LIMITS, VALUE_COUNT, "backlog", IN_SERVICE(limits.backlog),
                     .initial = "511", RANGE(1, 65535), .reload = RELOAD_NOW,
                     .text = "connections that wait in the kernel"},
    [KEY_IDLE] = {SECTION_DEADLINES, VALUE_TIME, "idle", .messages = true,
                  IN_SERVICE(deadlines.idle_ms), .off = true, .initial = "60s",
                  RANGE(1, TIME_MAX_MS), .text = "silence between messages"},
    [KEY_FRAME] = {SECTION_DEADLINES, VALUE_TIME, "frame", .messages = true,
                   IN_SERVICE(deadlines.frame_ms), .off = true, .initial = "10s",
                   RANGE(1, TIME_MAX_MS), .text = "first byte of a message to its last"},
    [KEY_REQUEST] = {SECTION_DEADLINES, VALUE_TIME, "request", IN_SERVICE(deadlines.request_ms),
                     .off = true, .initial = "30s", RANGE(1, TIME_MAX_MS),
                     .text = "a message in the handler"},
    [KEY_WRITE] = {SECTION_DEADLINES, VALUE_TIME, "write", .messages = true,
                   IN_SERVICE(deadlines.write_ms), .off = true, .initial = "30s",
                   RANGE(1, TIME_MAX_MS), .text = "replies taken by the client"},
    [KEY_START] = {SECTION_DEADLINES, VALUE_TIME, "start", IN_SERVICE(deadlines.start_ms),
                   .initial = "10s", RANGE(1, TIME_MAX_MS), .text = "a worker becomes ready"},
    [KEY_DRAIN] = {SECTION_DEADLINES, VALUE_TIME, "drain", IN_SERVICE(deadlines.drain_ms),
                   .initial = "30s", RANGE(1, TIME_MAX_MS),
                   .text = "a worker that was asked to leave is gone"},
    [KEY_GRACE] = {SECTION_DEADLINES, VALUE_TIME, "grace", IN_SERVICE(deadlines.grace_ms),
                   .initial = "1s", RANGE(1, GRACE_MAX_MS),
                   .text = "a program that is to end does, before SIGTERM and before SIGKILL"},
    [KEY_LINGER] = {SECTION_DEADLINES, VALUE_TIME, "linger", IN_SERVICE(deadlines.linger_ms),
                    .initial = "1s", RANGE(1, TIME_MAX_MS),
                    .text = "the client closes after we did"},
    [KEY_SLOW_REQUEST] = {SECTION_DEADLINES, VALUE_TIME, "slow_request",
                          IN_SERVICE(deadlines.slow_request_ms), .off = true, .initial = "off",
                          RANGE(1, TIME_MAX_MS),
                          .text = "log a message that was longer in the handler"},
    [KEY_PROCESS_USER] = {SECTION_PROCESS, VALUE_NAME, "user", .option = "process_user",
                          IN_SERVICE(process.user), .text = "worker and handler become this user"},
    [KEY_PROCESS_GROUP] = {SECTION_PROCESS, VALUE_NAME, "group", .option = "process_group",
                           IN_SERVICE(process.group),
                           .text = "and this group (default: the user's own)"},
    [KEY_DIRECTORY] = {SECTION_PROCESS, VALUE_PATH, "directory", IN_SERVICE(process.directory),
                       .text = "the handler's working directory"},
    [KEY_UMASK] = {SECTION_PROCESS, VALUE_UMASK, "umask", IN_SERVICE(process.umask),
                   .initial = "inherit", .text = "what the handler's files are not open for"},
    [KEY_NICE] = {SECTION_PROCESS, VALUE_NICE, "nice", IN_SERVICE(process.nice),
                  .initial = "inherit", .text = "how much worker and handler give way to others"},
    [KEY_SCHEDULING] = {SECTION_PROCESS, VALUE_WORD, "scheduling", IN_SERVICE(process.scheduling),
                        .initial = "other", .words = schedulings,
                        .text = "whether worker and handler interrupt what runs"},
    [KEY_PIN] = {SECTION_PROCESS, VALUE_BOOL, "pin", IN_SERVICE(process.pin), .initial = "no",
                 .text = "a worker and its program stay on one CPU"},
    RESOURCE(AS, LIMIT_SIZE, "as", "address space"),
    RESOURCE(CORE, LIMIT_SIZE, "core", "largest core file"),
    RESOURCE(CPU, LIMIT_TIME, "cpu", "CPU time"),
    RESOURCE(FSIZE, LIMIT_SIZE, "fsize", "largest file that it writes"),
    RESOURCE(NOFILE, LIMIT_COUNT, "nofile", "open files"),
    RESOURCE(NPROC, LIMIT_COUNT, "nproc", "processes of its user"),
    RESOURCE(STACK, LIMIT_SIZE, "stack", "stack of a thread"),
};

static const char *const section_names[SECTION_COUNT] = {
    [SECTION_GLOBAL] = "root",         [SECTION_FRAMING] = "framing",
    [SECTION_SERVICE] = "service",     [SECTION_HANDLER] = "handler",
    [SECTION_WORKERS] = "workers",     [SECTION_LIMITS] = "limits",
    [SECTION_DEADLINES] = "deadlines", [SECTION_PROCESS] = "process",
    [SECTION_RESOURCES] = "resources",
};

const struct schema_row *schema_row(enum schema_key key)
{
    return &rows[key];
}

enum schema_key schema_key(const struct schema_row *row)
{
    return (enum schema_key)(row - rows);
}

bool schema_allows_codec(const struct schema_row *row, enum handler_codec codec)
{
    return row->codecs == 0 || (row->codecs >> codec & 1U);
}

const struct schema_row *schema_settings(const char *section)
{
    for (const struct schema_row *row = rows; row < rows + KEY_COUNT; row++)
        if (row->type == VALUE_SETTINGS && strcmp(row->key, section) == 0)
            return row;
    return NULL;
}

bool schema_is_list(const struct schema_row *row)
{
    return row->type == VALUE_ADDRESSES || row->type == VALUE_COMMAND ||
           row->type == VALUE_SETTINGS;
}

const char *schema_section_name(enum schema_section section)
{
    return section_names[section];
}

void schema_name(const struct schema_row *row, char name[SCHEMA_NAME_SIZE])
{
    if (row->section >= SECTION_HANDLER)
        snprintf(name, SCHEMA_NAME_SIZE, "%s.%s", section_names[row->section], row->key);
    else
        snprintf(name, SCHEMA_NAME_SIZE, "%s", row->key);
}

void schema_option(const struct schema_row *row, char option[SCHEMA_NAME_SIZE])
{
    snprintf(option, SCHEMA_NAME_SIZE, "--%s", row->option ? row->option : row->key);
    for (char *byte = option; *byte != '\0'; byte++)
        if (*byte == '_')
            *byte = '-';
}

const char *schema_word_name(const struct schema_word *words, int value)
{
    while (words->name && words->value != value)
        words++;
    return words->name ? words->name : "?";
}
