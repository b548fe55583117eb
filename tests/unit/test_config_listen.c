/* `listen`: addresses that are bound, and names of sockets that are passed. */
#include "config_rig.h"

#define LISTEN(value) "service a {\n listen = " value " handler { builtin = echo } }\n"

#ifdef HAVE_LIBSYSTEMD

START_TEST(names_of_sockets_are_read)
{
    struct config *config;
    const struct listen_config *listen;

    write_file("c", LISTEN("{\"fd:echo\", unix:@x, \"fd:framed.socket\"}"));
    config = load_good("c");
    listen = config->services[0].listen;
    ck_assert_uint_eq(config->services[0].listen_count, 3);
    ck_assert_str_eq(listen[0].text, "fd:echo");
    ck_assert_str_eq(listen[0].fd_name, "echo");
    ck_assert_ptr_null(listen[1].fd_name);
    ck_assert_str_eq(listen[1].address.path, "x");
    ck_assert_str_eq(listen[2].fd_name, "framed.socket");
    check_round_trip(config);
}
END_TEST

#define NO_NAME(text)                                                                              \
    "@/c:2: service \"a\": listen: address \"" text "\": allowed: fd:NAME, the "                   \
    "FileDescriptorName= of a .socket unit (1 to 255 characters of ASCII, without : and ,)"

static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {LISTEN("fd:x") "service b {\n listen = {fd:y, fd:x} handler { builtin = echo } }\n",
     "@/c:4: service \"b\": listen: found \"fd:x\" a second time, service \"a\" has it"},
    {LISTEN("\"fd:\""), NO_NAME("fd:")},
    {LISTEN("\"fd:a:b\""), NO_NAME("fd:a:b")},
    {LISTEN("\"fd:a\\tb\""), NO_NAME("fd:a\tb")},
    {LISTEN("\"fd:x,mode=0600\""),
     "@/c:2: service \"a\": listen: address \"fd:x,mode=0600\": such a socket has its owner, mode "
     "and backlog from its .socket unit (SocketUser=, SocketGroup=, SocketMode=, Backlog=), "
     "allowed: fd:NAME"},
    {LISTEN("udp:x:1"),
     "@/c:2: service \"a\": listen: address \"udp:x:1\": neither tcp: nor unix:, allowed: "
     "tcp:HOST:PORT, tcp:[IPV6]:PORT, tcp:*:PORT, unix:PATH[,mode=,user=,group=], unix:@NAME, "
     "fd:NAME"},
    {LISTEN("tcp:x:99999"), "@/c:2: service \"a\": listen: address \"tcp:x:99999\": bad port "
                            "\"99999\", allowed: 0 to 65535"},
    {"service a {\n listen = {}\n handler { builtin = echo } }\n",
     "@/c:1: service \"a\": listen: missing, allowed: tcp:HOST:PORT, unix:PATH, unix:@NAME, "
     "fd:NAME"},
    /* Nobody but `listen` can use one. */
    {"control = \"fd:x\"\n" LISTEN("unix:@x"),
     "@/c:1: control: address \"fd:x\": neither tcp: nor unix:, allowed: tcp:HOST:PORT, "
     "tcp:[IPV6]:PORT, tcp:*:PORT, unix:PATH[,mode=,user=,group=], unix:@NAME"},
};

#else

START_TEST(names_of_sockets_are_read)
{
}
END_TEST

static const struct {
    const char *text;
    const char *error;
} wrong[] = {
    {LISTEN("fd:x"), "@/c:2: service \"a\": listen: address \"fd:x\": this framed was built "
                     "without libsystemd, allowed: tcp: and unix:"},
};

#endif

START_TEST(what_is_wrong_is_told)
{
    write_file("c", wrong[_i].text);
    expect_error(wrong[_i].error);
}
END_TEST

START_TEST(a_name_of_the_longest_and_one_more)
{
    char text[512];
    char *at = text + sprintf(text, "service a { handler { builtin = echo } listen = \"fd:");
    struct config *config = NULL;
    char error[CONFIG_ERROR_SIZE] = "";

    memset(at, 'n', 256);
    strcpy(at + 256, "\" }\n");
    write_file("c", text);
    ck_assert_int_lt(config_load(path_of("c"), &config, error, sizeof(error)), 0);
    memset(at, 'n', 255);
    strcpy(at + 255, "\" }\n");
    write_file("c", text);
#ifdef HAVE_LIBSYSTEMD
    config_free(load_good("c"));
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config listen");
    TCase *test = tcase_create("listen");

    tcase_add_checked_fixture(test, rig_setup, rig_teardown);
    tcase_add_test(test, names_of_sockets_are_read);
    tcase_add_loop_test(test, what_is_wrong_is_told, 0, sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(test, a_name_of_the_longest_and_one_more);
    suite_add_tcase(suite, test);
    return unit_run(suite);
}
