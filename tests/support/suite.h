/* One program of tests: SUITE("reload", test_a, test_b) is its main. Each test has a process, and
 * at most one framed (see daemon.h), of its own. */
#ifndef FRAMED_TESTS_SUITE_H
#define FRAMED_TESTS_SUITE_H

#include <check.h>
#include <stddef.h>

/* For Meson: the whole program is skipped. */
#define EXIT_SKIP 77

int suite_run(const char *name, const TTest *const *tests, size_t count);

#define SUITE(name, ...)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
                                                                                                   \
        return suite_run((name), tests, sizeof(tests) / sizeof(tests[0]));                         \
    }

#endif
