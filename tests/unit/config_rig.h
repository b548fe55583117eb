/* What the tests of the configuration share: a folder of files, and loads that must fail or not. */
#ifndef FRAMED_TESTS_CONFIG_RIG_H
#define FRAMED_TESTS_CONFIG_RIG_H

#include "config/config.h"
#include "unit.h"

#include <check.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RIG_PATH_SIZE 256

static char folder[] = "/tmp/framed-config-XXXXXX";

static void rig_setup(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

static void rig_teardown(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The path of NAME in the folder; static storage. */
static inline const char *path_of(const char *name)
{
    static char path[RIG_PATH_SIZE];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static inline void write_bytes(const char *name, const char *text, size_t length)
{
    FILE *file = fopen(path_of(name), "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, length, file), length);
    ck_assert_int_eq(fclose(file), 0);
}

static inline void write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* Loads NAME, which must be right. The caller frees it. */
static inline struct config *load_good(const char *name)
{
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;
    int result = config_load(path_of(name), &config, error, sizeof(error));

    ck_assert_msg(result == 0, "%s", error);
    return config;
}

/* Loads the file `c`, which must be wrong as EXPECTED says; "@/" stands for the folder. */
static inline void expect_error(const char *expected)
{
    char wanted[2 * CONFIG_ERROR_SIZE] = "";
    char error[CONFIG_ERROR_SIZE] = "";
    struct config *config = NULL;
    size_t used = 0;

    for (const char *at = expected; *at != '\0'; at++) {
        const bool mark = at[0] == '@' && at[1] == '/';

        used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%.*s", mark ? 64 : 1,
                                 mark ? folder : at);
    }
    ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
    ck_assert_ptr_null(config);
    ck_assert_str_eq(error, wanted);
}

/* What config_print() writes; the caller frees it. */
static inline char *printed(const struct config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(file);
    config_print(config, file);
    ck_assert_int_eq(fclose(file), 0);
    return text;
}

/* Printing and reading again changes nothing. Frees CONFIG. */
static inline void check_round_trip(struct config *config)
{
    char *first = printed(config);
    struct config *again;
    char *second;

    write_file("printed", first);
    again = load_good("printed");
    second = printed(again);
    ck_assert_str_eq(first, second);
    ck_assert_uint_eq(again->service_count, config->service_count);
    for (size_t i = 0; i < config->service_count; i++)
        ck_assert_uint_eq(framed_framing_max(again->services[i].framing),
                          framed_framing_max(config->services[i].framing));
    free(first);
    free(second);
    config_free(again);
    config_free(config);
}

#endif
