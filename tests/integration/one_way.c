/* `reply = none`: messages that nobody answers, with every codec. */
#include "records.h"

#include <stdlib.h>
#include <sys/socket.h>

#define SERVICE(command, codec, more)                                                              \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"              \
    "handler { command = {" command "} codec = " codec " reply = none }\n" more "\n}\n"

static bool file_holds(const char *name, const char *text)
{
    char *whole = read_whole(expand(name));
    bool same = whole && strcmp(whole, text) == 0;

    free(whole);
    return same;
}

/* One client after the other; none gets anything, not even what the handler prints. */
static void tell(const char *text)
{
    int fd = records_connect();

    raw_send(fd, text, strlen(text));
    shutdown(fd, SHUT_WR);
    raw_expect_text(fd, "");
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
}

START_TEST(lines_are_not_answered)
{
    daemon_start(SERVICE("\"tee\", \"$DIR/out\"", "line", ""));
    tell("a\nb\n");
    tell("\nc\n");
    ck_assert(UNTIL(file_holds("$DIR/out", "a\nb\n\nc\n")));
    status_wait_counter("it", "messages", 4);
    ck_assert_int_eq(status_counter("it", "replies"), 0);
    ck_assert(!log_has("event=handler-"));
}
END_TEST

START_TEST(frames_are_not_answered)
{
    char out[8] = "";
    FILE *file;

    daemon_start(SERVICE("\"tee\", \"$DIR/out\"", "frame", ""));
    tell("abc\n");
    file = fopen(expand("$DIR/out"), "re");
    ck_assert_ptr_nonnull(file);
    ck_assert(UNTIL(fseek(file, 0, SEEK_SET) == 0 && fread(out, 1, sizeof(out), file) == 7));
    fclose(file);
    ck_assert_int_eq(memcmp(out, "\0\0\0\3abc", 7), 0);
    ck_assert(!log_has("event=handler-"));
}
END_TEST

START_TEST(records_are_not_answered)
{
    daemon_start(SERVICE(RECORDER, "record", ""));
    tell("a\nb\n");
    log_wait("event=handler-stderr", "text=\"one-way 0 a\"");
    log_wait("event=handler-stderr", "text=\"one-way 0 b\"");
}
END_TEST

/* More than pipe and buffers hold, to one that does not read. */
static void overfill(const char *config)
{
    static char line[100000];
    int fd;

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    daemon_start(config);
    fd = records_connect();
    for (int i = 0; i < 30; i++)
        if (send(fd, line, sizeof(line), MSG_NOSIGNAL) < 0)
            break;
    ck_assert_int_ne(raw_end(fd), RAW_TIMEOUT);
    log_wait("event=closed", "reason=request");
}

START_TEST(one_that_does_not_read_is_replaced)
{
    overfill(SERVICE("\"sleep\", \"1000\"", "line", "deadlines { request = 300ms }"));
    log_wait("event=handler-timeout", "it did not read its request within the deadline");
}
END_TEST

START_TEST(one_that_reads_no_records_is_replaced)
{
    overfill(SERVICE(RECORDER ", \"--asleep\"", "record", "deadlines { request = 300ms }"));
    log_wait("event=handler-timeout", "it did not read for as long as a request may take");
}
END_TEST

/* What clients have been rid of is not lost by a stop in order. */
START_TEST(stop_loses_none)
{
    daemon_start(SERVICE("\"sh\", \"-c\", \"sleep 0.3; cat > $DIR/out\"", "line", ""));
    tell("a\nb\n");
    daemon_stop();
    ck_assert(file_holds("$DIR/out", "a\nb\n"));
}
END_TEST

SUITE("one_way", lines_are_not_answered, frames_are_not_answered, records_are_not_answered,
      one_that_does_not_read_is_replaced, one_that_reads_no_records_is_replaced, stop_loses_none)
