/* The course of `framed try`: what it speaks, what mends it, how it fares; and the report. */
#include "try/try.h"

#include "base/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define CODECS 3
/* Several that start at a time are slower than one. */
#define SLOWER 8

static const enum handler_codec codecs[CODECS] = {CODEC_LINE, CODEC_FRAME, CODEC_RECORD};

struct line *diagnosis_add(struct diagnosis *diagnosis, const char *name, const char *section,
                           const struct finding *finding)
{
    struct line *line = &diagnosis->lines[diagnosis->count];

    if (diagnosis->count + 1 < REPORT_LINES)
        diagnosis->count++;
    *line = (struct line){.section = section, .finding = *finding};
    snprintf(line->name, sizeof(line->name), "%s", name);
    if (!finding->done) {
        line->finding.verdict = VERDICT_FAIL;
        snprintf(line->finding.text, sizeof(line->finding.text), "it could not be found out");
    }
    return line;
}

/* Which one to speak. A program that knows records knows them on purpose; one that copies what it
 * gets answers in the two others alike. */
static int choose(const struct finding *findings)
{
    static const enum handler_codec preference[CODECS] = {CODEC_RECORD, CODEC_LINE, CODEC_FRAME};

    for (enum trial_result wanted = TRIAL_ANSWERS; wanted >= TRIAL_BUFFERS; wanted--)
        for (int i = 0; i < CODECS; i++)
            if (findings[preference[i]].result == wanted)
                return (int)preference[i];
    return -1;
}

static enum trial_result best_of(const struct finding *findings)
{
    enum trial_result best = TRIAL_NOTHING;

    for (int i = 0; i < CODECS; i++)
        if (findings[i].result > best)
            best = findings[i].result;
    return best;
}

static void adopt(struct diagnosis *diagnosis, enum handler_codec codec,
                  const struct finding *finding)
{
    diagnosis->subject.service.handler.codec = codec;
    diagnosis->subject.kind = finding->kind;
    diagnosis->first_ms = finding->first_ms;
    diagnosis->answers = diagnosis->works = finding->result == TRIAL_ANSWERS;
    if (finding->result == TRIAL_BUFFERS)
        mend_find(diagnosis);
}

/* For a program that answers in no codec as it should, by the best of what was seen. */
static void advise(struct diagnosis *diagnosis, enum trial_result result)
{
    static const char *const advice[] = {
        [TRIAL_ENDS] = "it understood none of these messages: give it one that it does, with "
                       "--message TEXT",
        [TRIAL_SILENT] = "if it understood none of these messages, give it one that it does, with "
                         "--message TEXT; a handler has to answer each",
        [TRIAL_GARBLED] = "a reply is a line, or a 4-byte big-endian length and as many bytes, or "
                          "as framed-record(5) says",
        [TRIAL_EAGER] = "let it print nothing before it is asked; what is for people belongs on "
                        "standard error",
        [TRIAL_ONCE] = "it has to go on reading after an answer",
        [TRIAL_MANY] = "let it answer each message with one line (jq: -c), or let it speak the "
                       "codec frame or record",
        [TRIAL_AT_END] = "it needs its whole input before it answers: it cannot be a handler that "
                         "goes on",
        [TRIAL_ANSWERS] = NULL,
    };

    if (advice[result])
        snprintf(diagnosis->advice, sizeof(diagnosis->advice), "%s", advice[result]);
}

static void find_codec(struct diagnosis *diagnosis)
{
    struct subject subjects[CODECS];
    struct apart work[CODECS];
    struct finding *findings = apart_findings(CODECS);
    const struct service_config *given = &diagnosis->subject.service;
    size_t count = 0;
    int chosen;

    if (!findings)
        return;
    for (int i = 0; i < CODECS; i++) {
        subjects[i] = diagnosis->subject;
        subjects[i].service.handler.codec = codecs[i];
        if (!diagnosis->subject.options->codec_given || codecs[i] == given->handler.codec)
            work[count++] = (struct apart){.work = trial_codec,
                                           .subject = &subjects[i],
                                           .finding = &findings[codecs[i]],
                                           .wins = codecs[i] != CODEC_FRAME,
                                           .spare = true};
    }
    apart_run(work, count);
    for (size_t i = 0; i < count; i++) {
        enum handler_codec codec = work[i].subject->service.handler.codec;
        char name[32];

        snprintf(name, sizeof(name), "codec %s", config_codec_name(codec));
        if (work[i].spare && !work[i].finding->done)
            *work[i].finding =
                (struct finding){.done = true, .verdict = VERDICT_NO, .text = "no answer so far"};
        diagnosis_add(diagnosis, name, NULL, work[i].finding);
    }
    chosen = choose(findings);
    if (chosen >= 0)
        adopt(diagnosis, (enum handler_codec)chosen, &findings[chosen]);
    else
        advise(diagnosis, best_of(findings));
    apart_release(findings, CODECS);
}

static void measure(struct diagnosis *diagnosis)
{
    struct finding *finding = apart_findings(1);
    struct apart work = {.work = speed_measure, .subject = &diagnosis->subject, .finding = finding};
    const struct speed *speed = &diagnosis->speed;

    if (!finding)
        return;
    apart_run(&work, 1);
    diagnosis->speed = finding->speed;
    if (speed->requests > 0)
        snprintf(finding->text, sizeof(finding->text),
                 "median %.0f us, 99%% within %.0f us, %.0f a second (%llu requests)",
                 speed->median_us, speed->p99_us, speed->per_second,
                 (unsigned long long)speed->requests);
    else
        finding->done = false;
    diagnosis_add(diagnosis, "speed", NULL, finding);
    apart_release(finding, 1);
}

static void diagnose(struct diagnosis *diagnosis)
{
    struct service_config *service = &diagnosis->subject.service;

    service->deadlines.request_ms = diagnosis->subject.options->timeout_ms;
    service->deadlines.start_ms = 2 * service->deadlines.request_ms;
    find_codec(diagnosis);
    if (!diagnosis->answers)
        return;
    service->deadlines.start_ms += diagnosis->first_ms * SLOWER;
    if (service->handler.codec == CODEC_RECORD)
        rules_run(diagnosis);
    else
        checks_run(diagnosis);
    if (diagnosis->answers)
        measure(diagnosis);
}

static int try_command(const struct try_options *options)
{
    const struct log_settings quiet = {.target = LOG_TARGET_STDERR, .level = LOG_EMERG};
    struct diagnosis diagnosis = {
        .subject = {.options = options, .service = options->config->services[0]}};
    char error[CONFIG_ERROR_SIZE];
    int status;

    if (config_check_files(options->config, error, sizeof(error)) < 0) {
        fprintf(stderr, "framed: %s\n", error);
        return EXIT_FAILURE;
    }
    if (log_open(&quiet) < 0 || apart_init() < 0)
        return EXIT_FAILURE;
    signal(SIGPIPE, SIG_IGN);
    diagnose(&diagnosis);
    status = options->json ? report_json(&diagnosis) : (report_text(&diagnosis), 0);
    free(diagnosis.words);
    if (fflush(stdout) != 0 || ferror(stdout) || status < 0) {
        fputs("framed: cannot write to standard output\n", stderr);
        return EXIT_FAILURE;
    }
    return diagnosis.works ? EXIT_SUCCESS : EXIT_FAILURE;
}

int try_main(int argc, char **argv)
{
    struct try_options options;
    int status;

    if (options_init(&options, argc, argv, &status) == 0)
        status = try_command(&options);
    options_deinit(&options);
    return status;
}
