/* framed: arguments, configuration, the table of roles, and then the master. */
#include "base/descriptors.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "config/config.h"
#include "ipc/role.h"
#include "keeper/keeper.h"
#include "master/handover.h"
#include "master/master.h"
#include "module/module.h"
#include "try/try.h"
#include "usher/usher.h"
#include "worker/worker.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const struct role_table roles = {
    .entry = {[ROLE_WORKER] = worker_main, [ROLE_USHER] = usher_main, [ROLE_KEEPER] = keeper_main}};

static const char usage[] =
    "usage: framed -c FILE [-t]                  serve what FILE says; -t: only check it\n"
    "       framed run OPTIONS [-- COMMAND ...]  serve one handler, without a file\n"
    "       framed try -- COMMAND ...            tell whether COMMAND will do as a handler\n"
    "       framed check -c FILE                 check FILE and what it names\n"
    "       framed module [--json] FILE          show what the module FILE says of itself\n"
    "       framed framings                      list the framings that have a name\n"
    "       framed keys                          list the keys, and what a reload does with each\n"
    "       framed --version | --help\n"
    "\n"
    "  framed run -l tcp:127.0.0.1:7000 -w 4 -- jq -c --unbuffered .foo\n"
    "\n"
    "`framed run --help` lists the options; see framed(8) and framed.conf(5).\n";

static int usage_error(const char *what, const char *word)
{
    handover_refuse(what);
    fprintf(stderr, "framed: %s%s%s%s\n%s", what, word ? " \"" : "", word ? word : "",
            word ? "\"" : "", usage);
    return EXIT_USAGE;
}

static int report(const char *error)
{
    handover_refuse(error);
    fprintf(stderr, "framed: %s\n", error);
    return EXIT_FAILURE;
}

struct arguments {
    int count;
    char **words;
};

static int load_arguments(void *context, struct config **config, char *error, size_t size)
{
    const struct arguments *arguments = context;
    struct config *loaded;
    int result =
        config_from_arguments(arguments->count, arguments->words, &loaded, NULL, NULL, error, size);

    if (result == 0 && (result = config_check_files(loaded, error, size)) < 0)
        config_free(loaded);
    if (result == 0)
        *config = loaded;
    return result;
}

static int load_file(void *context, struct config **config, char *error, size_t size)
{
    const char *const *file = context;
    struct config *loaded;
    int result = config_load(*file, &loaded, error, size);

    if (result == 0 && (result = config_check_files(loaded, error, size)) < 0)
        config_free(loaded);
    if (result == 0)
        *config = loaded;
    return result;
}

static int serve(master_load *load, void *context, bool announce)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct master_options options = {
        .load = load, .context = context, .announce = announce, .roles = &roles};

    if (load(context, &options.config, error, sizeof(error)) < 0)
        return report(error);
    return master_run(&options);
}

/* What was printed must have arrived: half a configuration file is none. */
static int printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    return report("cannot write to standard output");
}

static int print_and_free(struct config *config)
{
    config_print(config, stdout);
    config_free(config);
    return printed();
}

static int command_run(int argc, char **argv)
{
    struct arguments arguments = {argc, argv};
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;
    bool print = false;
    bool help = false;
    int result = config_from_arguments(argc, argv, &config, &print, &help, error, sizeof(error));

    if (help) {
        config_free(config);
        fputs("usage: framed run OPTIONS [-- COMMAND ...]\n\n", stdout);
        config_print_options(stdout);
        return printed();
    }
    if (result < 0) {
        report(error);
        return EXIT_USAGE;
    }
    if (print)
        return print_and_free(config);
    config_free(config);
    return serve(load_arguments, &arguments, true);
}

static int check(const char *file, bool print)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;
    int result;

    if (load_file(&file, &config, error, sizeof(error)) < 0)
        return report(error);
    if (print)
        return print_and_free(config);
    result = module_check(config, error, sizeof(error));
    config_free(config);
    if (result < 0)
        return report(error);
    puts("ok");
    return printed();
}

/* What `framed` and `framed check` are told on the command line. */
struct options {
    const char *file;
    bool check;
    bool print;
};

/* -1: go on with OPTIONS; else the exit status. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'},
        {"print-config", no_argument, NULL, 'P'}, {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "+c:tVh", names, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 't':
            options->check = true;
            break;
        case 'P':
            options->print = true;
            break;
        case 'V':
            puts("framed " FRAMED_VERSION);
            return EXIT_SUCCESS;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc)
        return usage_error("a word too many (a file is given with -c):", argv[optind]);
    return options->file ? -1 : usage_error("no configuration: -c FILE, or `framed run`", NULL);
}

static int command_check(int argc, char **argv)
{
    struct options options = {0};
    int status = read_options(argc, argv, &options);

    return status >= 0 ? status : check(options.file, options.print);
}

static int command_serve(int argc, char **argv)
{
    struct options options = {0};
    int status = read_options(argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.check || options.print)
        return check(options.file, options.print);
    return serve(load_file, &options.file, false);
}

/* --mdoc is for framed.conf(5), when it is built. */
static int print_list(int argc, char **argv, void (*print)(FILE *to), void (*print_mdoc)(FILE *to))
{
    bool mdoc = argc == 2 && strcmp(argv[1], "--mdoc") == 0;

    if (argc > 1 && !mdoc)
        return usage_error("a word too many:", argv[1]);
    (mdoc ? print_mdoc : print)(stdout);
    return printed();
}

static int command_framings(int argc, char **argv)
{
    return print_list(argc, argv, config_print_framings, config_print_framings_mdoc);
}

static int command_keys(int argc, char **argv)
{
    return print_list(argc, argv, config_print_keys, config_print_keys_mdoc);
}

static const struct {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name */
} commands[] = {
    {"run", command_run},           {"try", try_main},
    {"check", command_check},       {"module", module_main},
    {"framings", command_framings}, {"keys", command_keys},
};

int main(int argc, char **argv)
{
    char **words;

    if (descriptors_occupy_standard() < 0)
        return EXIT_FAILURE;
    if (proctitle_init(argc, argv, &words) < 0)
        return report("out of memory");
    if (argc < 2)
        return usage_error("nothing to do", NULL);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(words[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, words + 1);
    if (words[1][0] != '-')
        return usage_error("unknown command", words[1]);
    return command_serve(argc, words);
}
