#include "support/suite.h"

#include "support/daemon.h"

#include <stdlib.h>

/* Every wait inside has its own bound; this one is for what nobody thought of. */
#define TEST_SECONDS 60

int suite_run(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, TEST_SECONDS);
    tcase_add_checked_fixture(tcase, daemon_setup, daemon_teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
