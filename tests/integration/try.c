/* `framed try`: what it says of good and of bad handlers, and that what it prints can be pasted. */
#include "support/daemon.h"
#include "support/process.h"
#include "support/suite.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 24

/* `framed try --timeout 2s WORDS`, which is to end with STATUS and to have said each of SAID. */
static void check_try(int status, const char *const *said, const char *const *words)
{
    const char *all[WORDS_MAX] = {FRAMED, "try", "--timeout", "2s"};
    struct output output;

    for (size_t i = 0; words[i]; i++)
        all[4 + i] = words[i][0] == '$' ? expand(words[i]) : words[i];
    process_run(all, &output);
    ck_assert_msg(output.status == status, "status %d\n%s%s", output.status, output.out,
                  output.err);
    for (size_t i = 0; said[i]; i++)
        ck_assert_msg(strstr(output.out, said[i]) || strstr(output.err, said[i]),
                      "\"%s\" is missing in\n%s%s", said[i], output.out, output.err);
    if (strstr(output.out, "\nservice ")) {
        daemon_write("pasted.conf", strstr(output.out, "\nservice "));
        RUN(&output, FRAMED, "check", "-c", expand("$DIR/pasted.conf"));
        ck_assert_msg(output.status == 0, "%s", output.err);
    }
    daemon_check_gone();
}

#define SAID(...) ((const char *const[]){__VA_ARGS__, NULL})
#define TRY(status, said, ...) check_try((status), (said), (const char *const[]){__VA_ARGS__, NULL})

START_TEST(good_handlers_work)
{
    TRY(0,
        SAID("PASS  codec line", "PASS  empty message", "PASS  64 KiB", "PASS  1 MiB",
             "PASS  any bytes", "PASS  end of input", "PASS  SIGTERM", "PASS  speed", "It works",
             "codec = line"),
        "--", "$HANDLERS/scripted");
    TRY(0, SAID("PASS  codec frame", "PASS  any bytes", "PASS  1 MiB", "codec = frame"), "--",
        "$HANDLERS/scripted", "--frame");
}
END_TEST

START_TEST(buffering_is_told_and_mended)
{
    TRY(1,
        SAID("no    codec line        it buffers", "PASS  -u", "PASS  unbuffer = stdbuf",
             "PASS  unbuffer = pty", "It does so:", "{\"sed\", \"-u\", \"s/a/b/\"}"),
        "--", "sed", "s/a/b/");
    TRY(1, SAID("PASS  unbuffer = stdbuf", "It does so:", "unbuffer = stdbuf"), "--", "tr", "a",
        "b");
    TRY(0, SAID("It works", "unbuffer = pty"), "--unbuffer", "pty", "--", "tr", "a", "b");
    TRY(1, SAID("no    unbuffer = pty", "only at the end of its input"), "--", "sort");
}
END_TEST

START_TEST(bad_handlers_are_told)
{
    TRY(1, SAID("no    codec record"), "--codec", "record", "--timeout", "300ms", "--", "cat");
    TRY(1, SAID("ended (exit status 3): no luck today"), "--", "$HANDLERS/scripted", "--fail",
        "no luck today");
    TRY(1, SAID("it prints before it is asked: \"hello|\""), "--", "sh", "-c",
        "echo hello; exec cat");
    TRY(1, SAID("more than one reply: \"one|one too many|\""), "--codec", "line", "--message",
        "!pair", "--", "$HANDLERS/scripted");
    TRY(1, SAID("ended (exit status 4)"), "--codec", "line", "--message=!die 4", "--",
        "$HANDLERS/scripted");
    TRY(1, SAID("what was given: no answer"), "--codec", "line", "--message", "x", "--", "grep",
        "--line-buffered", "-v", "x");
    TRY(1, SAID("go on reading"), "--codec", "line", "--", "head", "-n", "1");
    TRY(1, SAID("not found"), "--", "sh", "-c", "nosuchprogram: not found >&2; exit 1");
    TRY(1, SAID("/nowhere/handler"), "--", "/nowhere/handler");
}
END_TEST

/* Of several kinds of sample, one is understood; the others end the program. */
START_TEST(a_handler_that_understands_little_is_not_misjudged)
{
    TRY(0, SAID("answers JSON", "NOTE  any bytes         it ended (exit status 9): no JSON"), "--",
        "sh", "-c",
        "while read -r x; do case $x in {*|\\\"*) echo ok ;; *) echo no JSON >&2; exit 9 ;; esac; "
        "done");
}
END_TEST

START_TEST(one_that_does_not_end_is_ended)
{
    TRY(0, SAID("NOTE  end of input", "NOTE  SIGTERM"), "--timeout", "300ms", "--",
        "$HANDLERS/scripted", "--deaf");
}
END_TEST

START_TEST(a_handler_of_records_keeps_the_rules)
{
    TRY(0,
        SAID("PASS  codec record", "PASS  answer", "PASS  window", "PASS  empty", "PASS  large",
             "PASS  binary", "PASS  pieces", "PASS  unknown", "PASS  cancel", "PASS  one-way",
             "PASS  unasked", "PASS  stop", "PASS  end", "[RULES 6]", "codec = record"),
        "--codec", "record", "--", "$HANDLERS/recorder");
}
END_TEST

#define WHO "[ \"$(id -un) $(umask) $(pwd) $X\" = \"nobody 0077 / 1\" ] && exec cat"

/* What a worker would make of it, and not what we are. */
START_TEST(a_program_is_who_it_will_be)
{
    if (geteuid() != 0)
        return;
    TRY(0, SAID("PASS  codec line", "X = \"1\""), "--codec", "line", "--user", "nobody", "--umask",
        "077", "--directory", "/", "--env", "X=1", "--", "sh", "-c", WHO);
    TRY(0, SAID("PASS  codec line", "user = \"nobody\""), "--codec", "line", "--process-user",
        "nobody", "--umask", "077", "--directory", "/", "--env", "X=1", "--", "sh", "-c", WHO);
}
END_TEST

START_TEST(findings_as_json)
{
    struct output output;
    json_t *found;

    RUN(&output, FRAMED, "try", "--json", "--requests", "10", "--", "cat");
    ck_assert_int_eq(output.status, 0);
    found = json_loads(output.out, 0, NULL);
    ck_assert_msg(found != NULL, "%s", output.out);
    ck_assert(json_is_true(json_object_get(found, "works")));
    ck_assert_str_eq(json_string_value(json_object_get(found, "codec")), "line");
    ck_assert_int_eq(
        json_integer_value(json_object_get(json_object_get(found, "speed"), "requests")), 10);
    ck_assert_uint_ge(json_array_size(json_object_get(found, "findings")), 10);
    ck_assert(strstr(json_string_value(json_object_get(found, "configuration")), "service cat {"));
    json_decref(found);
}
END_TEST

START_TEST(wrong_usage_is_told)
{
    TRY(2, SAID("no handler"), "--json");
    TRY(2, SAID("--timeout: found \"soon\""), "--timeout", "soon", "--", "cat");
    TRY(2, SAID("--requests: found \"0\""), "--requests=0", "--", "cat");
    TRY(2, SAID("--messages: found \"/nowhere\""), "--messages", "/nowhere", "--", "cat");
    TRY(2, SAID("--message: found \"nothing\""), "--message");
    TRY(2, SAID("only a program"), "--builtin", "echo");
    TRY(2, SAID("--reply: found \"none\""), "--reply", "none", "--", "cat");
    TRY(2, SAID("unknown option"), "--colour", "--", "cat");
    TRY(0, SAID("usage: framed try"), "--help");
}
END_TEST

SUITE("try", good_handlers_work, buffering_is_told_and_mended, bad_handlers_are_told,
      a_handler_that_understands_little_is_not_misjudged, one_that_does_not_end_is_ended,
      a_handler_of_records_keeps_the_rules, a_program_is_who_it_will_be, findings_as_json,
      wrong_usage_is_told)
