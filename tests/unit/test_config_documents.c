/*
 * What is said of the configuration elsewhere: conf/framed.conf and framed.conf(5) have every key
 * of the schema at its default and no other, `framed run --help` every option, and all shipped
 * files are right.
 */
#include "config_rig.h"

#include "config/schema.h"
#include "config/values.h"

#include <ctype.h>
#include <glob.h>

#define TEXT_SIZE 65536

static const char *source_path(const char *name)
{
    static char path[RIG_PATH_SIZE * 2];
    const char *root = getenv("FRAMED_SOURCE_ROOT");

    ck_assert_msg(root != NULL, "FRAMED_SOURCE_ROOT is not set");
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static const char *source_text(const char *name)
{
    static char text[TEXT_SIZE];
    FILE *file = fopen(source_path(name), "r");
    size_t length;

    ck_assert_msg(file != NULL, "%s", source_path(name));
    length = fread(text, 1, sizeof(text) - 1, file);
    ck_assert_uint_lt(length, sizeof(text) - 1);
    text[length] = '\0';
    fclose(file);
    return text;
}

static struct config *load_source(const char *name)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;

    ck_assert_msg(config_load(source_path(name), &config, error, sizeof(error)) == 0, "%s", error);
    return config;
}

/* The sample with each "#" that hides a key, a section or a brace taken away. */
static void write_uncommented(const char *name)
{
    const char *text = source_text("conf/framed.conf");
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    while (*text != '\0') {
        const size_t blanks = strspn(text, " ");
        const size_t line = strcspn(text, "\n");
        const char *hash = text + blanks;
        const bool block = hash[0] == '#' && (hash[1] == '}' || strncmp(hash + 1, "    ", 4) == 0);

        if (hash[0] == '#' && (islower((unsigned char)hash[1]) || block))
            fprintf(file, "%.*s%.*s\n", (int)blanks, text, (int)(line - blanks - 1), hash + 1);
        else
            fprintf(file, "%.*s\n", (int)line, text);
        text += line + (text[line] != '\0');
    }
    ck_assert_int_eq(fclose(file), 0);
}

static void value_of(const struct schema_row *row, const void *base, char *text, size_t size)
{
    FILE *file = fmemopen(text, size, "w");

    ck_assert_ptr_nonnull(file);
    value_print(row, base, file);
    ck_assert_int_eq(fclose(file), 0);
}

static const void *base_of(const struct schema_row *row, const struct config *config)
{
    if (row->section == SECTION_GLOBAL)
        return config;
    /* Those of a program, a mode, or of rejecting stand with the sample's service that has it. */
    if (row->mode != WORKERS_STATIC)
        return config_find_service(config, row->mode == WORKERS_DYNAMIC ? "elastic" : "seldom");
    if (row->rejects)
        return config_find_service(config, "brisk");
    if (row->codecs == 1U << CODEC_RECORD)
        return config_find_service(config, "engine");
    return config_find_service(config, row->only == HANDLER_COMMAND ? "filter" : "echo");
}

/* Whether the two configurations have the same value in every key that has a default. */
static void check_same(const struct config *a, const struct config *b)
{
    for (int key = 0; key < KEY_COUNT; key++) {
        const struct schema_row *row = schema_row((enum schema_key)key);
        char first[512] = "";
        char second[512] = "";

        if (!row->initial)
            continue;
        value_of(row, base_of(row, a), first, sizeof(first));
        value_of(row, base_of(row, b), second, sizeof(second));
        ck_assert_msg(strcmp(first, second) == 0, "%s: %s is not %s", row->key, first, second);
    }
}

/* Nothing but what has no default. */
static struct config *load_bare(void)
{
    write_file("bare",
               "service echo { listen = unix:@e handler { builtin = echo } }\n"
               "service filter { listen = unix:@f handler { command = cat } }\n"
               "service engine { listen = unix:@g handler { command = cat codec = record } }\n"
               "service elastic { listen = unix:@d handler { builtin = echo } }\n"
               "service seldom { listen = unix:@s handler { builtin = echo } }\n"
               "service brisk { listen = unix:@b handler { builtin = echo } }\n");
    return load_good("bare");
}

START_TEST(the_sample_is_one_service_at_all_defaults)
{
    struct config *sample = load_source("conf/framed.conf");
    const struct service_config *echo = config_find_service(sample, "echo");

    ck_assert_uint_eq(sample->service_count, 1);
    ck_assert_ptr_nonnull(echo);
    ck_assert_uint_eq(echo->listen_count, 1);
    ck_assert_str_eq(echo->listen[0].text, "tcp:127.0.0.1:7000");
    ck_assert_int_eq(echo->handler.type, HANDLER_BUILTIN);
    ck_assert_int_eq(echo->handler.builtin, BUILTIN_ECHO);
    config_free(sample);
}
END_TEST

START_TEST(the_sample_says_the_defaults)
{
    struct config *bare = load_bare();
    struct config *sample;

    write_uncommented("sample");
    sample = load_good("sample");
    ck_assert_uint_eq(sample->service_count, 7);
    check_same(sample, bare);
    ck_assert_ptr_null(sample->user);
    ck_assert_ptr_null(sample->group);
    ck_assert_ptr_null(sample->pid_file);
    config_free(sample);
    config_free(bare);
}
END_TEST

/* KEY as the first word of a line of TEXT. */
static bool begins_a_line(const char *text, const char *key)
{
    const size_t length = strlen(key);

    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text == '\n') {
        const char *word = text + strspn(text, " ");

        if (strncmp(word, key, length) == 0 &&
            (strncmp(word + length, " = ", 3) == 0 || strncmp(word + length, " {", 2) == 0))
            return true;
    }
    return false;
}

START_TEST(the_sample_has_every_key)
{
    static char text[TEXT_SIZE];
    FILE *file;

    write_uncommented("sample");
    file = fopen(path_of("sample"), "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    for (int key = 0; key < KEY_COUNT; key++)
        ck_assert_msg(begins_a_line(text, schema_row((enum schema_key)key)->key),
                      "conf/framed.conf lacks %s", schema_row((enum schema_key)key)->key);
}
END_TEST

/*
 * In framed.conf(5) a key is `.It Ic KEY`, below the heading of its section, and what follows up to
 * the next one says `Default:` and the value.
 */
static const char *manual_entry(const char *text, const struct schema_row *row)
{
    char wanted[SCHEMA_NAME_SIZE];
    const char *at = text;

    if (row->section != SECTION_GLOBAL) {
        snprintf(wanted, sizeof(wanted), "\n.Ss %s", schema_section_name(row->section));
        at = strstr(text, wanted);
    }
    snprintf(wanted, sizeof(wanted), "\n.It Ic %s ", row->key);
    return at ? strstr(at, wanted) : NULL;
}

START_TEST(the_manual_has_every_key_and_default)
{
    const struct schema_row *row = schema_row((enum schema_key)_i);
    const char *text = source_text("daemon/config/framed.conf.5.in");
    const char *entry = manual_entry(text, row);
    const char *next = entry ? strstr(entry + 1, "\n.It Ic ") : NULL;
    char expected[512];
    const char *says;

    ck_assert_msg(entry != NULL, "framed.conf(5) lacks %s", row->key);
    if (!row->initial)
        return;
    snprintf(expected, sizeof(expected), "\nDefault:\n.Li %s .\n", row->initial);
    says = strstr(entry, expected);
    ck_assert_msg(says && (!next || says < next), "framed.conf(5) does not say that %s is %s",
                  row->key, row->initial);
}
END_TEST

static unsigned occurrences(const char *text, const char *what)
{
    unsigned count = 0;

    while ((text = strstr(text, what)) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* A key that was removed must leave the manual too. */
START_TEST(the_manual_has_no_other_key)
{
    ck_assert_uint_eq(occurrences(source_text("daemon/config/framed.conf.5.in"), "\n.It Ic "),
                      KEY_COUNT);
}
END_TEST

START_TEST(help_has_every_option)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    char option[SCHEMA_NAME_SIZE];

    ck_assert_ptr_nonnull(file);
    config_print_options(file);
    ck_assert_int_eq(fclose(file), 0);
    for (int key = 0; key < KEY_COUNT; key++) {
        schema_option(schema_row((enum schema_key)key), option);
        ck_assert_msg(strstr(text, option) != NULL, "%s", option);
    }
    free(text);
}
END_TEST

START_TEST(the_quickstart_is_right)
{
    struct config *config = load_source("conf/quickstart.conf");
    const struct service_config *echo = config_find_service(config, "echo");
    const struct service_config *upper = config_find_service(config, "upper");
    char error[CONFIG_ERROR_SIZE];

    ck_assert_str_eq(config->control, "unix:/tmp/framed-quickstart/control.sock,mode=0600");
    ck_assert(echo && upper);
    ck_assert_str_eq(echo->listen[0].text, "tcp:127.0.0.1:7000");
    ck_assert_str_eq(upper->listen[0].text, "tcp:127.0.0.1:7001");
    ck_assert_uint_eq(echo->workers.max, 2);
    ck_assert_uint_eq(upper->workers.max, 2);
    ck_assert_int_eq(config_check_files(config, error, sizeof(error)), 0);
    config_free(config);
}
END_TEST

START_TEST(the_examples_are_right)
{
    glob_t found = {0};

    ck_assert_int_eq(glob(source_path("conf/examples/*/framed.conf"), 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char error[CONFIG_ERROR_SIZE] = "";
        struct config *config = NULL;

        ck_assert_msg(config_load(found.gl_pathv[i], &config, error, sizeof(error)) == 0, "%s",
                      error);
        config_free(config);
    }
    globfree(&found);
}
END_TEST

/* Each key can be found again by what it is called, in a file and on a command line. */
START_TEST(names_are_unique)
{
    char name[SCHEMA_NAME_SIZE];
    char other[SCHEMA_NAME_SIZE];

    for (int a = 0; a < KEY_COUNT; a++) {
        for (int b = 0; b < a; b++) {
            const struct schema_row *one = schema_row((enum schema_key)a);
            const struct schema_row *two = schema_row((enum schema_key)b);

            schema_option(one, name);
            schema_option(two, other);
            ck_assert_str_ne(name, other);
            ck_assert(!one->letter || one->letter != two->letter);
            schema_name(one, name);
            schema_name(two, other);
            ck_assert_str_ne(name, other);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config documents");
    TCase *documents = tcase_create("documents");

    tcase_add_checked_fixture(documents, rig_setup, rig_teardown);
    tcase_add_test(documents, the_sample_is_one_service_at_all_defaults);
    tcase_add_test(documents, the_sample_says_the_defaults);
    tcase_add_test(documents, the_sample_has_every_key);
    tcase_add_loop_test(documents, the_manual_has_every_key_and_default, 0, KEY_COUNT);
    tcase_add_test(documents, the_manual_has_no_other_key);
    tcase_add_test(documents, help_has_every_option);
    tcase_add_test(documents, the_quickstart_is_right);
    tcase_add_test(documents, the_examples_are_right);
    tcase_add_test(documents, names_are_unique);
    suite_add_tcase(suite, documents);
    return unit_run(suite);
}
