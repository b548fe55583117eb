#include "tools/framebench/plan.h"

#include "base/units.h"
#include "tools/framebench/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char usage[] =
    "usage: framebench [options] ADDRESS\n"
    "\n"
    "Loads a service that answers each message with the same bytes, and tells how fast it is.\n"
    "ADDRESS is tcp:HOST:PORT, unix:PATH or unix:@NAME.\n"
    "\n"
    "  -c, --connections N         connections at a time (1)\n"
    "  -p, --depth N               messages under way on each (1)\n"
    "  -s, --size SIZE[:WEIGHT],…  bytes of a message, or a mix of them (64)\n"
    "  -F, --framing TEXT          how messages are told apart (u32be); see framed.conf(5)\n"
    "  -R, --reply-framing TEXT    how replies are (as the framing says)\n"
    "  -r, --rate N                messages a second in all, sent when they are due (open loop);\n"
    "                              without it each is sent when there is room (closed loop)\n"
    "      --poisson               with --rate: at random times\n"
    "      --connect               a connection for each message\n"
    "  -d, --duration TIME         that is measured (10s)\n"
    "  -n, --count N               so many messages, however long it takes\n"
    "  -w, --warmup TIME           before it is measured (0s)\n"
    "  -t, --timeout TIME          longest wait for a connection or a reply (10s)\n"
    "      --no-verify             replies may be any messages\n"
    "  -j, --json                  print JSON\n"
    "  -q, --quiet                 no line that shows how far it is\n"
    "  -h, --help                  print this and exit\n"
    "  -V, --version               print the version and exit\n";

enum {
    OPTION_POISSON = 256,
    OPTION_CONNECT,
    OPTION_NO_VERIFY,
};

static const struct option options[] = {
    {"connections", required_argument, NULL, 'c'},
    {"depth", required_argument, NULL, 'p'},
    {"size", required_argument, NULL, 's'},
    {"framing", required_argument, NULL, 'F'},
    {"reply-framing", required_argument, NULL, 'R'},
    {"rate", required_argument, NULL, 'r'},
    {"poisson", no_argument, NULL, OPTION_POISSON},
    {"connect", no_argument, NULL, OPTION_CONNECT},
    {"duration", required_argument, NULL, 'd'},
    {"count", required_argument, NULL, 'n'},
    {"warmup", required_argument, NULL, 'w'},
    {"timeout", required_argument, NULL, 't'},
    {"no-verify", no_argument, NULL, OPTION_NO_VERIFY},
    {"json", no_argument, NULL, 'j'},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

/* Options that are a number: where it goes, and what is allowed. */
static const struct number {
    int letter;
    const char *option;
    int (*parse)(const char *text, uint64_t *value);
    uint64_t min;
    uint64_t max;
    const char *allowed;
} numbers[] = {
    {'c', "--connections", units_parse_count, 1, PLAN_CONNECTIONS_MAX, "1 to 100000"},
    {'p', "--depth", units_parse_count, 1, PLAN_DEPTH_MAX, "1 to 65536"},
    {'r', "--rate", units_parse_count, 1, 1000000000, "1 to 1000000000 messages a second"},
    {'n', "--count", units_parse_count, 1, 1000000000000, "1 to 1000000000000"},
    {'d', "--duration", units_parse_time, 1, 86400000, "1ms to 24h, such as 500ms, 10s, 5m"},
    {'w', "--warmup", units_parse_time, 0, 86400000, "0s to 24h, such as 500ms, 10s, 5m"},
    {'t', "--timeout", units_parse_time, 1, 86400000, "1ms to 24h, such as 500ms, 10s, 5m"},
};

static int refuse(const char *option, const char *found, const char *allowed)
{
    fprintf(stderr, "framebench: %s: found \"%s\", allowed: %s\n", option, found, allowed);
    return EXIT_USAGE;
}

/* Which number LETTER sets; NULL: none. */
static const struct number *number_of(int letter)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].letter == letter)
            return &numbers[i];
    return NULL;
}

static void set_number(struct plan *plan, int letter, uint64_t value)
{
    switch (letter) {
    case 'c':
        plan->connections = (unsigned)value;
        break;
    case 'p':
        plan->depth = (unsigned)value;
        break;
    case 'r':
        plan->rate = value;
        break;
    case 'n':
        plan->count = value;
        break;
    case 'd':
        plan->duration_ms = value;
        break;
    case 'w':
        plan->warmup_ms = value;
        break;
    default:
        plan->timeout_ms = value;
    }
}

static int read_number(struct plan *plan, const struct number *number, const char *text)
{
    uint64_t value;

    if (number->parse(text, &value) < 0 || value < number->min || value > number->max)
        return refuse(number->option, text, number->allowed);
    set_number(plan, number->letter, value);
    return 0;
}

/* "64" or "64:9,4KiB:1". */
static int read_sizes(struct plan *plan, const char *text)
{
    static const char allowed[] =
        "sizes from 0 to 1GiB, up to 16 of them with weights, such as 64:9,4KiB:1";
    char copy[512], *rest = copy;

    plan->size_count = plan->size_weight = 0;
    plan->size_max = 0;
    if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
        return refuse("--size", text, allowed);
    for (char *one; (one = strsep(&rest, ","));) {
        char *weight_text = strchr(one, ':');
        uint64_t size, weight = 1;

        if (weight_text)
            *weight_text++ = '\0';
        if (plan->size_count == PLAN_SIZES_MAX || units_parse_size(one, &size) < 0 ||
            size > FRAMED_MESSAGE_LIMIT ||
            (weight_text &&
             (units_parse_count(weight_text, &weight) < 0 || weight < 1 || weight > 1000000)))
            return refuse("--size", text, allowed);
        plan->sizes[plan->size_count++] = (struct plan_size){size, (unsigned)weight};
        plan->size_weight += (unsigned)weight;
        if (size > plan->size_max)
            plan->size_max = size;
    }
    return 0;
}

static int read_option(struct plan *plan, int letter)
{
    const struct number *number = number_of(letter);

    if (number)
        return read_number(plan, number, optarg);
    switch (letter) {
    case 's':
        return read_sizes(plan, optarg);
    case 'F':
        plan->framing_text = optarg;
        return 0;
    case 'R':
        plan->reply_framing_text = optarg;
        return 0;
    case OPTION_POISSON:
        plan->poisson = true;
        return 0;
    case OPTION_CONNECT:
        plan->connects = true;
        return 0;
    case OPTION_NO_VERIFY:
        plan->verifies = false;
        return 0;
    case 'j':
        plan->json = true;
        return 0;
    case 'q':
        plan->quiet = true;
        return 0;
    default:
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
}

static int parse_framing(const char *option, const char *text, struct framed_framing **framing)
{
    char error[512];
    int result = framed_framing_parse(text, NULL, framing, error, sizeof(error));

    if (result == 0)
        return 0;
    fprintf(stderr, "framebench: %s: %s\n", option, result == -ENOMEM ? strerror(ENOMEM) : error);
    return EXIT_USAGE;
}

/* The framing of replies: what was asked for, what the framing says, or the same. */
static int find_reply_framing(struct plan *plan)
{
    if (plan->reply_framing_text)
        return parse_framing("--reply-framing", plan->reply_framing_text, &plan->reply_framing);
    plan->reply_framing = framed_framing_take_reply(plan->framing);
    return plan->reply_framing
               ? 0
               : parse_framing("--framing", plan->framing_text, &plan->reply_framing);
}

/* Each size can be said in the framing: else it is known before anything is sent. */
static int try_sizes(const struct plan *plan)
{
    for (unsigned i = 0; i < plan->size_count; i++) {
        struct plan one = *plan;
        struct buffer out = {.data = NULL};
        struct text text;
        int verdict;

        one.sizes[0] = plan->sizes[i];
        one.size_count = 1;
        if (text_init(&text, &one) < 0)
            return refuse("--size", "a message that large", "what there is memory for");
        verdict = text_append(&text, 0, 0, true, &out);
        if (verdict == FRAMED_OK)
            verdict = text_append(&text, 0, 1, false, &out);
        text_deinit(&text);
        buffer_deinit(&out);
        if (verdict == FRAMED_OK)
            continue;
        fprintf(stderr, "framebench: a message of %zu bytes cannot be sent with %s: %s\n",
                plan->sizes[i].size, plan->framing_text, framed_verdict_word(verdict));
        return EXIT_USAGE;
    }
    return 0;
}

static int prepare_framings(struct plan *plan)
{
    size_t max = plan->size_max > FRAMED_MESSAGE_DEFAULT ? plan->size_max : FRAMED_MESSAGE_DEFAULT;
    int status = parse_framing("--framing", plan->framing_text, &plan->framing);

    if (status == 0)
        status = find_reply_framing(plan);
    if (status != 0)
        return status;
    if (!framed_framing_decodes(plan->reply_framing))
        return refuse("--reply-framing", framed_framing_name(plan->reply_framing),
                      "a framing by which replies can be told apart");
    framed_framing_set_max(plan->framing, max);
    framed_framing_set_max(plan->reply_framing, max);
    if (framed_framing_ends_stream(plan->framing) ||
        framed_framing_ends_stream(plan->reply_framing))
        plan->connects = true;
    return try_sizes(plan);
}

/* What does not go together. */
static int check(struct plan *plan)
{
    if (plan->poisson && !plan->rate)
        return refuse("--poisson", "no --rate", "both together");
    if (plan->connects && plan->depth > 1)
        return refuse("--depth", "more than 1", "1 with a connection for each message");
    return 0;
}

int plan_init(struct plan *plan, int argc, char **argv)
{
    char error[512];
    int letter, status = 0;

    *plan = (struct plan){
        .framing_text = "u32be",
        .connections = 1,
        .depth = 1,
        .duration_ms = 10000,
        .timeout_ms = 10000,
        .verifies = true,
        .sizes = {{64, 1}},
        .size_count = 1,
        .size_weight = 1,
        .size_max = 64,
    };
    while (status == 0 &&
           (letter = getopt_long(argc, argv, "c:p:s:F:R:r:d:n:w:t:jqhV", options, NULL)) != -1) {
        if (letter == 'h' || letter == 'V') {
            fputs(letter == 'h' ? usage : "framebench " FRAMED_VERSION "\n", stdout);
            return EXIT_SUCCESS;
        }
        status = read_option(plan, letter);
    }
    if (status != 0)
        return status;
    if (argc - optind != 1) {
        fprintf(stderr, "framebench: found %d addresses, allowed: one\n%s", argc - optind, usage);
        return EXIT_USAGE;
    }
    plan->address_text = argv[optind];
    if (framed_address_parse(plan->address_text, &plan->address, error, sizeof(error)) < 0) {
        fprintf(stderr, "framebench: %s\n", error);
        return EXIT_USAGE;
    }
    status = prepare_framings(plan);
    if (status == 0)
        status = check(plan);
    return status ? status : -1;
}

void plan_deinit(struct plan *plan)
{
    framed_framing_free(plan->framing);
    framed_framing_free(plan->reply_framing);
}
