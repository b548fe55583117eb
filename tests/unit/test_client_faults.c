/* The client, against servers that die, break off, do not read or do not answer. */
#include "client_rig.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static int answer_three_and_die(int fd)
{
    char byte;

    if (read(fd, &byte, 1) != 1 || write(fd, "1\n2\n3\n4", 7) != 7)
        return 1;
    return 0; /* with most of the input unread: the kernel sends a reset */
}

/* The server dies while we send. What it has said is not lost, and there is no signal and no hang.
 */
START_TEST(test_death)
{
    uint8_t *data = malloc(MIB);
    int result = 0;
    int replies = 0;

    ck_assert_ptr_nonnull(data);
    memset(data, 'x', MIB);
    signal(SIGPIPE, SIG_DFL);
    start_server(answer_three_and_die);
    open_client("line", 0, TIMEOUT_MS);
    for (int i = 0; i < 100 && result == 0; i++)
        result = framed_client_send(client, data, MIB);
    ck_assert_int_lt(result, 0);
    ck_assert_int_ne(result, -ETIMEDOUT);
    ck_assert_int_eq(framed_client_send(client, "x", 1), result);
    ck_assert_int_eq(framed_client_flush(client), result);
    while (receive() == FRAMED_OK)
        replies++;
    ck_assert_int_eq(replies, 3);
    ck_assert_int_lt(receive(), 0);
    ck_assert_int_eq(wait_server(), 0);
    free(data);
}
END_TEST

static int answer_and_break_off(int fd)
{
    char line[6];

    if (read(fd, line, sizeof(line)) != sizeof(line))
        return 1;
    return write(fd, "one\ntwo\nthr", 11) != 11;
}

START_TEST(test_truncated)
{
    start_server(answer_and_break_off);
    open_client("line", 0, TIMEOUT_MS);
    ck_assert_int_eq(framed_client_send(client, "hello", 5), 0);
    expect_reply("one", 3);
    expect_reply("two", 3);
    ck_assert_int_eq(receive(), FRAMED_TRUNCATED);
}
END_TEST

static int greet_otherwise(int fd)
{
    return write(fd, "hello\nab\n", 9) != 9;
}

/* Of each greeting as much as matters: it is another one, it breaks off, or never comes. */
START_TEST(test_greeting)
{
    static const struct {
        const char *framing;
        int result;
    } cases[] = {{"line,greeting=hello\\r\\n", FRAMED_BAD_MAGIC},
                 {"line,greeting=help", FRAMED_BAD_MAGIC},
                 {"line,greeting=hello\\nab\\ncd", FRAMED_TRUNCATED}};

    start_server(greet_otherwise);
    open_client(cases[_i].framing, 0, TIMEOUT_MS);
    ck_assert_int_eq(receive(), cases[_i].result);
    ck_assert(framed_client_ready(client));
    ck_assert_int_eq(receive(), cases[_i].result);
}
END_TEST

static int send_big_reply(int fd)
{
    static const uint8_t reply[4] = {0, 0, 4, 1};
    char byte;

    return write(fd, reply, sizeof(reply)) != sizeof(reply) || read(fd, &byte, 1) > 0;
}

START_TEST(test_oversize)
{
    start_server(send_big_reply);
    open_client("u32be", 1024, TIMEOUT_MS);
    ck_assert_int_eq(receive(), FRAMED_OVERSIZE);
}
END_TEST

static int never_answer(int fd)
{
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};

    return poll(&end, 1, TIMEOUT_MS) != 1;
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

START_TEST(test_no_answer)
{
    long before;

    start_server(never_answer);
    open_client("line", 0, 200);
    ck_assert_int_eq(framed_client_send(client, "hello", 5), 0);
    before = now_ms();
    ck_assert_int_eq(receive(), -ETIMEDOUT);
    ck_assert_int_ge(now_ms() - before, 190);
    ck_assert_int_lt(now_ms() - before, 5000);
}
END_TEST

START_TEST(test_not_read)
{
    uint8_t *data = calloc(1, MIB);
    long before;
    int result = 0;

    ck_assert_ptr_nonnull(data);
    start_server(never_answer);
    open_client("u32be", 0, 1000);
    for (int i = 0; i < 100 && result == 0; i++)
        result = framed_client_send(client, data, MIB);
    ck_assert_int_eq(result, -ETIMEDOUT);
    before = now_ms();
    ck_assert_int_eq(receive(), -ETIMEDOUT); /* without another wait */
    ck_assert_int_lt(now_ms() - before, 900);
    free(data);
}
END_TEST

static void expect_refused(const char *to, const char *framing, size_t max_reply, int result,
                           const char *word)
{
    struct framed_client *made = NULL;
    char error[256] = "";

    ck_assert_int_eq(framed_client_open(to, framing, max_reply, 1000, &made, error, sizeof(error)),
                     result);
    ck_assert_ptr_null(made);
    ck_assert_msg(strstr(error, word) != NULL, "\"%s\" lacks \"%s\"", error, word);
}

START_TEST(test_open)
{
    close(listen_somewhere());
    expect_refused(address, "u32be", 0, -ECONNREFUSED, address);
    expect_refused("tcp:127.0.0.1", "u32be", 0, -EINVAL, "no port");
    expect_refused("tcp:*:1", "u32be", 0, -EINVAL, "*");
    expect_refused(address, "u33be", 0, -EINVAL, "u33be");
    expect_refused(address, "line,reply=(raw)", 0, -EINVAL, "raw");
    expect_refused(address, "fixed:100", 99, -EINVAL, "99");
    expect_refused(address, "u32be", FRAMED_MESSAGE_LIMIT + 1, -EINVAL, "1073741824");
    framed_client_free(NULL);
}
END_TEST

static Suite *client_faults_suite(void)
{
    Suite *suite = suite_create("client-faults");
    TCase *tcase = tcase_create("client-faults");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_death, 0, 10);
    tcase_add_test(tcase, test_truncated);
    tcase_add_loop_test(tcase, test_greeting, 0, 3);
    tcase_add_test(tcase, test_oversize);
    tcase_add_test(tcase, test_no_answer);
    tcase_add_test(tcase, test_not_read);
    tcase_add_test(tcase, test_open);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(client_faults_suite());
}
