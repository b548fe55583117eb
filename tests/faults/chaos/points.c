/*
 * What base/points.h stands for in the program that is built for these tests. A file of the name
 * POINT-SIGNAL in $FRAMED_TEST_POINTS asks for one process: the first one that comes to the point
 * takes the file away, and gets the signal.
 */
#include "base/points.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void test_point(const char *name)
{
    static const int numbers[] = {SIGKILL, SIGSTOP, SIGABRT};
    const char *folder = getenv("FRAMED_TEST_POINTS");
    char path[256];

    for (size_t i = 0; folder && i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s-%d", folder, name, numbers[i]);
        if (unlink(path) == 0)
            kill(getpid(), numbers[i]);
    }
}
