/* Addresses: what is read, what is refused and how it is said, and what connecting comes to. */
#include <framed/address.h>

#include "unit.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define P107                                                                                       \
    "/1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "234567890123456"
_Static_assert(sizeof(P107) - 1 == 107, "the longest path that a socket address holds");

static const struct {
    const char *text;
    struct framed_address expected;
} good[] = {
    {"tcp:127.0.0.1:7000", {.kind = FRAMED_ADDRESS_TCP, .host = "127.0.0.1", .port = 7000}},
    {"tcp:localhost:0", {.kind = FRAMED_ADDRESS_TCP, .host = "localhost"}},
    {"tcp:a-b_c.example:65535",
     {.kind = FRAMED_ADDRESS_TCP, .host = "a-b_c.example", .port = 65535}},
    {"tcp:*:80", {.kind = FRAMED_ADDRESS_TCP, .port = 80}},
    {"tcp:[::1]:7000", {.kind = FRAMED_ADDRESS_TCP, .host = "::1", .port = 7000}},
    {"tcp:[::]:00080", {.kind = FRAMED_ADDRESS_TCP, .host = "::", .port = 80}},
    {"tcp:[fe80::1%lo]:1", {.kind = FRAMED_ADDRESS_TCP, .host = "fe80::1%lo", .port = 1}},
    {"unix:/run/x.sock", {.kind = FRAMED_ADDRESS_UNIX, .path = "/run/x.sock", .mode = 0660}},
    {"unix:x", {.kind = FRAMED_ADDRESS_UNIX, .path = "x", .mode = 0660}},
    {"unix:" P107, {.kind = FRAMED_ADDRESS_UNIX, .path = P107, .mode = 0660}},
    {"unix:@name", {.kind = FRAMED_ADDRESS_UNIX, .path = "name", .abstract = true, .mode = 0660}},
    {"unix:/x,mode=0600", {.kind = FRAMED_ADDRESS_UNIX, .path = "/x", .mode = 0600}},
    {"unix:/x,mode=0", {.kind = FRAMED_ADDRESS_UNIX, .path = "/x", .mode = 0}},
    {"unix:/x,group=www-data,mode=777,user=1000",
     {.kind = FRAMED_ADDRESS_UNIX,
      .path = "/x",
      .mode = 0777,
      .user = "1000",
      .group = "www-data"}},
};

START_TEST(test_good)
{
    const struct framed_address *expected = &good[_i].expected;
    struct framed_address address;
    char error[256] = "";

    memset(&address, 0x55, sizeof(address));
    ck_assert_msg(framed_address_parse(good[_i].text, &address, error, sizeof(error)) == 0,
                  "%s: %s", good[_i].text, error);
    ck_assert_int_eq(address.kind, expected->kind);
    ck_assert_str_eq(address.host, expected->host);
    ck_assert_uint_eq(address.port, expected->port);
    ck_assert_str_eq(address.path, expected->path);
    ck_assert_int_eq(address.abstract, expected->abstract);
    ck_assert_uint_eq(address.mode, expected->mode);
    ck_assert_str_eq(address.user, expected->user);
    ck_assert_str_eq(address.group, expected->group);
}
END_TEST

/* Each message names what was found, or what is allowed, or both: the words must be in it. */
static const struct {
    const char *text;
    const char *found;
    const char *allowed;
} bad[] = {
    {"", "neither", "tcp:HOST:PORT"},
    {"7000", "\"7000\"", "tcp:HOST:PORT"},
    {"127.0.0.1:7000", "neither", "unix:PATH"},
    {"TCP:localhost:1", "neither", "tcp:"},
    {"tcp:", "no port", "tcp:HOST:PORT"},
    {"tcp:localhost", "no port", "tcp:HOST:PORT"},
    {"tcp:localhost:", "port \"\"", "0 to 65535"},
    {"tcp:localhost:http", "port \"http\"", "0 to 65535"},
    {"tcp:localhost:65536", "port \"65536\"", "0 to 65535"},
    {"tcp:localhost:99999999999999999999999", "port \"9999", "0 to 65535"},
    {"tcp:localhost:-1", "port \"-1\"", "0 to 65535"},
    {"tcp:localhost:+1", "port \"+1\"", "0 to 65535"},
    {"tcp:localhost: 1", "port \" 1\"", "0 to 65535"},
    {"tcp:localhost:1 ", "port \"1 \"", "0 to 65535"},
    {"tcp:localhost:0x50", "port \"0x50\"", "0 to 65535"},
    {"tcp::7000", "no host", "*"},
    {"tcp:::1:7000", "brackets", "tcp:[IPV6]:PORT"},
    {"tcp:a b:1", "' '", "letters"},
    {"tcp:a/b:1", "'/'", "letters"},
    {"tcp:[::1:7000", "\"]\"", "\"[\""},
    {"tcp:[::1]", "no port", "tcp:[IPV6]:PORT"},
    {"tcp:[::1]7000", "no port", "tcp:[IPV6]:PORT"},
    {"tcp:[::1]:x", "port \"x\"", "0 to 65535"},
    {"tcp:[127.0.0.1]:1", "127.0.0.1", "IPv6"},
    {"tcp:[]:1", "\"\"", "IPv6"},
    {"tcp:[::1::2::3]:1", "::1::2::3", "IPv6"},
    {"unix:", "no path", "unix:PATH"},
    {"unix:@", "no path", "unix:@NAME"},
    {"unix:,mode=0600", "no path", "unix:PATH"},
    {"unix:" P107 "x", "108 bytes", "107"},
    {"unix:/x,", "option \"\"", "mode=, user=, group="},
    {"unix:/x,mod=0600", "\"mod=0600\", did you mean \"mode=\"?", "mode=, user=, group="},
    {"unix:/x,owner=me", "option \"owner=me\", allowed", "mode=, user=, group="},
    {"unix:/x,mode", "did you mean \"mode=\"?", "mode=, user=, group="},
    {"unix:/x,mode=", "bad mode", "octal"},
    {"unix:/x,mode=0680", "bad mode", "octal"},
    {"unix:/x,mode=rw", "bad mode", "octal"},
    {"unix:/x,mode=1777", "bad mode", "0777"},
    {"unix:/x,mode=77777777777777777777777", "bad mode", "0777"},
    {"unix:/x,user=", "user has 0", "1 to 63"},
    {"unix:/x,group=", "group has 0", "1 to 63"},
    {"unix:/x,mode=0600,mode=0600", "mode=", "twice"},
    {"unix:@x,mode=0600", "abstract", "no mode="},
};

START_TEST(test_bad)
{
    struct framed_address address;
    struct framed_address before;
    char error[512] = "";

    memset(&address, 0x55, sizeof(address));
    before = address;
    ck_assert_int_eq(framed_address_parse(bad[_i].text, &address, error, sizeof(error)), -EINVAL);
    ck_assert_msg(strstr(error, bad[_i].found) && strstr(error, bad[_i].allowed),
                  "%s: \"%s\" lacks \"%s\" or \"%s\"", bad[_i].text, error, bad[_i].found,
                  bad[_i].allowed);
    ck_assert_mem_eq(&address, &before, sizeof(address));
}
END_TEST

START_TEST(test_long_host)
{
    char text[400] = "tcp:";
    struct framed_address address;
    char error[512];

    memset(text + 4, 'a', 255);
    memcpy(text + 4 + 255, ":1", sizeof(":1"));
    ck_assert_int_eq(framed_address_parse(text, &address, error, sizeof(error)), 0);
    memset(text + 4, 'a', 256);
    memcpy(text + 4 + 256, ":1", sizeof(":1"));
    ck_assert_int_eq(framed_address_parse(text, &address, error, sizeof(error)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "256 characters, allowed: 255"));
    /* A message that does not fit is cut, not written behind the end. */
    error[8] = 'x';
    ck_assert_int_eq(framed_address_parse(text, &address, error, 8), -EINVAL);
    ck_assert_uint_eq(strlen(error), 7);
    ck_assert_int_eq(error[8], 'x');
}
END_TEST

/* Resolved and written again, a number is the same text. */
static const char *const same[] = {"tcp:127.0.0.1:7000", "tcp:[::1]:7000", "tcp:[fe80::1%1]:9",
                                   "unix:/run/x.sock",   "unix:@name",     ("unix:" P107)};

START_TEST(test_same)
{
    struct framed_address address;
    struct framed_endpoint endpoint;
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    char error[256] = "";

    ck_assert_int_eq(framed_address_parse(same[_i], &address, error, sizeof(error)), 0);
    ck_assert_msg(framed_address_resolve(&address, false, &endpoint, 1, error, sizeof(error)) == 1,
                  "%s", error);
    framed_address_format((struct sockaddr *)&endpoint.address, endpoint.length, text,
                          sizeof(text));
    ck_assert_str_eq(text, same[_i]);
}
END_TEST

START_TEST(test_format)
{
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(25)};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr other = {.sa_family = AF_APPLETALK};
    char text[FRAMED_ADDRESS_TEXT_SIZE];

    ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr), 1);
    framed_address_format((struct sockaddr *)&mapped, sizeof(mapped), text, sizeof(text));
    ck_assert_str_eq(text, "tcp:192.0.2.7:25");
    framed_address_format((struct sockaddr *)&name, sizeof(name.sun_family), text, sizeof(text));
    ck_assert_str_eq(text, "unix:");
    memcpy(name.sun_path, "\0a\nb\0c", 6);
    framed_address_format((struct sockaddr *)&name, sizeof(name.sun_family) + 6, text,
                          sizeof(text));
    ck_assert_str_eq(text, "unix:@a?b?c");
    memset(name.sun_path, 'x', sizeof(name.sun_path)); /* the kernel may leave no NUL */
    framed_address_format((struct sockaddr *)&name, sizeof(name), text, sizeof(text));
    ck_assert_uint_eq(strlen(text), strlen("unix:") + sizeof(name.sun_path));
    framed_address_format(&other, sizeof(other), text, sizeof(text));
    ck_assert_str_eq(text, "unknown");
    framed_address_format((struct sockaddr *)&mapped, sizeof(mapped), text, 5);
    ck_assert_str_eq(text, "tcp:");
}
END_TEST

START_TEST(test_wildcard)
{
    const struct framed_address address = {.kind = FRAMED_ADDRESS_TCP, .port = 7000};
    struct framed_endpoint endpoints[2];
    char text[FRAMED_ADDRESS_TEXT_SIZE];
    char error[256];

    ck_assert_int_eq(framed_address_resolve(&address, true, endpoints, 2, error, sizeof(error)), 2);
    framed_address_format((struct sockaddr *)&endpoints[0].address, endpoints[0].length, text,
                          sizeof(text));
    ck_assert_str_eq(text, "tcp:[::]:7000");
    framed_address_format((struct sockaddr *)&endpoints[1].address, endpoints[1].length, text,
                          sizeof(text));
    ck_assert_str_eq(text, "tcp:0.0.0.0:7000");
    ck_assert_int_eq(framed_address_resolve(&address, true, endpoints, 1, error, sizeof(error)), 1);
    ck_assert_int_eq(framed_address_resolve(&address, false, endpoints, 2, error, sizeof(error)),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "only for listening"));
}
END_TEST

START_TEST(test_unresolvable)
{
    /* RFC 6761: no resolver knows anything below "invalid". */
    const struct framed_address unknown = {
        .kind = FRAMED_ADDRESS_TCP, .host = "nowhere.invalid", .port = 1};
    const struct framed_address no_port = {.kind = FRAMED_ADDRESS_TCP, .host = "127.0.0.1"};
    struct framed_endpoint endpoint;
    char error[256];

    ck_assert_int_lt(framed_address_resolve(&unknown, false, &endpoint, 1, error, sizeof(error)),
                     0);
    ck_assert_ptr_nonnull(strstr(error, "nowhere.invalid"));
    ck_assert_int_eq(framed_address_resolve(&no_port, false, &endpoint, 1, error, sizeof(error)),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(error, "port 0"));
    ck_assert_int_eq(framed_address_resolve(&no_port, true, &endpoint, 1, error, sizeof(error)), 1);
}
END_TEST

/* A listener on a port of the kernel's choice; *ADDRESS is how to reach it. */
static int listen_tcp(struct framed_address *address)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    *address = (struct framed_address){
        .kind = FRAMED_ADDRESS_TCP, .host = "127.0.0.1", .port = ntohs(name.sin_port)};
    return fd;
}

static int listen_unix(struct framed_address *address, int backlog)
{
    struct framed_endpoint endpoint;
    char error[256];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    *address = (struct framed_address){.kind = FRAMED_ADDRESS_UNIX, .abstract = true};
    snprintf(address->path, sizeof(address->path), "framed-test-%d", getpid());
    ck_assert_int_eq(framed_address_resolve(address, true, &endpoint, 1, error, sizeof(error)), 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&endpoint.address, endpoint.length), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

START_TEST(test_connect)
{
    struct framed_address address;
    struct timeval limit;
    socklen_t length = sizeof(limit);
    int no_delay = 0;
    char error[256] = "";
    int listener = listen_tcp(&address);
    int fd = framed_connect(&address, 5000, error, sizeof(error));

    ck_assert_msg(fd >= 0, "%s", error);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    /* The limit for connecting is none for sending. */
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &length), 0);
    ck_assert_int_eq(limit.tv_sec, 0);
    ck_assert_int_eq(limit.tv_usec, 0);
    length = sizeof(no_delay);
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
    ck_assert_int_ne(no_delay, 0);
    close(fd);
    close(listener);
}
END_TEST

START_TEST(test_connect_refused)
{
    struct framed_address address;
    char expected[64];
    char error[256] = "";

    close(listen_tcp(&address));
    ck_assert_int_eq(framed_connect(&address, 5000, error, sizeof(error)), -ECONNREFUSED);
    snprintf(expected, sizeof(expected), "tcp:127.0.0.1:%u: ", address.port);
    ck_assert_ptr_nonnull(strstr(error, expected));
    ck_assert_ptr_nonnull(strstr(error, strerror(ECONNREFUSED)));
    address = (struct framed_address){.kind = FRAMED_ADDRESS_UNIX, .path = "/nonexistent/x"};
    ck_assert_int_eq(framed_connect(&address, 0, error, sizeof(error)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(error, "unix:/nonexistent/x: "));
}
END_TEST

/* A full queue of a Unix socket gives no event to wait for: the limit must hold all the same. */
START_TEST(test_connect_full)
{
    struct framed_address address;
    struct timespec before;
    struct timespec after;
    long elapsed_ms;
    char error[256] = "";
    int listener = listen_unix(&address, 0);
    int first = framed_connect(&address, 1000, error, sizeof(error));

    ck_assert_msg(first >= 0, "%s", error);
    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_assert_int_eq(framed_connect(&address, 200, error, sizeof(error)), -ETIMEDOUT);
    clock_gettime(CLOCK_MONOTONIC, &after);
    elapsed_ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
    ck_assert_int_ge(elapsed_ms, 150);
    ck_assert_int_lt(elapsed_ms, 5000);
    close(first);
    close(listener);
}
END_TEST

static Suite *address_suite(void)
{
    Suite *suite = suite_create("address");
    TCase *tcase = tcase_create("address");

    tcase_add_loop_test(tcase, test_good, 0, (int)COUNT(good));
    tcase_add_loop_test(tcase, test_bad, 0, (int)COUNT(bad));
    tcase_add_test(tcase, test_long_host);
    tcase_add_loop_test(tcase, test_same, 0, (int)COUNT(same));
    tcase_add_test(tcase, test_format);
    tcase_add_test(tcase, test_wildcard);
    tcase_add_test(tcase, test_unresolvable);
    tcase_add_test(tcase, test_connect);
    tcase_add_test(tcase, test_connect_refused);
    tcase_add_test(tcase, test_connect_full);
    tcase_set_timeout(tcase, 30); /* a resolver may be slow to say no */
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return unit_run(address_suite());
}
