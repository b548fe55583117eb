/* handler/buffering.c: what is known of programs that keep their output to themselves. */
#include "handler/buffering.h"
#include "unit.h"

#include <check.h>
#include <string.h>

static const struct {
    const char *words[6];
    const char *advice;
} cases[] = {
    {{"jq", "-c", "."}, "start it as \"jq --unbuffered\""},
    {{"/usr/bin/jq", "."}, "start it as \"/usr/bin/jq --unbuffered\""},
    {{"jq", "--unbuffered", "."},
     "it has --unbuffered already: something else in it buffers, or it is slow"},
    {{"sed", "s/a/b/"}, "start it as \"sed -u\""},
    {{"sed", "-nu", "p"}, "it has -u already: something else in it buffers, or it is slow"},
    {{"grep", "x"}, "start it as \"grep --line-buffered\""},
    {{"/opt/bin/python3.11", "x.py"}, "start it as \"/opt/bin/python3.11 -u\""},
    {{"/usr/bin/env", "-S", "A=b", "python3", "x.py"}, "start it as \"python3 -u\""},
    {{"mawk", "{print}"}, "start it as \"mawk -W interactive\""},
    {{"mawk", "-W", "interactive"},
     "it has -W interactive already: something else in it buffers, or it is slow"},
    {{"sed", "-f", "my-utils.sed"}, "start it as \"sed -u\""},
    {{"gawk", "{print}"}, "call fflush() after each print"},
    {{"perl", "x.pl"}, "put $| = 1; at its start"},
    {{"sh", "-c", "tee log | sed s/a/b/"}, "start it as \"sed -u\""},
    {{"sh", "-c", "sed -u s/a/b/"},
     "it has -u already: something else in it buffers, or it is slow"},
    {{"sort"}, "sort answers only at the end of its input: it cannot be a handler that goes on"},
    {{"./mine"}, "flush after each reply, or try unbuffer = stdbuf, or pty"},
    {{"env"}, "flush after each reply, or try unbuffer = stdbuf, or pty"},
    {{"3"}, "flush after each reply, or try unbuffer = stdbuf, or pty"},
};

START_TEST(says_what_to_do)
{
    char *command[6] = {0};
    char text[160];

    for (size_t i = 0; i < 6; i++)
        memcpy(&command[i], &cases[_i].words[i], sizeof(command[i]));
    buffering_advise(command, text, sizeof(text));
    ck_assert_str_eq(text, cases[_i].advice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffering");
    TCase *tcase = tcase_create("advice");

    tcase_add_loop_test(tcase, says_what_to_do, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
