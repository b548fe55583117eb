/* The log: what a line looks like in each format, and that nobody waits for its reader. */
#include "base/log.h"

#include "unit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char file[] = "/tmp/framed-log-XXXXXX";
static char text[8192];

static void open_log(enum log_format format, int level)
{
    const struct log_settings settings = {
        .target = LOG_TARGET_FILE, .format = format, .level = level, .file = file};

    ck_assert_int_eq(log_open(&settings), 0);
}

static void setup(void)
{
    int fd;

    strcpy(file + strlen(file) - 6, "XXXXXX");
    fd = mkstemp(file);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(file);
}

/* What has been written since the start. */
static const char *written(void)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, text, sizeof(text) - 1);

    ck_assert_int_ge(got, 0);
    text[got] = '\0';
    close(fd);
    return text;
}

START_TEST(text_quotes_what_needs_it)
{
    open_log(LOG_FORMAT_TEXT, LOG_INFO);
    log_info("listen", LOG_STR("address", "tcp:[::1]:7"), LOG_STR("left_out", NULL),
             LOG_STR("words", "two \"words\""), LOG_STR("empty", ""), LOG_INT("n", -5),
             LOG_BYTES("bytes", "a\0\xff\n", 4));
    ck_assert_ptr_nonnull(strstr(written(), "Z level=info event=listen address=tcp:[::1]:7 "
                                            "words=\"two \\\"words\\\"\" empty=\"\" n=-5 "
                                            "bytes=\"a\\x00\\xff\\n\"\n"));
    ck_assert_int_eq(strncmp(text, "time=20", 7), 0);
}
END_TEST

START_TEST(json_parses_whatever_the_bytes)
{
    char all[256];
    json_t *line;

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    open_log(LOG_FORMAT_JSON, LOG_INFO);
    log_set_identity("echo", 3);
    log_warning("closed", LOG_BYTES("bytes", all, sizeof(all)), LOG_INT("n", INT64_MIN));
    log_set_identity(NULL, -1);
    line = json_loads(written(), JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
    ck_assert_ptr_nonnull(line);
    ck_assert_str_eq(json_string_value(json_object_get(line, "service")), "echo");
    ck_assert_int_eq(json_integer_value(json_object_get(line, "slot")), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(line, "n")), INT64_MIN);
    ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "warning");
    json_decref(line);
}
END_TEST

/* A line is a line however long its fields: cut, ended, and still JSON in form. */
START_TEST(long_lines_are_cut)
{
    static char long_text[20000];

    memset(long_text, 'y', sizeof(long_text) - 1);
    open_log(LOG_FORMAT_TEXT, LOG_INFO);
    log_info("long", LOG_STR("text", long_text));
    log_info("next", LOG_INT("n", 1));
    ck_assert_uint_le(strcspn(written(), "\n"), 4096);
    ck_assert_ptr_nonnull(strstr(text, "\ntime="));
}
END_TEST

START_TEST(long_json_lines_stay_json)
{
    static char long_text[20000];
    json_t *line;

    memset(long_text, '"', sizeof(long_text) - 1);
    open_log(LOG_FORMAT_JSON, LOG_INFO);
    log_info("long", LOG_STR("text", long_text), LOG_STR("more", long_text), LOG_INT("n", 1));
    line = json_loads(written(), JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
    ck_assert_ptr_nonnull(line);
    json_decref(line);
}
END_TEST

START_TEST(level_filters)
{
    open_log(LOG_FORMAT_TEXT, LOG_WARNING);
    log_info("quiet", LOG_INT("n", 1));
    log_warning("loud", LOG_INT("n", 2));
    ck_assert_ptr_null(strstr(written(), "quiet"));
    ck_assert_ptr_nonnull(strstr(text, "loud"));
    ck_assert(!log_enabled(LOG_INFO));
}
END_TEST

START_TEST(reopens_after_a_rotation)
{
    char moved[sizeof(file) + 2];

    snprintf(moved, sizeof(moved), "%s.1", file);
    open_log(LOG_FORMAT_TEXT, LOG_INFO);
    log_info("before", LOG_INT("n", 1));
    ck_assert_int_eq(rename(file, moved), 0);
    ck_assert_int_eq(log_reopen(), 0);
    log_info("after", LOG_INT("n", 2));
    unlink(moved);
    ck_assert_ptr_null(strstr(written(), "before"));
    ck_assert_ptr_nonnull(strstr(text, "after"));
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_changes_nothing)
{
    const struct log_settings bad = {
        .target = LOG_TARGET_FILE, .level = LOG_INFO, .file = "/nonexistent/log"};

    open_log(LOG_FORMAT_TEXT, LOG_INFO);
    ck_assert_int_eq(log_open(&bad), -ENOENT);
    log_info("still", LOG_INT("n", 1));
    ck_assert_ptr_nonnull(strstr(written(), "still"));
}
END_TEST

/* Whoever waits for a reader that does not read would not come to the end of this. */
static void flood(void)
{
    alarm(10);
    for (int i = 0; i < 5000; i++)
        log_info("flood", LOG_INT("n", i));
}

/* Everything in the pipe or terminal FD, up to a size that none of them has. */
static const char *drain(int fd)
{
    static char drained[1 << 20];
    size_t length = 0;
    ssize_t got;

    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (length < sizeof(drained) - 1 &&
           (got = read(fd, drained + length, sizeof(drained) - 1 - length)) > 0)
        length += (size_t)got;
    drained[length] = '\0';
    return drained;
}

enum reader {
    PIPE,
    PIPE_OF_ANOTHER,           /* cannot be opened anew */
    PIPE_OF_ANOTHER_TO_APPEND, /* nor spliced to */
    TERMINAL_OF_ANOTHER,       /* but the one that we were started from */
};

/* [0] for reading. */
static void open_reader(enum reader kind, int ends[2])
{
    if (kind == TERMINAL_OF_ANOTHER) {
        ck_assert_int_ge(ends[0] = posix_openpt(O_RDWR | O_NOCTTY), 0);
        ck_assert_int_eq(grantpt(ends[0]) | unlockpt(ends[0]), 0);
        ck_assert_int_ge(ends[1] = open(ptsname(ends[0]), O_RDWR | O_CLOEXEC), 0);
    } else {
        ck_assert_int_eq(pipe(ends), 0);
    }
    if (kind == PIPE_OF_ANOTHER_TO_APPEND)
        ck_assert_int_eq(fcntl(ends[1], F_SETFL, O_APPEND), 0);
    dup2(ends[1], STDERR_FILENO);
    if (kind != PIPE && getuid() == 0)
        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
}

/* Standard error is not read: lines are lost and counted, whole lines only, and nobody blocks. */
static void write_to_nobody(enum reader kind)
{
    const struct log_settings settings = {.target = LOG_TARGET_STDERR, .level = LOG_INFO};
    const char *lines;
    int ends[2];

    setsid(); /* so that the terminal becomes ours */
    open_reader(kind, ends);
    ck_assert_int_eq(log_open(&settings), 0);
    flood();
    lines = drain(ends[0]);
    ck_assert_ptr_nonnull(strstr(lines, "event=flood n=0"));
    log_info("again", LOG_INT("n", 1));
    ck_assert_ptr_nonnull(strstr(drain(ends[0]), "event=again n=1 lost_lines="));
    log_info("more", LOG_INT("n", 1));
    ck_assert_ptr_nonnull(strstr(lines = drain(ends[0]), "event=more n=1"));
    ck_assert_ptr_null(strstr(lines, "lost_lines"));
}

START_TEST(a_reader_that_stopped_stops_nobody)
{
    int status;
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        write_to_nobody((enum reader)_i);
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Two processes, one pipe: each relays for itself. */
START_TEST(a_forked_process_relays_for_itself)
{
    const struct log_settings settings = {.target = LOG_TARGET_STDERR, .level = LOG_INFO};
    int ends[2];
    int status;
    pid_t pid;

    unlink(file);
    open_reader(PIPE_OF_ANOTHER, ends);
    ck_assert_int_eq(log_open(&settings), 0);
    pid = fork();
    if (pid == 0) {
        log_change(&settings);
        log_info("from-child", LOG_INT("n", 1));
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    log_info("from-parent", LOG_INT("n", 1));
    ck_assert_ptr_nonnull(strstr(drain(ends[0]), "event=from-child n=1\n"));
}
END_TEST

static int listen_as_syslog(void)
{
    const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    unlink("/dev/log");
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

/* A /dev of our own, with a syslog in it that does not read, and is started anew. */
START_TEST(syslog_that_is_busy_stops_nobody)
{
    const struct log_settings settings = {.target = LOG_TARGET_SYSLOG, .level = LOG_INFO};
    char expected[64];
    char line[512] = "";
    int fd;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/dev", "tmpfs", 0, NULL) < 0)
        return; /* not for everybody */
    ck_assert_int_eq(log_open(&settings), -ENOENT);
    fd = listen_as_syslog();
    ck_assert_int_eq(log_open(&settings), 0);
    flood();
    ck_assert_int_gt(recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(strncmp(line, "<30>", 4), 0);
    snprintf(expected, sizeof(expected), " framed[%d]: level=info event=flood n=0", getpid());
    ck_assert_ptr_nonnull(strstr(line, expected));
    close(fd);
    fd = listen_as_syslog();
    log_warning("again", LOG_INT("n", 1));
    memset(line, 0, sizeof(line));
    ck_assert_int_gt(recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(strncmp(line, "<28>", 4), 0);
    ck_assert_ptr_nonnull(strstr(line, "event=again n=1 lost_lines="));
}
END_TEST

START_TEST(a_fifo_that_nobody_reads_is_an_error)
{
    const struct log_settings settings = {
        .target = LOG_TARGET_FILE, .level = LOG_INFO, .file = file};

    unlink(file);
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    alarm(10);
    ck_assert_int_eq(log_open(&settings), -ENXIO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, text_quotes_what_needs_it);
    tcase_add_test(tests, json_parses_whatever_the_bytes);
    tcase_add_test(tests, long_lines_are_cut);
    tcase_add_test(tests, long_json_lines_stay_json);
    tcase_add_test(tests, level_filters);
    tcase_add_test(tests, reopens_after_a_rotation);
    tcase_add_test(tests, a_file_that_cannot_be_opened_changes_nothing);
    tcase_add_loop_test(tests, a_reader_that_stopped_stops_nobody, PIPE, TERMINAL_OF_ANOTHER + 1);
    tcase_add_test(tests, a_forked_process_relays_for_itself);
    tcase_add_test(tests, syslog_that_is_busy_stops_nobody);
    tcase_add_test(tests, a_fifo_that_nobody_reads_is_an_error);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
