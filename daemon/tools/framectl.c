/* framectl: asks a running framed, through its control socket. */
#include "base/descriptors.h"
#include "tools/ask.h"
#include "tools/status.h"
#include "tools/table.h"
#include "tools/top.h"

#include <framed/address.h>

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum exit_code {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2
};

static const char usage[] =
    "usage: framectl [-s ADDRESS] status [--json]  what framed is doing\n"
    "       framectl [-s ADDRESS] workers [--json] every worker, and what it is doing\n"
    "       framectl [-s ADDRESS] top [-b] [-d SECONDS] [-n COUNT]\n"
    "                                              the two, again and again\n"
    "       framectl [-s ADDRESS] reload           load the configuration anew, and wait for it\n"
    "       framectl [-s ADDRESS] upgrade          let a new framed take over, and wait for it\n"
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
    "  -b                    plain text, one after the other\n"
    "  -d SECONDS            from one look to the next (1)\n"
    "  -n COUNT              so many looks\n"
    "\n"
    "Exit status: 0 done; 1 refused, failed or not reachable; 2 usage. See framectl(8).\n";

/* No bound: a reload takes as long as the slowest handler may take to start. */
#define ANSWER_MS 0
/* What rates are taken over. */
#define SAMPLE_MS 500
/* As much as framed reads, without the length before it. */
#define REQUEST_SIZE 250

static int fail(const char *what, const char *why)
{
    char text[2048];

    snprintf(text, sizeof(text), "%s", why);
    table_clean(text);
    fprintf(stderr, "framectl: %s: %s\n", what, text);
    return EXIT_FAILED;
}

/* What a command has got, to be shown. */
struct reply {
    const json_t *answer;
    const json_t *before; /* what it was a moment ago; NULL: nobody asked */
    bool json;
};

static void print_status(const void *context, FILE *to)
{
    const struct reply *reply = context;

    status_print(reply->answer, reply->before, to);
}

static void print_workers(const void *context, FILE *to)
{
    const struct reply *reply = context;

    table_workers(reply->answer, TABLE_BY_SLOT, to);
}

static int show(const struct reply *reply, const json_t *all, table_print *print)
{
    char *text = reply->json ? json_dumps(all, JSON_INDENT(2)) : table_collect(print, reply);

    if (!text)
        return fail("output", "out of memory");
    fputs(text, stdout);
    if (reply->json)
        putchar('\n');
    free(text);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILED;
}

static int show_status(const struct reply *reply)
{
    return show(reply, reply->answer, print_status);
}

static int show_workers(const struct reply *reply)
{
    return show(reply, json_object_get(reply->answer, "workers"), print_workers);
}

static int show_reload(const struct reply *reply)
{
    printf("reloaded: generation %lld\n", table_number(reply->answer, "generation"));
    return EXIT_SUCCESS;
}

static int show_upgrade(const struct reply *reply)
{
    printf("upgraded: process %lld\n", table_number(reply->answer, "pid"));
    return EXIT_SUCCESS;
}

static int show_stop(const struct reply *reply)
{
    (void)reply;
    puts("stopped");
    return EXIT_SUCCESS;
}

static int show_scale(const struct reply *reply)
{
    printf("scaled: from %lld to %lld workers, until the next reload or restart\n",
           table_number(reply->answer, "before"), table_number(reply->answer, "after"));
    return EXIT_SUCCESS;
}

static int show_drain(const struct reply *reply)
{
    (void)reply;
    puts("drained: connections wait until it is resumed");
    return EXIT_SUCCESS;
}

static int show_resume(const struct reply *reply)
{
    (void)reply;
    puts("resumed");
    return EXIT_SUCCESS;
}

static int show_nothing(const struct reply *reply)
{
    (void)reply;
    return EXIT_SUCCESS;
}

static const struct command {
    const char *word;
    const char *request;
    const char *takes;
    int arguments;
    bool takes_json;
    bool has_rates; /* is asked for twice */
    int (*show)(const struct reply *reply);
} commands[] = {
    {"status", "status", "takes no arguments", 0, true, true, show_status},
    {"workers", "status", "takes no arguments", 0, true, false, show_workers},
    {"reload", "reload", "takes no arguments", 0, false, false, show_reload},
    {"upgrade", "upgrade", "takes no arguments", 0, false, false, show_upgrade},
    {"stop", "stop", "takes no arguments", 0, false, false, show_stop},
    {"logs-reopen", "logs-reopen", "takes no arguments", 0, false, false, show_nothing},
    {"kill-worker", "kill-worker", "takes SERVICE SLOT", 2, false, false, show_nothing},
    {"scale", "scale", "takes SERVICE N|+N|-N", 2, false, false, show_scale},
    {"drain", "drain", "takes SERVICE", 1, false, false, show_drain},
    {"resume", "resume", "takes SERVICE", 1, false, false, show_resume},
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

static json_t *ask_or_tell(const char *address, const char *request)
{
    char error[512];
    json_t *answer = ask(address, request, ANSWER_MS, error, sizeof(error));

    if (!answer)
        fprintf(stderr, "framectl: %s\n", error);
    return answer;
}

static int act(const struct command *command, const char *address, const char *request, bool json)
{
    const struct timespec moment = {.tv_nsec = SAMPLE_MS * 1000000L};
    struct reply reply = {.json = json};
    json_t *before = NULL;
    json_t *answer = ask_or_tell(address, request);
    int status = EXIT_FAILED;

    if (answer && command->has_rates && !json) {
        nanosleep(&moment, NULL);
        before = answer;
        answer = ask_or_tell(address, request);
    }
    reply.answer = answer;
    reply.before = before;
    if (answer && table_flag(answer, "ok"))
        status = command->show(&reply);
    else if (answer)
        status = fail(command->word, table_text(answer, "error"));
    json_decref(before);
    json_decref(answer);
    return status;
}

/* What the command line's options say. */
struct settings {
    struct top_options top;
    bool for_top; /* some of them are top's only */
    bool json;
};

static int run_top(const struct settings *settings, int count)
{
    if (count != 1)
        return usage_error("top", "takes no arguments");
    if (settings->json)
        return usage_error("top", "has no --json");
    return top_run(&settings->top);
}

static int run(const struct settings *settings, int count, char **words)
{
    char request[REQUEST_SIZE];
    size_t i = 0;

    if (strcmp(words[0], "top") == 0)
        return run_top(settings, count);
    while (i < COMMANDS && strcmp(commands[i].word, words[0]) != 0)
        i++;
    if (i == COMMANDS)
        return usage_error(words[0], "unknown command");
    if (settings->json && !commands[i].takes_json)
        return usage_error(words[0], "has no --json");
    if (settings->for_top)
        return usage_error(words[0], "has no -b, -d and -n");
    if (count - 1 != commands[i].arguments)
        return usage_error(words[0], commands[i].takes);
    if (!put_together(commands[i].request, count - 1, words + 1, request))
        return usage_error(words[0], "too long");
    return act(&commands[i], settings->top.address, request, settings->json);
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

/* A number from LEAST to MOST; false after a message. */
static bool parse_number(const char *option, const char *text, double least, double most,
                         double *number)
{
    char *end;
    double found = strtod(text, &end);

    if (end == text || *end || !(found >= least && found <= most)) {
        fprintf(stderr, "framectl: %s: found \"%s\", allowed: %g to %.0f\n", option, text, least,
                most);
        return false;
    }
    *number = found;
    return true;
}

static bool take_option(struct settings *settings, int option)
{
    double number;

    settings->for_top |= option == 'b' || option == 'd' || option == 'n';
    switch (option) {
    case 's':
        settings->top.address = optarg;
        return true;
    case 'j':
        return settings->json = true;
    case 'b':
        return settings->top.batch = true;
    case 'd':
        if (!parse_number("-d", optarg, 0.1, 3600, &number))
            return false;
        settings->top.interval_ms = (unsigned)(number * 1e3);
        return true;
    case 'n':
        if (!parse_number("-n", optarg, 1, 1e9, &number))
            return false;
        settings->top.count = (unsigned long)number;
        return true;
    default:
        fputs(usage, stderr);
        return false;
    }
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
    struct settings settings = {.top = {.address = CONTROL_SOCKET, .interval_ms = 1000}};
    struct framed_address parsed;
    char error[512];
    int options = count_options(argc, argv);
    int option;

    if (descriptors_occupy_standard() < 0)
        return EXIT_FAILED;
    while ((option = getopt_long(options, argv, "s:bd:n:Vh", names, NULL)) != -1) {
        if (option == 'V' || option == 'h') {
            fputs(option == 'V' ? "framectl " FRAMED_VERSION "\n" : usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_option(&settings, option))
            return EXIT_USAGE;
    }
    if (framed_address_parse(settings.top.address, &parsed, error, sizeof(error)) < 0) {
        fprintf(stderr, "framectl: %s\n", error);
        return EXIT_USAGE;
    }
    if (optind == argc) {
        fprintf(stderr, "framectl: a command is needed\n%s", usage);
        return EXIT_USAGE;
    }
    return run(&settings, argc - optind, argv + optind);
}
