/* Why a program cannot be run, in words that say what to do; the kernel has one number for many
 * causes. */
#ifndef FRAMED_BASE_RUNNABLE_H
#define FRAMED_BASE_RUNNABLE_H

#include <stddef.h>

struct runnable {
    const char *program;   /* looked for in PATH if there is no slash in it */
    const char *directory; /* where a relative path begins; NULL: where we are */
    const char *path;      /* of the environment */
};

/* execvp(3) fails, or has failed, with FAILURE (a negative errno): writes why, such as `it has no
 * execute permission (mode 0644): chmod +x`. */
void runnable_explain(const struct runnable *runnable, int failure, char *text, size_t size);

#endif
