/*
 * A handler on a bench: a host that keeps the replies, a service to fill in, a log in a file.
 * Helper programs and modules are those of tests/support/handlers.
 */
#ifndef FRAMED_TESTS_HANDLER_RIG_H
#define FRAMED_TESTS_HANDLER_RIG_H

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "handler/handler.h"
#include "unit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define RIG_REPLIES 64
#define RIG_ARGUMENTS 8

static struct {
    struct service_config service;
    struct handler_host host;
    struct handler *handler;
    struct framed_peer peer;
    char *arguments[RIG_ARGUMENTS];
    char path[4096];
    struct {
        char *data;
        size_t length;
    } replies[RIG_REPLIES];
    size_t reply_count;
    size_t announced; /* of a reply in pieces */
    int reply_result; /* what the host answers to a reply */
    unsigned fails;   /* to which of them: a bit for each call, from the lowest on */
    unsigned calls;   /* how many there were since rig_forget() */
    pid_t group;
    int groups; /* process groups that were announced */
    char log[64];
    char text[65536]; /* of the log */
    char error[512];
} rig;

/* The host's answer to this call. */
static int rig_result(const void *context)
{
    ck_assert_ptr_eq(context, &rig);
    ck_assert_uint_lt(rig.calls, 32);
    return rig.fails >> rig.calls++ & 1 ? rig.reply_result : 0;
}

static int rig_reply(void *context, const void *data, size_t length)
{
    int result = rig_result(context);

    if (result)
        return result;
    ck_assert_uint_lt(rig.reply_count, RIG_REPLIES);
    rig.replies[rig.reply_count].data = malloc(length + 1);
    memcpy(rig.replies[rig.reply_count].data, data, length);
    rig.replies[rig.reply_count++].length = length;
    return 0;
}

static int rig_begin(void *context, size_t length)
{
    rig.announced = length;
    return rig_reply(context, "", 0);
}

static int rig_piece(void *context, const void *data, size_t length)
{
    size_t before = rig.reply_count > 0 ? rig.replies[rig.reply_count - 1].length : 0;
    int result = rig_result(context);
    char *grown;

    if (result)
        return result;
    ck_assert_uint_gt(rig.reply_count, 0);
    grown = realloc(rig.replies[rig.reply_count - 1].data, before + length + 1);
    ck_assert_ptr_nonnull(grown);
    memcpy(grown + before, data, length);
    rig.replies[rig.reply_count - 1].data = grown;
    rig.replies[rig.reply_count - 1].length += length;
    return 0;
}

static int rig_end(void *context)
{
    return rig_result(context);
}

static const struct handler_stream rig_stream = {
    .begin = rig_begin, .piece = rig_piece, .end = rig_end};

static void rig_group(void *context, pid_t group)
{
    ck_assert_ptr_eq(context, &rig);
    rig.group = group;
    rig.groups += group > 0;
}

static void rig_forget(void)
{
    rig.calls = 0;
    while (rig.reply_count > 0)
        free(rig.replies[--rig.reply_count].data);
}

static void rig_setup(void)
{
    static char name[] = "bench";
    int fd;

    rig.service.name = name;
    rig.service.handler.settle_ms = 10;
    rig.fails = UINT32_MAX;
    rig.service.limits.max_message = rig.service.limits.max_reply = 1 << 20;
    rig.host = (struct handler_host){.service = &rig.service,
                                     .slot = 3,
                                     .context = &rig,
                                     .reply = rig_reply,
                                     .stream = &rig_stream,
                                     .group_changed = rig_group};
    snprintf(rig.log, sizeof(rig.log), "/tmp/framed-handler-XXXXXX");
    fd = mkstemp(rig.log);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(log_open(&(struct log_settings){.target = LOG_TARGET_FILE,
                                                     .format = LOG_FORMAT_TEXT,
                                                     .level = LOG_DEBUG,
                                                     .file = rig.log}),
                     0);
}

static void rig_teardown(void)
{
    if (rig.handler) {
        if (rig.handler->ops->stop)
            rig.handler->ops->stop(rig.handler, 0);
        handler_free(rig.handler);
    }
    rig_forget();
    for (int i = 0; i < RIG_ARGUMENTS; i++)
        free(rig.arguments[i]);
    unlink(rig.log);
}

/* What has been logged so far. */
static const char *rig_log(void)
{
    FILE *file = fopen(rig.log, "r");

    ck_assert_ptr_nonnull(file);
    rig.text[fread(rig.text, 1, sizeof(rig.text) - 1, file)] = '\0';
    fclose(file);
    return rig.text;
}

#define ck_assert_logged(text) ck_assert_ptr_nonnull(strstr(rig_log(), (text)))

/* The path of a helper. */
static const char *rig_helper(const char *name)
{
    const char *root = getenv("FRAMED_BUILD_ROOT");

    ck_assert_ptr_nonnull(root);
    snprintf(rig.path, sizeof(rig.path), "%s/tests/support/handlers/%s", root, name);
    return rig.path;
}

static int rig_start(void)
{
    rig.handler = handler_new(&rig.host);
    ck_assert_ptr_nonnull(rig.handler);
    return handler_start(rig.handler, rig.error, sizeof(rig.error));
}

static void rig_open(void)
{
    rig.handler->other_client = true;
    if (rig.handler->ops->open)
        ck_assert_int_eq(rig.handler->ops->open(rig.handler, &rig.peer), 0);
}

static void rig_close(void)
{
    if (rig.handler->ops->close)
        rig.handler->ops->close(rig.handler);
}

static enum handler_outcome rig_ask_bytes(const void *data, size_t length, unsigned ms)
{
    rig_forget();
    return rig.handler->ops->message(rig.handler, data, length, ms ? clock_ms() + ms : 0);
}

/* With a deadline that no sound test meets. */
static inline enum handler_outcome rig_ask(const char *text)
{
    return rig_ask_bytes(text, strlen(text), 20000);
}

static inline bool rig_replied(const char *text)
{
    return rig.reply_count == 1 && rig.replies[0].length == strlen(text) &&
           memcmp(rig.replies[0].data, text, strlen(text)) == 0;
}

/* One message of a client of its own. */
static inline enum handler_outcome rig_ask_anew(const char *text)
{
    enum handler_outcome outcome;

    rig_open();
    outcome = rig_ask(text);
    rig_close();
    return outcome;
}

static inline void rig_command(enum handler_codec codec, const char *const *arguments)
{
    for (int i = 0; arguments[i]; i++)
        rig.arguments[i] = strdup(arguments[i]);
    rig.service.handler.type = HANDLER_COMMAND;
    rig.service.handler.codec = codec;
    rig.service.handler.command = rig.arguments;
}

/* RIG_COMMAND(CODEC_LINE, "sed", "-u", "s/a/b/") */
#define RIG_COMMAND(codec, ...) rig_command((codec), (const char *const[]){__VA_ARGS__, NULL})
#define RIG_MISBEHAVE(codec, ...) RIG_COMMAND(codec, rig_helper("misbehave"), __VA_ARGS__)

static inline void rig_must_start(void)
{
    int result = rig_start();

    ck_assert_msg(result == 0, "start: %d, %s", result, rig.error);
}

/* Stops the handler: it is the caller's to free. */
static inline struct handler *rig_stopped(void)
{
    struct handler *handler = rig.handler;

    handler->ops->stop(handler, 0);
    rig.handler = NULL;
    for (int i = 0; i < RIG_ARGUMENTS; i++) {
        free(rig.arguments[i]);
        rig.arguments[i] = NULL;
    }
    return handler;
}

static inline void rig_ignore(int signal)
{
    (void)signal;
}

/* The one reply, as a string. */
static inline const char *rig_text(void)
{
    ck_assert_uint_eq(rig.reply_count, 1);
    rig.replies[0].data[rig.replies[0].length] = '\0';
    return rig.replies[0].data;
}

/* Whether process PID is gone, or a zombie of somebody who does not look, within a bound. */
static inline bool rig_is_gone(pid_t pid)
{
    char path[64], text[256];

    for (int i = 0; i < 5000; i++) {
        const char *state = NULL;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        file = fopen(path, "r");
        if (!file)
            return true;
        if (fgets(text, sizeof(text), file))
            state = strrchr(text, ')');
        fclose(file);
        if (!state || state[2] == 'Z')
            return true;
        usleep(1000);
    }
    return false;
}

/* Calls attend() until CONDITION, within a bound. */
#define RIG_ATTEND_UNTIL(condition)                                                                \
    do {                                                                                           \
        uint64_t limit_ms_ = clock_ms() + 10000;                                                   \
        while (!(condition) && clock_ms() < limit_ms_) {                                           \
            rig_poll();                                                                            \
            rig.handler->ops->attend(rig.handler);                                                 \
        }                                                                                          \
        ck_assert(condition);                                                                      \
    } while (0)

/* Waits for what the handler wants watched, as a worker does while it is idle. */
static inline void rig_poll(void)
{
    struct pollfd watch[HANDLER_WATCH_MAX];
    int count = rig.handler->ops->watch(rig.handler, watch);

    poll(watch, (nfds_t)count, 50);
}

static inline int rig_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, rig_setup, rig_teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}

#define RIG_MAIN(name, ...)                                                                        \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
                                                                                                   \
        return rig_run((name), tests, sizeof(tests) / sizeof(tests[0]));                           \
    }

#endif
