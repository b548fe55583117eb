/* The end of each program of unit tests. Tests that need a running framed have another (see
 * tests/support/suite.h). */
#ifndef FRAMED_TESTS_UNIT_H
#define FRAMED_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

/* Runs SUITE and frees it: the program's exit status. */
static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
