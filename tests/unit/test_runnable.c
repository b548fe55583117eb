/* base/runnable.c: why a program cannot be run, told from what is found at its place. */
#include "base/runnable.h"
#include "unit.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/framed-runnable-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void teardown(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static void make(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(name, "we");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(name, mode), 0);
}

static void expect(const char *program, const char *path, int failure, const char *wanted)
{
    const struct runnable runnable = {.program = program, .directory = folder, .path = path};
    char text[512];

    ck_assert_int_eq(chdir("/"), 0);
    runnable_explain(&runnable, failure, text, sizeof(text));
    ck_assert_str_eq(text, wanted);
    ck_assert_int_eq(chdir(folder), 0);
}

START_TEST(names_what_is_near)
{
    char path[128];
    char wanted[256];

    make("handler.py", "", 0755);
    snprintf(path, sizeof(path), "/nowhere:%s", folder);
    snprintf(wanted, sizeof(wanted),
             "it is in no folder of PATH (%s); did you mean \"handler.py\"?", path);
    expect("handle.py", path, -ENOENT, wanted);
    expect("jq", "/nowhere:", -ENOENT, "it is in no folder of PATH (/nowhere:)");
    expect("./hanlder.py", "", -ENOENT, "there is no such file; did you mean \"handler.py\"?");
    expect("./quite-another", "", -ENOENT, "there is no such file");
    expect("/no-such-folder/x", "", -ENOENT, "there is no folder \"/no-such-folder\"");
}
END_TEST

START_TEST(reads_the_first_line)
{
    make("gone", "#! /usr/bin/pyhton3 -u\nx\n", 0755);
    make("windows", "#!/bin/sh\r\necho\r\n", 0755);
    make("binary", "\177ELF and so on", 0755);
    make("closed", "#!/etc/passwd\n", 0755);
    expect("./gone", "", -ENOENT,
           "the interpreter of its first line, \"/usr/bin/pyhton3\", is not there");
    expect("./windows", "", -ENOENT,
           "its first line ends with a carriage return, as on Windows: sed -i 's/\\r$//'");
    expect("./binary", "", -ENOENT,
           "the loader that it was built for is not there: it is for another system");
    expect("./closed", "", -EACCES,
           "the interpreter of its first line, \"/etc/passwd\", may not be executed");
}
END_TEST

START_TEST(looks_at_the_permissions)
{
    make("plain", "", 0640);
    expect("./plain", "", -EACCES, "it has no execute permission (mode 0640): chmod +x");
    expect("/tmp", "", -EISDIR, "it is a folder");
    expect("/dev/null", "", -EACCES, "it is no file");
    expect("sh", "/bin", -EACCES, "what PATH leads to may not be executed");
    expect("./plain", "", -E2BIG, "Argument list too long");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runnable");
    TCase *tcase = tcase_create("runnable");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, names_what_is_near);
    tcase_add_test(tcase, reads_the_first_line);
    tcase_add_test(tcase, looks_at_the_permissions);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
