/*
 * `framed try`, the doctor: runs a command as framed would and tells what it is good for. Which
 * codec it speaks (trial.c), what mends its buffering (mend.c), how it takes messages that are odd
 * and its end (checks.c), how fast it is (speed.c), and whether it keeps the rules of
 * framed-record(5) (rules.c). Each of these runs in a process of its own (apart.c), with a fresh
 * co-process, through the code that the workers use; report.c tells what came of it.
 */
#ifndef FRAMED_TRY_TRY_H
#define FRAMED_TRY_TRY_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* `framed try`: ARGV[0] is the word "try". The exit status: 0 it works, 1 it does not, 2 usage. */
int try_main(int argc, char **argv);

/* What the command line says. */
struct try_options {
    struct config *config; /* of one service, as of `framed run` */
    uint64_t timeout_ms;   /* for each step */
    uint64_t requests;     /* that are timed, at most */
    struct iovec *messages;
    size_t message_count; /* 0: of our own making */
    bool codec_given;     /* only that one */
    bool unbuffer_given;
    bool json;
};

/* 0 with OPTIONS, for options_deinit(); -1: go on with nothing, and leave with *STATUS. */
int options_init(struct try_options *options, int argc, char **argv, int *status);
void options_deinit(struct try_options *options);

enum verdict {
    VERDICT_PASS,
    VERDICT_NOTE, /* it works all the same */
    VERDICT_FAIL,
    VERDICT_NO, /* no fault: it speaks another codec, or this does not mend it */
    VERDICT_COUNT
};

/* Whether and how a program answers in one codec, the better the later. */
enum trial_result {
    TRIAL_NOTHING,  /* it was not found out */
    TRIAL_NO_START, /* it ended, or could not be started */
    TRIAL_ENDS,     /* at the message */
    TRIAL_SILENT,
    TRIAL_GARBLED, /* what it writes is no reply in this codec */
    TRIAL_EAGER,   /* it writes before it was asked */
    TRIAL_ONCE,    /* it answers one message, and not the next */
    TRIAL_MANY,    /* it answers one message with more than one reply */
    TRIAL_AT_END,  /* it answers when its input ends, and with less than a reply for each message */
    TRIAL_BUFFERS, /* it answers all of them then */
    TRIAL_ANSWERS,
};

struct speed {
    uint64_t requests; /* 0: not measured */
    double median_us;
    double p99_us;
    double per_second;
};

/* What a process of its own has found out: in memory that it shares with us. */
struct finding {
    bool done;
    enum verdict verdict;
    char text[400];
    enum trial_result result; /* of a trial, as are the next two */
    int kind;                 /* of sample: enum sample_kind */
    uint64_t first_ms;        /* from the start to the first answer */
    uint32_t used;            /* of records: as of struct session */
    struct speed speed;
};

/* The program as it is being tried. */
struct subject {
    const struct try_options *options;
    struct service_config service; /* a copy, with the codec and the unbuffer that are tried */
    int kind;                      /* of sample that it understands */
};

/* One line of the report. */
struct line {
    char name[48];
    const char *section; /* of framed-record(5); NULL: none */
    struct finding finding;
};

#define REPORT_LINES 40

struct diagnosis {
    struct subject subject; /* as it works, if it does */
    struct line lines[REPORT_LINES];
    size_t count;
    bool answers;      /* with SUBJECT's settings */
    bool works;        /* as it was given */
    char advice[400];  /* "" is none */
    char **words;      /* of a command that is not as it was given; NULL: it is */
    uint64_t first_ms; /* as of struct finding */
    struct speed speed;
};

/* The line that was added last, with FINDING. */
struct line *diagnosis_add(struct diagnosis *diagnosis, const char *name, const char *section,
                           const struct finding *finding);

/* apart.c */

/* Work that is done in a process of its own: it tries WHAT, and fills FINDING. */
typedef void apart_work(const struct subject *subject, const void *what, struct finding *finding);

struct apart {
    apart_work *work;
    const struct subject *subject;
    const void *what;
    struct finding *finding; /* of apart_findings() */
    bool wins;               /* if this trial finds an answer, the spare ones are ended */
    bool spare;              /* need not come to an end */
    int pid;                 /* 0: it does not run yet, -1: no more */
};

/* COUNT findings that are shared with all children; NULL without memory. */
struct finding *apart_findings(size_t count);
void apart_release(struct finding *findings, size_t count);

/* Before the first of these: what the work leaves behind, and a signal to end, are dealt with. 0 or
 * a negative errno. */
int apart_init(void);

/* Does all of WORK, some at a time; returns when all have ended, and nothing of them is left. Told
 * to end by a signal, it ends the work, and this process. */
void apart_run(struct apart *work, size_t count);

/* In such a process: whom to kill (0: nobody) if it is told to end. */
void apart_guard(int group);

/* The findings of work: */
apart_work trial_codec;   /* trial.c: is SUBJECT's codec spoken? */
apart_work speed_measure; /* speed.c */

/* mend.c: what makes the diagnosis' subject, which buffers, answer at once. */
void mend_find(struct diagnosis *diagnosis);

/* checks.c, rules.c: a line for each check or rule. */
void checks_run(struct diagnosis *diagnosis);
void rules_run(struct diagnosis *diagnosis);

/* report.c, with the configuration to paste. */
void report_text(const struct diagnosis *diagnosis);
int report_json(const struct diagnosis *diagnosis);

#endif
