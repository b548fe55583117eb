/* What a run has come to, for people and for programs. */
#ifndef FRAMED_TOOLS_FRAMEBENCH_REPORT_H
#define FRAMED_TOOLS_FRAMEBENCH_REPORT_H

#include "tools/framebench/load.h"

#include <stdbool.h>
#include <stdint.h>

/* A line on the terminal that replaces itself: at most twice a second. ENDS: clears it. */
struct progress {
    bool shown;
    uint64_t next_ns;
    uint64_t answered;
    uint64_t at_ns;
};
void progress_show(struct progress *progress, const struct load *load);
void progress_end(struct progress *progress);

/* To standard output. */
void report_text(const struct load *load);
void report_json(const struct load *load);

#endif
