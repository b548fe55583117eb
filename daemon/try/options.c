/* The command line of `framed try`: a few options of its own, and those of `framed run`. */
#include "base/units.h"
#include "try/try.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2
#define TIMEOUT_MS 2000U
#define TIMEOUT_MAX_MS (UINT64_C(10) * 60 * 1000)
#define REQUESTS 1000U
#define REQUESTS_MAX 1000000U
/* `framed run` needs a place to listen at; the configuration to paste has it, too. */
#define LISTEN "tcp:127.0.0.1:7000"

static const char usage[] =
    "usage: framed try [OPTIONS] -- COMMAND ...   tell whether COMMAND will do as a handler\n"
    "\n"
    "      --codec line|frame|record\n"
    "          try that one only; record: check each rule of framed-record(5)\n"
    "      --unbuffer no|stdbuf|pty\n"
    "          how to make it write its replies at once\n"
    "      --message TEXT\n"
    "          send this instead of words, JSON and numbers; may be given several times\n"
    "      --messages FILE\n"
    "          the same, a message in each line\n"
    "      --timeout TIME\n"
    "          for each step (default: 2s)\n"
    "      --requests COUNT\n"
    "          to time, within a second (default: 1000)\n"
    "      --json\n"
    "          print the findings as JSON\n"
    "      --help\n"
    "          print this\n"
    "\n"
    "and what `framed run --help` lists, such as --reply-framing, --max-message or --window.\n";

static int complain(const char *option, const char *value, const char *allowed)
{
    fprintf(stderr, "framed: %s: found \"%s\", allowed: %s\n", option, value, allowed);
    return -EINVAL;
}

static int add_message(struct try_options *options, const char *text, size_t length)
{
    struct iovec *grown =
        reallocarray(options->messages, options->message_count + 1, sizeof(*grown));
    char *copy = grown ? malloc(length + 1) : NULL;

    if (grown)
        options->messages = grown;
    if (!copy)
        return -ENOMEM;
    memcpy(copy, text, length);
    copy[length] = '\0';
    grown[options->message_count++] = (struct iovec){.iov_base = copy, .iov_len = length};
    return 0;
}

static int set_message(struct try_options *options, const char *value)
{
    return add_message(options, value, strlen(value));
}

static int set_messages(struct try_options *options, const char *value)
{
    FILE *file = fopen(value, "re");
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int result = file ? 0 : complain("--messages", value, "a file that can be read");

    while (result == 0 && (length = getline(&line, &size, file)) >= 0)
        result =
            add_message(options, line, (size_t)length - (length > 0 && line[length - 1] == '\n'));
    if (result == 0 && options->message_count == 0)
        result = complain("--messages", value, "a file with a line in it");
    free(line);
    if (file)
        fclose(file);
    return result;
}

static int set_timeout(struct try_options *options, const char *value)
{
    uint64_t ms;

    if (units_parse_time(value, &ms) < 0 || ms == 0 || ms > TIMEOUT_MAX_MS)
        return complain("--timeout", value, "a time up to 10m, such as 500ms or 5s");
    options->timeout_ms = ms;
    return 0;
}

static int set_requests(struct try_options *options, const char *value)
{
    uint64_t count;

    if (units_parse_count(value, &count) < 0 || count == 0 || count > REQUESTS_MAX)
        return complain("--requests", value, "a number from 1 to 1000000");
    options->requests = count;
    return 0;
}

static const struct own_option {
    const char *name;
    int (*set)(struct try_options *options, const char *value);
} own[] = {
    {"--message", set_message},
    {"--messages", set_messages},
    {"--timeout", set_timeout},
    {"--requests", set_requests},
};

/* NAME or NAME=VALUE; then VALUE is in *VALUE, or NULL. */
static bool is_option(const char *word, const char *name, const char **value)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) != 0 || (word[length] != '\0' && word[length] != '='))
        return false;
    *value = word[length] == '=' ? word + length + 1 : NULL;
    return true;
}

/* One of ours at *AT, which moves on to its value: 1; 0: it is none; or a negative errno. */
static int take_own(struct try_options *options, int argc, char **argv, int *at)
{
    const char *value;

    if (is_option(argv[*at], "--json", &value) && !value) {
        options->json = true;
        return 1;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        int result;

        if (!is_option(argv[*at], own[i].name, &value))
            continue;
        if (!value && *at + 1 >= argc)
            return complain(own[i].name, "nothing", "a value");
        result = own[i].set(options, value ? value : argv[++*at]);
        return result < 0 ? result : 1;
    }
    options->codec_given |= is_option(argv[*at], "--codec", &value);
    options->unbuffer_given |= is_option(argv[*at], "--unbuffer", &value);
    return 0;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* What is left for `framed run`, in WORDS (room for ARGC and 3 more); their number, or an errno. */
static int sift(struct try_options *options, int argc, char **argv, char **words)
{
    static char run[] = "run";
    static char listen[] = "--listen=" LISTEN;
    int count = 0;
    int at = 1;

    words[count++] = run;
    words[count++] = listen;
    for (; at < argc && strcmp(argv[at], "--") != 0; at++) {
        int result = take_own(options, argc, argv, &at);

        if (result < 0)
            return result;
        if (result == 0)
            words[count++] = argv[at];
    }
    for (; at < argc; at++)
        words[count++] = argv[at];
    return count;
}

static int load(struct try_options *options, int count, char **words)
{
    const struct handler_config *handler;
    char error[CONFIG_ERROR_SIZE] = "";

    if (config_from_arguments(count, words, &options->config, NULL, NULL, error, sizeof(error)) <
        0) {
        fprintf(stderr, "framed: %s\n", error);
        return -EINVAL;
    }
    handler = &options->config->services[0].handler;
    if (handler->type == HANDLER_COMMAND && handler->reply == REPLY_NONE)
        return complain("--reply", "none", "yes: only a program that answers can be tried");
    if (handler->type == HANDLER_COMMAND && handler->per_connection)
        return complain("--per-connection", "yes", "no: there are no messages to try it with");
    if (handler->type == HANDLER_COMMAND)
        return 0;
    fputs("framed: only a program can be tried: framed try -- COMMAND ...\n", stderr);
    return -EINVAL;
}

int options_init(struct try_options *options, int argc, char **argv, int *status)
{
    char **words = calloc((size_t)argc + 3, sizeof(*words));
    int count = words ? 0 : -ENOMEM;

    *options = (struct try_options){.timeout_ms = TIMEOUT_MS, .requests = REQUESTS};
    *status = EXIT_USAGE;
    if (words && wants_help(argc, argv)) {
        fputs(usage, stdout);
        *status = EXIT_SUCCESS;
        count = -ECANCELED;
    }
    if (count == 0)
        count = sift(options, argc, argv, words);
    if (count > 0)
        count = load(options, count, words);
    free(words);
    return count < 0 ? -1 : 0;
}

void options_deinit(struct try_options *options)
{
    config_free(options->config);
    for (size_t i = 0; i < options->message_count; i++)
        free(options->messages[i].iov_base);
    free(options->messages);
}
