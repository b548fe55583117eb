/* The message connection when the socket fails, or the peer does not read. */
#include "conn_rig.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

static const int receive_errors[] = {EAGAIN, EINTR, ECONNRESET, ETIMEDOUT};

START_TEST(test_receive_error)
{
    use_framing("line", 1000);
    use_source("ab\n", 3);
    rig.cut = 2;
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), 2);
    rig.receive_error = receive_errors[_i];
    ck_assert_int_eq(framed_conn_fill(&rig.conn, 0), -receive_errors[_i]);
    ck_assert_uint_eq(framed_conn_unread(&rig.conn), 2);
    expect_message("ab", 2); /* nothing was lost */
}
END_TEST

static const int send_errors[] = {EPIPE, ECONNRESET, EHOSTUNREACH};

START_TEST(test_send_error)
{
    uint8_t *data = pattern(20000, 7);

    use_framing("line", 20000);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "ab", 2), 0);
    rig.send_error = send_errors[_i];
    ck_assert_int_eq(framed_conn_flush(&rig.conn), -send_errors[_i]);
    rig.send_error = send_errors[_i];
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, 20000), -send_errors[_i]);
    free(data);
}
END_TEST

/* Check's default action for SIGPIPE would end this test. */
START_TEST(test_peer_gone)
{
    use_framing("line", 1000);
    use_sockets();
    close(rig.peer);
    rig.peer = -1;
    signal(SIGPIPE, SIG_DFL);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "ab", 2), 0);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), -EPIPE);
}
END_TEST

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_write_deadline(long ms)
{
    const struct timeval limit = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    rig.conn.write_ms = (unsigned)ms;
    ck_assert_int_eq(setsockopt(rig.conn.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
}

static void on_alarm(int number)
{
    (void)number;
}

/* A signal every 5 ms: whoever starts the limit again after each would wait for ever. */
static void interrupt_often(void)
{
    const struct itimerval often = {{.tv_usec = 5000}, {.tv_usec = 5000}};
    struct sigaction action = {.sa_handler = on_alarm};

    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

/* The peer never reads. With signals and without, for a large put and for a flush. */
START_TEST(test_write_deadline)
{
    uint8_t *data = pattern(2 * MIB, 8);
    long before;
    long elapsed;
    int result = 0;

    use_framing("u32be", 2 * MIB);
    use_sockets();
    set_write_deadline(200);
    if (_i & 1)
        interrupt_often();
    before = now_ms();
    if (_i & 2)
        result = framed_conn_put(&rig.conn, data, 2 * MIB);
    else
        while (result == 0) {
            before = now_ms();
            result = framed_conn_put(&rig.conn, data, 10000);
        }
    elapsed = now_ms() - before;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    ck_assert_int_eq(result, -ETIMEDOUT);
    ck_assert_int_ge(elapsed, 150);
    ck_assert_int_lt(elapsed, 2000);
    free(data);
}
END_TEST

/* Without write_ms the socket's own limit holds. */
START_TEST(test_socket_deadline)
{
    uint8_t *data = pattern(2 * MIB, 9);

    use_framing("u32be", 2 * MIB);
    use_sockets();
    set_write_deadline(50);
    rig.conn.write_ms = 0;
    ck_assert_int_eq(framed_conn_put(&rig.conn, data, 2 * MIB), -ETIMEDOUT);
    free(data);
}
END_TEST

/* One call, and what it leaves goes with the next flush. */
START_TEST(test_push)
{
    use_framing("line", 1000);
    ck_assert_int_eq(framed_conn_push(&rig.conn), 0);
    ck_assert_int_eq(rig.sends, 0);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "abcdef", 6), 0);
    rig.cut = 4;
    ck_assert_int_eq(framed_conn_push(&rig.conn), -EAGAIN);
    ck_assert_int_eq(rig.sends, 1);
    ck_assert_uint_eq(rig.conn.bytes_out, 4);
    ck_assert_uint_eq(framed_conn_queued(&rig.conn), 3);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "gh", 2), 0);
    rig.cut = 0;
    rig.send_error = EINTR;
    ck_assert_int_eq(framed_conn_push(&rig.conn), -EAGAIN);
    ck_assert_int_eq(framed_conn_flush(&rig.conn), 0);
    ck_assert_uint_eq(rig.sunk, 10);
    ck_assert_mem_eq(rig.sink, "abcdef\ngh\n", 10);
    ck_assert_int_eq(framed_conn_put(&rig.conn, "ij", 2), 0);
    rig.send_error = EPIPE;
    ck_assert_int_eq(framed_conn_push(&rig.conn), -EPIPE);
}
END_TEST

/* Nor does it wait where the socket would, and no deadline is set. */
START_TEST(test_push_does_not_wait)
{
    uint8_t *data = pattern(10000, 8);
    int result;

    use_framing("u32be", 10000);
    use_sockets();
    do {
        ck_assert_int_eq(framed_conn_put(&rig.conn, data, 10000), 0);
        result = framed_conn_push(&rig.conn);
    } while (result == 0);
    ck_assert_int_eq(result, -EAGAIN);
    ck_assert_uint_gt(framed_conn_queued(&rig.conn), 0);
    free(data);
}
END_TEST

static Suite *conn_faults_suite(void)
{
    Suite *suite = suite_create("conn-faults");
    TCase *tcase = tcase_create("conn-faults");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_receive_error, 0, (int)COUNT(receive_errors));
    tcase_add_loop_test(tcase, test_send_error, 0, (int)COUNT(send_errors));
    tcase_add_test(tcase, test_peer_gone);
    tcase_add_loop_test(tcase, test_write_deadline, 0, 4);
    tcase_add_test(tcase, test_socket_deadline);
    tcase_add_test(tcase, test_push);
    tcase_add_test(tcase, test_push_does_not_wait);
    tcase_set_timeout(tcase, 60); /* slow under a memory checker */
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(conn_faults_suite());
}
