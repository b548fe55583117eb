/* Host names of listeners: looked up at the start, and never again. */
#include "master/lookup.h"

#include "unit.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct framed_address address_of(const char *text)
{
    struct framed_address address;
    char error[256];

    ck_assert_int_eq(framed_address_parse(text, &address, error, sizeof(error)), 0);
    return address;
}

/* "127.1" is no address in the standard form: the resolver must be asked. */
START_TEST(known_names_are_kept)
{
    const struct framed_address known = address_of("tcp:127.1:7");
    const struct framed_address other_port = address_of("tcp:127.1:8");
    struct framed_endpoint first[FRAMED_ENDPOINTS_MAX];
    struct framed_endpoint again[FRAMED_ENDPOINTS_MAX];
    struct lookups lookups = {0};
    char error[256];

    ck_assert_int_eq(lookup_endpoints(&lookups, &known, first, FRAMED_ENDPOINTS_MAX, error, 256),
                     1);
    lookups.closed = true;
    ck_assert_int_eq(lookup_endpoints(&lookups, &known, again, FRAMED_ENDPOINTS_MAX, error, 256),
                     1);
    ck_assert_mem_eq(&first[0].address, &again[0].address, first[0].length);
    ck_assert_int_eq(
        lookup_endpoints(&lookups, &other_port, again, FRAMED_ENDPOINTS_MAX, error, 256), -EBUSY);
    ck_assert_ptr_nonnull(strstr(error, "\"127.1\""));
    lookup_free(&lookups);
}
END_TEST

START_TEST(addresses_need_no_lookup)
{
    static const char *const texts[] = {"tcp:127.0.0.1:7", "tcp:[::1]:7", "tcp:*:7",
                                        "tcp:localhost:7", "unix:/x.sock"};
    struct lookups lookups = {.closed = true};
    struct framed_endpoint endpoints[FRAMED_ENDPOINTS_MAX];
    char error[256];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct framed_address address = address_of(texts[i]);

        ck_assert_int_gt(lookup_endpoints(&lookups, &address, endpoints, FRAMED_ENDPOINTS_MAX,
                                          error, sizeof(error)),
                         0);
    }
    ck_assert_ptr_null(lookups.first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lookup");
    TCase *tests = tcase_create("lookup");

    tcase_add_test(tests, known_names_are_kept);
    tcase_add_test(tests, addresses_need_no_lookup);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
