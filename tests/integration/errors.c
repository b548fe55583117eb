/* What a user meets when a handler does not do as it should: each line of the log as it is, which
 * says what was seen, and what to do. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No line is longer, whatever the handler says. */
#define LINE_MAX_BYTES 1200

/* The line of the log with EVENT, from its level on; the digits behind `pid=` and `connection=` are
 * N. Allocated. */
static char *line_of(const char *event)
{
    char *text = log_text();
    char *at = strstr(text, event);
    char *line, *to;

    ck_assert_ptr_nonnull(at);
    while (at > text && at[-1] != '\n')
        at--;
    ck_assert_ptr_nonnull(strchr(at, '\n'));
    *strchr(at, '\n') = '\0';
    ck_assert_uint_lt(strlen(at), LINE_MAX_BYTES);
    line = to = strdup(strstr(at, "level="));
    for (const char *from = line; *from;) {
        bool number = strncmp(from, "pid=", 4) == 0 || strncmp(from, "connection=", 11) == 0;

        while (number && *from != '=')
            *to++ = *from++;
        *to++ = *from++;
        if (!number)
            continue;
        from += strspn(from, "0123456789");
        *to++ = 'N';
    }
    *to = '\0';
    free(text);
    return line;
}

static void expect_line(const char *event, const char *wanted)
{
    char *line;

    log_wait(event);
    line = line_of(event);
    ck_assert_str_eq(line, wanted);
    free(line);
}

static void configure(const char *handler, const char *more, char config[1024])
{
    snprintf(config, 1024,
             "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"
             "handler { %s }\n%s }\n",
             handler, more);
}

/* It does not start, for the REASON that the log has. */
static void cannot_start(const char *handler, const char *more, const char *reason)
{
    const char *const arguments[] = {"-c", "$DIR/framed.conf", NULL};
    char wanted[LINE_MAX_BYTES];
    char config[1024];

    configure(handler, more, config);
    daemon_configure(config);
    daemon_launch(arguments, -1);
    ck_assert_int_ne(daemon_wait(), 0);
    snprintf(wanted, sizeof(wanted),
             "level=error event=start-failed reason=\"service \\\"it\\\": %s\"", reason);
    expect_line("event=start-failed", wanted);
}

START_TEST(died_at_its_start)
{
    cannot_start(
        "command = {\"/bin/sh\", \"-c\", \"echo my teeth >&2; echo are gone >&2; exit 3\"}", "",
        "\\\"/bin/sh\\\" ended at its start: exit status 3; it said: my teeth|are gone");
}
END_TEST

START_TEST(printed_before_its_first_request)
{
    cannot_start("command = {\"/bin/sh\", \"-c\", \"echo Welcome; exec cat\"}", "",
                 "\\\"/bin/sh\\\" printed before its first request: \\\"Welcome|\\\"; standard "
                 "output is for replies, one for each message; what is for people goes to "
                 "standard error");
}
END_TEST

START_TEST(printed_before_ready)
{
    cannot_start("command = {\"/bin/sh\", \"-c\", \"echo Good morning, world; exec sleep 60\"} "
                 "codec = record",
                 "",
                 "\\\"/bin/sh\\\" wrote what is no record, or one larger than max_reply allows: "
                 "\\\"Good morning, world|\\\"; standard output is for records only "
                 "(framed-record(5)); what is for people goes to standard error, or into LOG");
}
END_TEST

START_TEST(never_said_ready)
{
    cannot_start("command = {\"/bin/sleep\", \"60\"} codec = record", "deadlines { start = 2s }",
                 "\\\"/bin/sleep\\\" did not say READY in time, as codec = record asks "
                 "(framed-record(5))");
}
END_TEST

/* MESSAGE, in FRAMING, has no reply; EVENT is why. */
static void cannot_answer(const char *framing, const char *handler, const char *more,
                          const char *message, const char *event, const char *wanted)
{
    char config[1024], all[512];
    struct framed_client *client;
    const void *data;
    size_t length;

    snprintf(all, sizeof(all), "framing = %s\n%s", framing, more);
    snprintf(config, sizeof(config),
             "service it { listen = \"unix:$DIR/x.sock\" workers { max = 1 }\n"
             "handler { %s }\n%s }\n",
             handler, all);
    daemon_start(config);
    client = client_open("unix:$DIR/x.sock", framing);
    if (message[0] == '+') /* behind one that it does answer */
        client_expect(client, "well", "well");
    client_send(client, message + (message[0] == '+'));
    ck_assert_int_ne(framed_client_receive(client, &data, &length), FRAMED_OK);
    framed_client_free(client);
    expect_line(event, wanted);
}

#define SCRIPTED "command = {\"$HANDLERS/scripted\"}"

START_TEST(answered_twice)
{
    cannot_answer("line", SCRIPTED, "", "!pair", "event=handler-protocol",
                  "level=warning event=handler-protocol service=it slot=0 handler_pid=N "
                  "reason=\"it wrote more than one reply\" output=\"one\\none too many\\n\" "
                  "suppressed=0 hint=\"standard output is for replies, one for each message; what "
                  "is for people goes to standard error\"");
}
END_TEST

START_TEST(buffers_its_output)
{
    cannot_answer("line", "command = {sed, 's/a/b/'}", "deadlines { request = 500ms }", "aha",
                  "event=handler-timeout",
                  "level=warning event=handler-timeout service=it slot=0 handler_pid=N "
                  "reason=\"it did not answer within the request deadline\" output=\"\" "
                  "suppressed=0 hint=\"it has printed nothing since its start, so it probably "
                  "buffers its output: start it as \\\"sed -u\\\"\"");
}
END_TEST

START_TEST(is_too_slow)
{
    cannot_answer("line", SCRIPTED, "deadlines { request = 500ms }", "+!never",
                  "event=handler-timeout",
                  "level=warning event=handler-timeout service=it slot=0 handler_pid=N "
                  "reason=\"it did not answer within the request deadline\" output=\"\" "
                  "suppressed=0 hint=\"if it needs longer: deadlines.request, now 500 ms\"");
}
END_TEST

START_TEST(is_sent_a_line_feed)
{
    cannot_answer(
        "u32be", SCRIPTED, "", "two\nlines", "event=handler-refused",
        "level=warning event=handler-refused service=it slot=0 bytes=9 reason=\"a message "
        "with a line feed in it cannot be a line\" suppressed=0 hint=\"codec = frame, and "
        "codec = record, take any bytes\"");
}
END_TEST

START_TEST(replies_too_much)
{
    cannot_answer("line", SCRIPTED, "limits { max_reply = 10 }", "!long 11",
                  "event=handler-protocol",
                  "level=warning event=handler-protocol service=it slot=0 handler_pid=N "
                  "reason=\"its reply is larger than max_reply\" output=\"xxxxxxxxxxx\\n\" "
                  "suppressed=0 hint=\"if that is right: limits.max_reply, now 10 bytes\"");
}
END_TEST

START_TEST(replies_what_does_not_fit)
{
    cannot_answer("u8", SCRIPTED, "", "!long 300", "event=reply-misfit",
                  "level=warning event=reply-misfit service=it slot=0 reason=oversize connection=N "
                  "bytes=300 framing=u8 max_reply=16777216 suppressed=0 hint=\"a framing, or a "
                  "max_reply, that holds such a reply\"");
}
END_TEST

START_TEST(prints_text_where_frames_are_due)
{
    cannot_answer("line",
                  "codec = frame command = {\"/bin/sh\", \"-c\", "
                  "\"head -c 6 >/dev/null; echo Welcome to it; exec cat\"}",
                  "", "hi", "event=handler-protocol",
                  "level=warning event=handler-protocol service=it slot=0 handler_pid=N "
                  "reason=\"its reply is larger than max_reply\" output=\"Welcome to it\\n\" "
                  "suppressed=0 hint=\"its output is text without a length before it: a program "
                  "for codec = line? What is for people goes to standard error\"");
}
END_TEST

START_TEST(ends_after_its_work)
{
    cannot_answer("line", "command = {\"/bin/sh\", \"-c\", \"read line\"}", "", "hi",
                  "event=handler-died",
                  "level=warning event=handler-died service=it slot=0 handler_pid=N reason=\"it "
                  "ended before it answered\" status=\"exit status 0\" output=\"\" suppressed=0 "
                  "hint=\"it ended as if it had done its work: a handler goes on with the next "
                  "message until the end of its input\"");
}
END_TEST

/* Whoever looks sees a handler that ends again and again behind a worker that is ready. */
START_TEST(status_tells_of_a_crash_loop)
{
    struct output output;
    char config[1024];

    configure("command = {\"/bin/sh\", \"-c\", \"read line; echo no teeth >&2; exit 4\"}", "",
              config);
    daemon_start(config);
    for (int i = 0; i < 2; i++) {
        int fd = raw_connect("unix:$DIR/x.sock");

        raw_send_text(fd, "hi\n");
        ck_assert_int_eq(raw_end(fd), RAW_EOF);
    }
    status_wait_counter("it", "handler_faults", 2);
    RUN(&output, FRAMECTL, "-s", daemon_control(), "status");
    ck_assert_int_eq(output.status, 0);
    ck_assert_ptr_nonnull(strstr(output.out, "1 of 1 ready"));
    ck_assert_ptr_nonnull(strstr(output.out, "  faults    2 of its handler\n"));
    ck_assert_msg(strstr(output.out, "ago: \"/bin/sh\" was replaced: it ended before it answered "
                                     "(exit status 4); it said: no teeth\n"),
                  "%s", output.out);
}
END_TEST

SUITE("errors", died_at_its_start, printed_before_its_first_request, printed_before_ready,
      never_said_ready, answered_twice, buffers_its_output, is_too_slow, is_sent_a_line_feed,
      replies_too_much, replies_what_does_not_fit, prints_text_where_frames_are_due,
      ends_after_its_work, status_tells_of_a_crash_loop)
