/* framectl: asks a running framed, through its control socket. */
#include "base/descriptors.h"
#include "tools/status.h"

#include <framed/address.h>
#include <framed/client.h>

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: framectl [-s ADDRESS] status [--json]  what framed is doing\n"
    "       framectl [-s ADDRESS] workers [--json] every worker, and what it is doing\n"
    "       framectl [-s ADDRESS] reload           load the configuration anew, and wait for it\n"
    "       framectl [-s ADDRESS] stop             finish what is in flight and leave\n"
    "       framectl [-s ADDRESS] logs-reopen      open the log files anew\n"
    "       framectl [-s ADDRESS] scale SERVICE N|+N|-N\n"
    "                                              that many workers, more, or fewer\n"
    "       framectl [-s ADDRESS] drain SERVICE    let its workers finish and leave\n"
    "       framectl [-s ADDRESS] resume SERVICE   have them back\n"
    "       framectl [-s ADDRESS] kill-worker SERVICE SLOT\n"
    "                                              kill this worker, and replace it\n"
    "\n"
    "  -s, --socket ADDRESS  the control socket (" CONTROL_SOCKET ")\n"
    "\n"
    "Exit status: 0 done; 1 refused, failed or not reachable; 2 usage. See framectl(8).\n";

/* No bound: a reload takes as long as the slowest handler may take to start. */
#define ANSWER_MS 0
/* As much as framed reads, without the length before it. */
#define REQUEST_SIZE 250

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "framectl: %s: %s\n", what, why);
    return EXIT_FAILED;
}

/* The answer to WORD, for the caller to release; NULL after a message. */
static json_t *ask(const char *address, const char *word)
{
    struct framed_client *client = NULL;
    char error[512];
    json_error_t json_error;
    json_t *answer = NULL;
    const void *data;
    size_t length;
    int result = framed_client_open(address, "u32be", FRAMED_MESSAGE_LIMIT, ANSWER_MS, &client,
                                    error, sizeof(error));

    if (result < 0) {
        fprintf(stderr, "framectl: %s (is framed running, with this control socket?)\n", error);
        return NULL;
    }
    result = framed_client_call(client, word, strlen(word), &data, &length);
    if (result == 0)
        answer = json_loadb(data, length, 0, &json_error);
    if (!answer)
        fail(word, result == 0          ? "the answer is not JSON"
                   : result == -ENODATA ? "framed ended before it answered"
                   : result < 0         ? strerrordesc_np(-result)
                                        : framed_verdict_word(result));
    framed_client_free(client);
    return answer;
}

static int show(const json_t *answer, bool json, void (*print)(const json_t *status, FILE *to))
{
    if (json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        print(answer, stdout);
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILED;
}

static int show_status(const json_t *answer, bool json)
{
    return show(answer, json, status_print);
}

static int show_workers(const json_t *answer, bool json)
{
    return show(json ? json_object_get(answer, "workers") : answer, json, status_print_workers);
}

static int show_reload(const json_t *answer, bool json)
{
    (void)json;
    printf("reloaded: generation %lld\n",
           (long long)json_integer_value(json_object_get(answer, "generation")));
    return EXIT_SUCCESS;
}

static int show_stop(const json_t *answer, bool json)
{
    (void)answer;
    (void)json;
    puts("stopped");
    return EXIT_SUCCESS;
}

static int show_scale(const json_t *answer, bool json)
{
    (void)json;
    printf("scaled: from %lld to %lld workers, until the next reload or restart\n",
           (long long)json_integer_value(json_object_get(answer, "before")),
           (long long)json_integer_value(json_object_get(answer, "after")));
    return EXIT_SUCCESS;
}

static int show_drain(const json_t *answer, bool json)
{
    (void)answer;
    (void)json;
    puts("drained: connections wait until it is resumed");
    return EXIT_SUCCESS;
}

static int show_resume(const json_t *answer, bool json)
{
    (void)answer;
    (void)json;
    puts("resumed");
    return EXIT_SUCCESS;
}

static int show_nothing(const json_t *answer, bool json)
{
    (void)answer;
    (void)json;
    return EXIT_SUCCESS;
}

static const struct {
    const char *word;
    const char *request;
    const char *takes;
    int arguments;
    bool takes_json;
    int (*show)(const json_t *answer, bool json);
} commands[] = {
    {"status", "status", "takes no arguments", 0, true, show_status},
    {"workers", "status", "takes no arguments", 0, true, show_workers},
    {"reload", "reload", "takes no arguments", 0, false, show_reload},
    {"stop", "stop", "takes no arguments", 0, false, show_stop},
    {"logs-reopen", "logs-reopen", "takes no arguments", 0, false, show_nothing},
    {"kill-worker", "kill-worker", "takes SERVICE SLOT", 2, false, show_nothing},
    {"scale", "scale", "takes SERVICE N|+N|-N", 2, false, show_scale},
    {"drain", "drain", "takes SERVICE", 1, false, show_drain},
    {"resume", "resume", "takes SERVICE", 1, false, show_resume},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* REQUEST with the COUNT arguments behind it; false when that is more than framed would read. */
static bool put_together(const char *request, int count, char **arguments, char text[REQUEST_SIZE])
{
    size_t length = (size_t)snprintf(text, REQUEST_SIZE, "%s", request);

    for (int i = 0; i < count && length < REQUEST_SIZE; i++)
        length += (size_t)snprintf(text + length, REQUEST_SIZE - length, " %s", arguments[i]);
    return length < REQUEST_SIZE;
}

static int usage_error(const char *word, const char *why)
{
    fprintf(stderr, "framectl: %s: %s\n%s", word, why, usage);
    return EXIT_USAGE;
}

static int run(const char *address, int count, char **words, bool json)
{
    char request[REQUEST_SIZE];
    json_t *answer;
    int status;
    size_t i = 0;

    while (i < COMMANDS && strcmp(commands[i].word, words[0]) != 0)
        i++;
    if (i == COMMANDS)
        return usage_error(words[0], "unknown command");
    if (json && !commands[i].takes_json)
        return usage_error(words[0], "has no --json");
    if (count - 1 != commands[i].arguments)
        return usage_error(words[0], commands[i].takes);
    if (!put_together(commands[i].request, count - 1, words + 1, request))
        return usage_error(words[0], "too long");
    answer = ask(address, request);
    if (!answer)
        return EXIT_FAILED;
    if (json_is_true(json_object_get(answer, "ok")))
        status = commands[i].show(answer, json);
    else
        status = fail(words[0], json_string_value(json_object_get(answer, "error")));
    json_decref(answer);
    return status;
}

/* How many words may be options: "-1" in "scale SERVICE -1" is none. */
static int count_options(int argc, char **argv)
{
    int count = 0;

    while (count < argc &&
           !(argv[count][0] == '-' && argv[count][1] >= '0' && argv[count][1] <= '9'))
        count++;
    return count;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *address = CONTROL_SOCKET;
    struct framed_address parsed;
    char error[512];
    int options = count_options(argc, argv);
    bool json = false;
    int option;

    if (descriptors_occupy_standard() < 0)
        return EXIT_FAILED;
    while ((option = getopt_long(options, argv, "s:Vh", names, NULL)) != -1) {
        switch (option) {
        case 's':
            address = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'V':
            puts("framectl " FRAMED_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (framed_address_parse(address, &parsed, error, sizeof(error)) < 0) {
        fprintf(stderr, "framectl: %s\n", error);
        return EXIT_USAGE;
    }
    if (optind == argc) {
        fprintf(stderr, "framectl: a command is needed\n%s", usage);
        return EXIT_USAGE;
    }
    return run(address, argc - optind, argv + optind, json);
}
