/* What makes a program that buffers answer at once: its own option, where one is known, and each
 * `unbuffer`; all are tried. */
#include "handler/buffering.h"
#include "try/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mend {
    MEND_OPTION,
    MEND_STDBUF,
    MEND_PTY,
    MEND_COUNT
};

#define OPTION_WORDS 8

/* COMMAND with OPTION behind its program: one piece of memory, with OPTION's words in it. */
static char **insert(char *const *command, const char *option)
{
    size_t count = 0;
    size_t added = 1;
    char *rest = NULL;
    char **words;
    char *copy;

    while (command[count])
        count++;
    words = calloc(1, (count + OPTION_WORDS + 1) * sizeof(*words) + strlen(option) + 1);
    if (!words)
        return NULL;
    copy = (char *)(words + count + OPTION_WORDS + 1);
    memcpy(copy, option, strlen(option) + 1);
    words[0] = command[0];
    for (char *word = strtok_r(copy, " ", &rest); word && added <= OPTION_WORDS;
         word = strtok_r(NULL, " ", &rest))
        words[added++] = word;
    memcpy(words + added, command + 1, (count - 1) * sizeof(*words));
    return words;
}

/* The option that is known for the command itself; what runs within another program can only be
 * advised. */
static const char *known_option(char *const *command)
{
    char name[64];
    const struct buffering *known = buffering_find(command, name, sizeof(name));

    if (!known || !known->option || strcmp(name, command[0]) != 0 ||
        buffering_has_option(command, known->option))
        return NULL;
    return known->option;
}

static void name_line(enum mend mend, const char *option, char *name, size_t size)
{
    if (mend == MEND_OPTION)
        snprintf(name, size, "%s", option);
    else
        snprintf(name, size, "unbuffer = %s", mend == MEND_STDBUF ? "stdbuf" : "pty");
}

static void adopt(struct diagnosis *diagnosis, const struct subject *mended,
                  const struct finding *finding)
{
    diagnosis->subject = *mended;
    diagnosis->subject.kind = finding->kind;
    diagnosis->first_ms = finding->first_ms;
    diagnosis->answers = true;
}

void mend_find(struct diagnosis *diagnosis)
{
    struct subject *subject = &diagnosis->subject;
    char *const *command = subject->service.handler.command;
    const char *option = known_option(command);
    char **words = option ? insert(command, option) : NULL;
    struct finding *findings = apart_findings(MEND_COUNT);
    struct subject mended[MEND_COUNT] = {*subject, *subject, *subject};
    struct apart work[MEND_COUNT];
    enum mend first = words ? MEND_OPTION : MEND_STDBUF;

    buffering_advise(command, diagnosis->advice, sizeof(diagnosis->advice));
    if (!findings) {
        free(words);
        return;
    }
    mended[MEND_OPTION].service.handler.command = words;
    mended[MEND_STDBUF].service.handler.unbuffer = UNBUFFER_STDBUF;
    mended[MEND_PTY].service.handler.unbuffer = UNBUFFER_PTY;
    for (enum mend i = first; i < MEND_COUNT; i++)
        work[i] =
            (struct apart){.work = trial_codec, .subject = &mended[i], .finding = &findings[i]};
    apart_run(work + first, MEND_COUNT - first);
    diagnosis->words = words;
    for (enum mend i = first; i < MEND_COUNT; i++) {
        char name[sizeof(diagnosis->lines[0].name)];

        name_line(i, option, name, sizeof(name));
        diagnosis_add(diagnosis, name, NULL, &findings[i]);
        if (findings[i].result == TRIAL_ANSWERS && !diagnosis->answers)
            adopt(diagnosis, &mended[i], &findings[i]);
    }
    if (words && findings[MEND_OPTION].result != TRIAL_ANSWERS)
        diagnosis->advice[0] = '\0'; /* another program of that name */
    apart_release(findings, MEND_COUNT);
}
