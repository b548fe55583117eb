/* framecat: sends messages to a service and prints the replies. */
#include "base/descriptors.h"
#include "tools/hex.h"
#include "tools/source.h"

#include <framed/client.h>

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_UNANSWERED 1
#define EXIT_USAGE 2
#define DEFAULT_TIMEOUT_MS 10000
/* Messages to send before replies are looked for. */
#define SEND_BATCH 64

static const char usage[] =
    "usage: framecat [-p] [-F FRAMING] [-n COUNT] [-t TIMEOUT] [--hex] [--raw] [--file PATH]...\n"
    "                ADDRESS\n"
    "\n"
    "Sends each line of standard input as a message to ADDRESS and prints each reply as a line.\n"
    "ADDRESS is tcp:HOST:PORT, unix:PATH or unix:@NAME.\n"
    "\n"
    "  -F, --framing TEXT   how messages are told apart (u32be); see framed.conf(5)\n"
    "      --hex            lines and replies are hexadecimal digits\n"
    "      --raw            all of standard input is one message; replies are written as they are\n"
    "      --file PATH      the file is one message; may be given many times\n"
    "  -n, --count COUNT    send each message COUNT times (1)\n"
    "  -p, --pipeline       send without waiting for each reply\n"
    "  -t, --timeout TIME   longest wait for a reply, such as 500ms or 5s; 0: no limit (10s)\n"
    "  -h, --help           print this and exit\n"
    "  -V, --version        print the version and exit\n";

struct framecat {
    struct source source;
    const char *address;
    const char *framing;
    bool hex;
    bool pipeline;
    unsigned timeout_ms;
    struct framed_client *client;
    uint64_t sent; /* messages, those that could not be sent included */
    uint64_t answered;
    char why[128]; /* the first reason for which a message was not answered */
};

__attribute__((noreturn)) static void refuse_option(const char *option, const char *found,
                                                    const char *allowed)
{
    fprintf(stderr, "framecat: %s: found \"%s\", allowed: %s\n", option, found, allowed);
    exit(EXIT_USAGE);
}

/* A number and its unit, one of UNITS. */
struct unit {
    const char *name;
    uint64_t factor;
};

static uint64_t parse_number(const char *option, const char *text, const struct unit *units,
                             uint64_t max, const char *allowed)
{
    size_t digits = strspn(text, "0123456789");
    unsigned long long value;

    errno = 0;
    value = strtoull(text, NULL, 10);
    for (const struct unit *unit = units; digits > 0 && errno == 0 && unit->name; unit++)
        if (strcmp(text + digits, unit->name) == 0 && value <= max / unit->factor)
            return value * unit->factor;
    refuse_option(option, text, allowed);
}

static uint64_t parse_count(const char *text)
{
    static const struct unit units[] = {{"", 1}, {NULL, 0}};
    static const char allowed[] = "a number from 1 to 1000000000000";
    uint64_t count = parse_number("--count", text, units, 1000000000000U, allowed);

    if (count == 0)
        refuse_option("--count", text, allowed);
    return count;
}

static unsigned parse_timeout(const char *text)
{
    static const struct unit units[] = {{"", 1000},   {"s", 1000},    {"ms", 1},
                                        {"m", 60000}, {"h", 3600000}, {NULL, 0}};

    return (unsigned)parse_number("--timeout", text, units, INT32_MAX,
                                  "a time up to 24 days, in ms, s, m or h, such as 500ms");
}

static void parse_arguments(struct framecat *cat, int argc, char **argv)
{
    enum {
        HEX = 256,
        RAW,
        FILE_PATH
    };
    static const struct option options[] = {
        {"framing", required_argument, NULL, 'F'}, {"hex", no_argument, NULL, HEX},
        {"raw", no_argument, NULL, RAW},           {"file", required_argument, NULL, FILE_PATH},
        {"count", required_argument, NULL, 'n'},   {"pipeline", no_argument, NULL, 'p'},
        {"timeout", required_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},       {NULL, 0, NULL, 0},
    };
    static char standard_input[] = "-";
    struct source *source = &cat->source;
    int option;

    while ((option = getopt_long(argc, argv, "F:n:pt:hV", options, NULL)) != -1)
        switch (option) {
        case 'F':
            cat->framing = optarg;
            break;
        case HEX:
            cat->hex = true;
            break;
        case RAW:
            source->files[source->file_count++] = standard_input;
            break;
        case FILE_PATH:
            source->files[source->file_count++] = optarg;
            break;
        case 'n':
            source->count = parse_count(optarg);
            break;
        case 'p':
            cat->pipeline = true;
            break;
        case 't':
            cat->timeout_ms = parse_timeout(optarg);
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        case 'V':
            puts("framecat " FRAMED_VERSION);
            exit(EXIT_SUCCESS);
        default:
            fputs(usage, stderr);
            exit(EXIT_USAGE);
        }
    if (argc - optind != 1) {
        fprintf(stderr, "framecat: found %d addresses, allowed: one\n%s", argc - optind, usage);
        exit(EXIT_USAGE);
    }
    cat->address = argv[optind];
}

/* Who read our output may have seen enough; that is no failure. */
static void check_output(int result)
{
    if (result != EOF)
        return;
    if (errno == EPIPE)
        _exit(EXIT_SUCCESS);
    fprintf(stderr, "framecat: standard output: %s\n", strerror(errno));
    _exit(EXIT_UNANSWERED);
}

static void print_reply(const struct framecat *cat, const void *data, size_t length)
{
    bool as_is = cat->source.file_count > 0 && !cat->hex;

    if (cat->hex)
        hex_write(data, length, stdout);
    else
        fwrite(data, 1, length, stdout);
    if (!as_is)
        putchar('\n');
    check_output(ferror(stdout) ? EOF : 0);
}

static void explain(struct framecat *cat, int result)
{
    if (cat->why[0])
        return;
    if (result > 0)
        snprintf(cat->why, sizeof(cat->why), "the reply is no %s message: %s", cat->framing,
                 framed_verdict_word(result));
    else if (result == -ENODATA || result == -EPIPE)
        snprintf(cat->why, sizeof(cat->why), "the server closed the connection");
    else if (result == -ETIMEDOUT)
        snprintf(cat->why, sizeof(cat->why), "the server took more than %u ms", cat->timeout_ms);
    else
        snprintf(cat->why, sizeof(cat->why), "%s", strerror(-result));
}

/* 0, also when this one message cannot be sent but others can; or a negative errno. */
static int send_message(struct framecat *cat, const void *data, size_t length, bool *queued)
{
    int result = framed_client_send(cat->client, data, length);

    cat->sent++;
    *queued = result == 0;
    if (result > 0 && !cat->why[0])
        snprintf(cat->why, sizeof(cat->why), "message %llu cannot be sent with %s: %s",
                 (unsigned long long)cat->sent, cat->framing, framed_verdict_word(result));
    return result < 0 ? result : 0;
}

static int receive_reply(struct framecat *cat)
{
    const void *data;
    size_t length;
    int result = framed_client_receive(cat->client, &data, &length);

    if (result != FRAMED_OK)
        return result;
    cat->answered++;
    print_reply(cat, data, length);
    return 0;
}

/* Each message waits for its reply. */
static enum source_result converse(struct framecat *cat)
{
    const uint8_t *data;
    size_t length;
    enum source_result next;

    while ((next = source_next(&cat->source, true, &data, &length)) == SOURCE_MESSAGE) {
        bool queued;
        int result = send_message(cat, data, length, &queued);

        if (result == 0 && queued) {
            result = receive_reply(cat);
            check_output(fflush(stdout));
        }
        if (result != 0) {
            explain(cat, result);
            return SOURCE_END;
        }
    }
    return next;
}

/* Sends what the source has at hand, up to a batch. */
static int send_batch(struct framecat *cat, uint64_t *owed, enum source_result *next)
{
    const uint8_t *data;
    size_t length;

    for (int i = 0; i < SEND_BATCH; i++) {
        bool queued;
        int result;

        *next = source_next(&cat->source, false, &data, &length);
        if (*next != SOURCE_MESSAGE)
            return framed_client_flush(cat->client);
        result = send_message(cat, data, length, &queued);
        if (result < 0)
            return result;
        *owed += queued;
    }
    return 0;
}

/* Waits for standard input, and for the server while it owes replies. 0 or a negative errno. */
static int wait_both(const struct framecat *cat, bool owed)
{
    struct pollfd either[] = {
        {.fd = STDIN_FILENO, .events = POLLIN},
        {.fd = framed_client_fd(cat->client), .events = POLLIN},
    };
    int ready = poll(either, owed ? 2 : 1, owed && cat->timeout_ms ? (int)cat->timeout_ms : -1);

    if (ready < 0 && errno != EINTR)
        return -errno;
    return ready == 0 ? -ETIMEDOUT : 0;
}

static void explain_early_end(struct framecat *cat, int result, uint64_t owed)
{
    /* What stopped the sending is the consequence; why no more replies came is the cause. */
    while (result < 0 && result != -ETIMEDOUT && cat->answered < owed &&
           framed_client_ready(cat->client) && receive_reply(cat) == 0)
        ;
    if (result != 0)
        explain(cat, result);
}

/* Messages go out as they come, and replies are printed as they come. */
static enum source_result pipeline(struct framecat *cat)
{
    enum source_result next = SOURCE_MESSAGE;
    uint64_t owed = 0;
    int result = 0;

    while (result == 0 && (next == SOURCE_MESSAGE || next == SOURCE_WAIT)) {
        result = send_batch(cat, &owed, &next);
        while (result == 0 && cat->answered < owed && framed_client_ready(cat->client))
            result = receive_reply(cat);
        if (result == 0 && next == SOURCE_WAIT) {
            check_output(fflush(stdout));
            result = wait_both(cat, cat->answered < owed);
        }
    }
    while (result == 0 && cat->answered < owed) {
        if (!framed_client_ready(cat->client))
            check_output(fflush(stdout));
        result = receive_reply(cat);
    }
    explain_early_end(cat, result, owed);
    check_output(fflush(stdout));
    return next;
}

static int run(struct framecat *cat)
{
    enum source_result end;
    char error[512];

    if (framed_client_open(cat->address, cat->framing, FRAMED_MESSAGE_LIMIT, cat->timeout_ms,
                           &cat->client, error, sizeof(error)) < 0) {
        fprintf(stderr, "framecat: %s\n", error);
        return EXIT_USAGE;
    }
    end = cat->pipeline ? pipeline(cat) : converse(cat);
    framed_client_free(cat->client);
    if (cat->why[0])
        fprintf(stderr, "framecat: %llu of %llu messages answered: %s\n",
                (unsigned long long)cat->answered, (unsigned long long)cat->sent, cat->why);
    if (end == SOURCE_BROKEN) {
        fprintf(stderr, "framecat: %s\n", cat->source.error);
        return EXIT_USAGE;
    }
    return cat->why[0] ? EXIT_UNANSWERED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct framecat cat = {
        .source = {.files = calloc((size_t)argc, sizeof(char *)), .count = 1},
        .framing = "u32be",
        .timeout_ms = DEFAULT_TIMEOUT_MS,
    };
    int status;

    if (!cat.source.files) {
        fprintf(stderr, "framecat: %s\n", strerror(ENOMEM));
        return EXIT_USAGE;
    }
    descriptors_occupy_standard();
    signal(SIGPIPE, SIG_IGN);
    parse_arguments(&cat, argc, argv);
    cat.source.hex = cat.hex;
    status = run(&cat);
    source_deinit(&cat.source);
    free(cat.source.files);
    return status;
}
