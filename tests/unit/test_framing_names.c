/* Framings by name: what is known, what is suggested for what is not, and the words for verdicts.
 */
#include <framed/framing.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {"u8",    "u16be",     "u16le", "u32be", "u32le",
                                    "u64be", "netstring", "line",  "crlf",  "nul"};

START_TEST(test_every_name_is_listed_and_parsed)
{
    const struct framed_preset *presets = framed_presets();
    char error[16] = "untouched";

    for (size_t i = 0; i < COUNT(names); i++) {
        struct framed_framing framing;

        ck_assert_str_eq(presets[i].name, names[i]);
        ck_assert_uint_gt(strlen(presets[i].grammar), 0);
        ck_assert_int_eq(framed_framing_parse(names[i], &framing, error, sizeof(error)), 0);
        ck_assert_str_eq(framing.name, names[i]);
        ck_assert_uint_eq(framing.max_message, FRAMED_MESSAGE_DEFAULT);
    }
    ck_assert_ptr_null(presets[COUNT(names)].name);
    ck_assert_str_eq(error, "untouched");
}
END_TEST

/* What is found in the message for TEXT, which is no framing; *FRAMING stays as it was. */
static void check_unknown(const char *text, const char *message)
{
    struct framed_framing untouched;
    struct framed_framing framing;
    char error[512];

    memset(&untouched, 0x5a, sizeof(untouched));
    framing = untouched;
    ck_assert_int_eq(framed_framing_parse(text, &framing, error, sizeof(error)), -EINVAL);
    ck_assert_mem_eq(&framing, &untouched, sizeof(framing));
    ck_assert_msg(strstr(error, message) != NULL, "\"%s\" is not in: %s", message, error);
    for (size_t i = 0; i < COUNT(names); i++)
        ck_assert_ptr_nonnull(strstr(error, names[i]));
}

START_TEST(test_unknown_name_gets_the_nearest)
{
    check_unknown("u32b", "\"u32b\"; did you mean \"u32be\"?");
    check_unknown("U32LE", "did you mean \"u32le\"?");
    check_unknown("net-string", "did you mean \"netstring\"?");
    check_unknown("null", "did you mean \"nul\"?");
    check_unknown("lines", "did you mean \"line\"?");
    check_unknown("protobuf", "unknown framing \"protobuf\"; allowed: u8, u16be, ");
    check_unknown("", "unknown framing \"\"; allowed: u8, ");
    check_unknown("u8 ", "unknown framing \"u8 \"; did you mean \"u8\"?");
}
END_TEST

START_TEST(test_message_fits_any_buffer)
{
    struct framed_framing framing;
    char whole[512];
    char text[4096];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    ck_assert_int_eq(framed_framing_parse(text, &framing, whole, sizeof(whole)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(whole, "nul"));
    for (size_t size = 0; size < 200; size++) {
        char *error = malloc(size ? size : 1);

        ck_assert_ptr_nonnull(error);
        ck_assert_int_eq(framed_framing_parse(text, &framing, error, size), -EINVAL);
        if (size > 0) {
            ck_assert_uint_le(strlen(error), size - 1);
            ck_assert_int_eq(strncmp(whole, error, strlen(error)), 0);
        }
        free(error);
    }
}
END_TEST

START_TEST(test_max_message_bounds)
{
    struct framed_framing framing;
    char error[256];

    ck_assert_int_eq(framed_framing_parse("u8", &framing, error, sizeof(error)), 0);
    ck_assert_int_eq(framed_framing_set_max(&framing, 7), 0);
    ck_assert_int_eq(framed_framing_set_max(&framing, 0), -EINVAL);
    ck_assert_int_eq(framed_framing_set_max(&framing, FRAMED_MESSAGE_LIMIT + 1), -EINVAL);
    ck_assert_int_eq(framed_framing_set_max(&framing, SIZE_MAX), -EINVAL);
    ck_assert_uint_eq(framing.max_message, 7);
    ck_assert_int_eq(framed_framing_set_max(&framing, FRAMED_MESSAGE_LIMIT), 0);
    ck_assert_uint_eq(framing.max_message, FRAMED_MESSAGE_LIMIT);
}
END_TEST

START_TEST(test_verdict_words)
{
    static const char *const words[] = {"ok",        "need-more",   "oversize",  "undersize",
                                        "malformed", "bad-trailer", "truncated", "unencodable"};

    ck_assert_uint_eq(COUNT(words), FRAMED_VERDICT_COUNT);
    for (size_t i = 0; i < COUNT(words); i++)
        ck_assert_str_eq(framed_verdict_word((int)i), words[i]);
    ck_assert_str_eq(framed_verdict_word(-1), "unknown");
    ck_assert_str_eq(framed_verdict_word(FRAMED_VERDICT_COUNT), "unknown");
}
END_TEST

static Suite *names_suite(void)
{
    Suite *suite = suite_create("framing names");
    TCase *tcase = tcase_create("names");

    tcase_add_test(tcase, test_every_name_is_listed_and_parsed);
    tcase_add_test(tcase, test_unknown_name_gets_the_nearest);
    tcase_add_test(tcase, test_message_fits_any_buffer);
    tcase_add_test(tcase, test_max_message_bounds);
    tcase_add_test(tcase, test_verdict_words);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(names_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
