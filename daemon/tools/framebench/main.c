/* framebench: loads a service and tells how fast it answers. */
#include "base/descriptors.h"
#include "tools/framebench/load.h"
#include "tools/framebench/plan.h"
#include "tools/framebench/report.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXIT_FAULTS 1
#define EXIT_USAGE 2

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void run(struct load *load)
{
    bool shows = !load->plan->quiet && isatty(STDERR_FILENO);
    struct progress progress = {.shown = false};

    while (!interrupted && load_step(load))
        if (shows)
            progress_show(&progress, load);
    if (interrupted)
        load_stop(load);
    progress_end(&progress);
}

static int report(const struct load *load)
{
    const struct tally *tally = &load->shared.tally;

    if (load->plan->json)
        report_json(load);
    else
        report_text(load);
    if (fflush(stdout) == EOF)
        return EXIT_FAULTS;
    return tally_faults(tally) > 0 || tally->answered == 0 ? EXIT_FAULTS : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = interrupt};
    struct plan plan;
    struct load load;
    char error[512] = "";
    int status;

    descriptors_occupy_standard();
    status = plan_init(&plan, argc, argv);
    if (status < 0) {
        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        if (load_init(&load, &plan, error, sizeof(error)) == 0) {
            run(&load);
            status = report(&load);
        } else {
            fprintf(stderr, "framebench: %s\n", error);
            status = EXIT_USAGE;
        }
        load_deinit(&load);
    }
    plan_deinit(&plan);
    return status;
}
