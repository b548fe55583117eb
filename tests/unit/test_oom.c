/* Who counts the kernel's kills for want of memory, and how many there were. */
#include "base/oom.h"

#include "unit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define V2_MOUNT                                                                                   \
    "22 27 0:20 / /proc rw - proc proc rw\n"                                                       \
    "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V1_MOUNTS                                                                                  \
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"                 \
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"                   \
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"

static const struct {
    const char *what;
    const char *cgroup;
    const char *mountinfo;
    const char *file; /* NULL: none */
} places[] = {
    {"a service on v2", "0::/system.slice/framed.service\n", V2_MOUNT,
     "/sys/fs/cgroup/system.slice/framed.service/memory.events"},
    {"the root of a namespace", "0::/\n", V2_MOUNT, "/sys/fs/cgroup/memory.events"},
    {"v1", "9:name=systemd:/\n4:cpu,cpuacct:/c\n3:memory:/box/1\n0::/other\n", V1_MOUNTS,
     "/sys/fs/cgroup/memory/box/1/memory.oom_control"},
    {"v1 with another controller beside it", "3:hugetlb,memory:/box\n", V1_MOUNTS,
     "/sys/fs/cgroup/memory/box/memory.oom_control"},
    {"v1 without memory", "9:name=systemd:/\n0::/only\n", V1_MOUNTS,
     "/sys/fs/cgroup/unified/only/memory.events"},
    {"a part of the tree is mounted", "0::/docker/abc/inner\n",
     "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "/sys/fs/cgroup/inner/memory.events"},
    {"and we are its root", "0::/docker/abc\n",
     "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "/sys/fs/cgroup/memory.events"},
    {"another part is mounted", "0::/elsewhere\n",
     "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
     "/sys/fs/cgroup/memory.events"},
    {"nothing is mounted", "0::/x\n", "22 27 0:20 / /proc rw - proc proc rw\n", NULL},
    {"a kernel without cgroups", "", V2_MOUNT, NULL},
    {"noise", "::\n:\n\nmemory", "\n - \nx y - cgroup2\n", NULL},
};

START_TEST(finds_the_file)
{
    char file[512] = "";

    ck_assert_int_eq(oom_find(places[_i].cgroup, places[_i].mountinfo, file, sizeof(file)),
                     places[_i].file != NULL);
    if (places[_i].file)
        ck_assert_msg(strcmp(file, places[_i].file) == 0, "%s: %s", places[_i].what, file);
}
END_TEST

START_TEST(a_path_that_is_too_long_is_none)
{
    char file[16];

    ck_assert(!oom_find(places[0].cgroup, places[0].mountinfo, file, sizeof(file)));
}
END_TEST

static const struct {
    const char *text;
    int64_t count; /* -1: none */
} texts[] = {
    {"low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 7\n", 2},
    {"oom_kill_disable 0\nunder_oom 0\noom_kill 18446744073\n", 18446744073},
    {"oom_kill 5", 5},
    {"oom_kill_disable 1\nunder_oom 0\n", -1},
    {"oom_kill \n", -1},
    {"oom_kill x\n", -1},
    {"", -1},
};

START_TEST(reads_the_count)
{
    uint64_t count = 99;

    ck_assert_int_eq(oom_count(texts[_i].text, &count), texts[_i].count >= 0);
    ck_assert_uint_eq(count, texts[_i].count >= 0 ? (uint64_t)texts[_i].count : 99);
}
END_TEST

static void count_to(const struct oom *oom, const char *text)
{
    FILE *file = fopen(oom->file, "we");

    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(says_what_has_grown)
{
    struct oom oom = {.file = "/tmp/framed-oom-XXXXXX"};
    int fd = mkstemp(oom.file);

    ck_assert_int_ge(fd, 0);
    close(fd);
    count_to(&oom, "oom 9\noom_kill 4\n");
    ck_assert_ptr_null(oom_word(&oom)); /* there was nothing to compare with */
    ck_assert_str_eq(oom_word(&oom), "no");
    count_to(&oom, "oom 9\noom_kill 5\n");
    ck_assert_str_eq(oom_word(&oom), "yes");
    ck_assert_str_eq(oom_word(&oom), "no");
    count_to(&oom, "oom 9\noom_kill 6\n");
    oom_note(&oom);
    ck_assert_str_eq(oom_word(&oom), "no");
    oom.machine = true;
    count_to(&oom, "oom_kill 7\n");
    ck_assert_str_eq(oom_word(&oom), "perhaps");
    unlink(oom.file);
    ck_assert_ptr_null(oom_word(&oom));
}
END_TEST

START_TEST(this_machine_counts_or_says_nothing)
{
    struct oom oom;

    oom_init(&oom);
    if (oom.known)
        ck_assert_ptr_nonnull(oom_word(&oom));
    else
        ck_assert_ptr_null(oom_word(&oom));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oom");
    TCase *tests = tcase_create("oom");

    tcase_add_loop_test(tests, finds_the_file, 0, (int)(sizeof(places) / sizeof(places[0])));
    tcase_add_test(tests, a_path_that_is_too_long_is_none);
    tcase_add_loop_test(tests, reads_the_count, 0, (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(tests, says_what_has_grown);
    tcase_add_test(tests, this_machine_counts_or_says_nothing);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
