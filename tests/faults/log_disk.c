/* No room for the log: lines are lost and counted, and nothing waits for it. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define SERVICE                                                                                    \
    "service it { listen = \"unix:$DIR/x.sock\" workers { max = 2 } handler { builtin = echo } "   \
    "log_messages = yes }\n"

static void launch_with_log(const char *file)
{
    char config[1024];

    snprintf(config, sizeof(config), "log = \"file:%s\"\n" SERVICE, file);
    daemon_configure(config);
    daemon_launch((const char *const[]){"-c", "$DIR/framed.conf", NULL}, -1);
    ck_assert(UNTIL(status_number("generation") == 1));
}

/* The disk is full, and after a while the log is somewhere else. */
START_TEST(no_room_for_the_log)
{
    char *text;

    ck_assert_int_eq(symlink("/dev/full", expand("$DIR/framed.log")), 0);
    launch_with_log("$DIR/framed.log");
    for (int i = 0; i < 50; i++)
        client_once("unix:$DIR/x.sock", "u32be", "well", "well");
    ck_assert_int_eq(kill(daemon_pid(), SIGHUP), 0);
    ck_assert(UNTIL(status_number("generation") == 2));
    unlink(expand("$DIR/framed.log"));
    ck_assert_int_eq(kill(daemon_pid(), SIGUSR1), 0);
    ck_assert(UNTIL(access(expand("$DIR/framed.log"), F_OK) == 0));
    ck_assert(UNTIL(({
        client_once("unix:$DIR/x.sock", "u32be", "well", "well");
        text = read_whole(expand("$DIR/framed.log"));
        bool told = strstr(text, "event=log-reopened") && strstr(text, " lost_lines=");
        free(text);
        told;
    })));
}
END_TEST

#define DISK "/mnt"

/* A disk that only we see, of four pages, three of them taken. */
static bool make_disk(void)
{
    int fd;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", DISK, "tmpfs", 0, "size=16k") < 0)
        return false;
    fd = open(DISK "/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(posix_fallocate(fd, 0, 8192), 0);
    close(fd);
    return true;
}

/* Whether LINE is one, or the beginning of one that was cut. */
static bool begins_as_a_line(const char *line)
{
    size_t length = strlen(line);

    return strncmp(line, "time=", length < 5 ? length : 5) == 0 &&
           !(length > 5 && strstr(line + 5, "time="));
}

/* How many messages the log tells of, in whole lines, and how many lines it says were lost. */
static void count_messages(unsigned long *told, unsigned long *lost)
{
    char *text = read_whole(DISK "/framed.log");
    char *rest = text;

    *told = *lost = 0;
    ck_assert_ptr_nonnull(text);
    for (char *line; (line = strtok_r(rest, "\n", &rest));) {
        const char *count = strstr(line, " lost_lines=");

        ck_assert_msg(begins_as_a_line(line), "%s", line);
        *told += strstr(line, "event=message") && strstr(line, "bytes=43");
        *lost += count ? strtoul(count + strlen(" lost_lines="), NULL, 10) : 0;
    }
    free(text);
}

START_TEST(full_disk_with_room_again)
{
    static const char message[] = "forty-three bytes, so that its line has end";
    struct framed_client *client;
    unsigned long told, lost, sent = 0;

    if (!make_disk()) {
        puts("SKIP: this user cannot mount a disk");
        return;
    }
    launch_with_log(DISK "/framed.log");
    client = client_open("unix:$DIR/x.sock", "u32be");
    for (int i = 0; i < 300; i++, sent++)
        client_expect(client, message, message);
    ck_assert_int_eq(status_number("pid"), daemon_pid());
    ck_assert_int_eq(unlink(DISK "/filler"), 0);
    for (int i = 0; i < 10; i++, sent++)
        client_expect(client, message, message);
    framed_client_free(client);
    count_messages(&told, &lost);
    ck_assert_uint_gt(lost, 100);
    ck_assert_uint_ge(told, 20);
    ck_assert_msg(told + lost >= sent && told + lost <= sent + 1, "%lu of %lu are lost, %lu told",
                  lost, sent, told);
}
END_TEST

SUITE("log_disk", no_room_for_the_log, full_disk_with_room_again)
