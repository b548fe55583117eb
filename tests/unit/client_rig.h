/*
 * A client for tests, and a server in a process of its own that serves it. Each test program
 * includes it once.
 */
#ifndef FRAMED_TESTS_CLIENT_RIG_H
#define FRAMED_TESTS_CLIENT_RIG_H

#include <framed/address.h>
#include <framed/client.h>

#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TIMEOUT_MS 20000
#define MIB ((size_t)1024 * 1024)

static pid_t server;
static struct framed_client *client;
static char address[FRAMED_ADDRESS_TEXT_SIZE];

static inline int listen_somewhere(void)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    framed_address_format((struct sockaddr *)&name, length, address, sizeof(address));
    return fd;
}

/* Serves one client in a process of its own, and leaves with what SERVE returns. */
static inline void start_server(int (*serve)(int fd))
{
    int listener = listen_somewhere();

    server = fork();
    ck_assert_int_ge(server, 0);
    if (server == 0) {
        int fd = accept(listener, NULL, NULL);

        _exit(fd < 0 ? 99 : serve(fd));
    }
    close(listener);
}

static inline int wait_server(void)
{
    int status;

    ck_assert_int_eq(waitpid(server, &status, 0), server);
    server = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void open_client(const char *framing, size_t max_reply, unsigned timeout_ms)
{
    char error[256];

    ck_assert_msg(framed_client_open(address, framing, max_reply, timeout_ms, &client, error,
                                     sizeof(error)) == 0,
                  "%s", error);
}

static inline void set_up(void)
{
    server = 0;
    client = NULL;
}

static inline void tear_down(void)
{
    framed_client_free(client);
    if (server > 0) {
        kill(server, SIGKILL);
        waitpid(server, NULL, 0);
    }
}

static inline void expect_reply(const void *expected, size_t expected_length)
{
    const void *data;
    size_t length;

    ck_assert_int_eq(framed_client_receive(client, &data, &length), FRAMED_OK);
    ck_assert_uint_eq(length, expected_length);
    ck_assert_msg(length == 0 || memcmp(data, expected, length) == 0, "another reply");
}

static inline int receive(void)
{
    const void *data;
    size_t length;

    return framed_client_receive(client, &data, &length);
}

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
