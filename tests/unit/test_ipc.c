/* Pipe records and shared-memory slots, and processes that die with them in hand. */
#include "ipc/record.h"
#include "ipc/slots.h"

#include "base/clock.h"

#include "unit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int ends[2];
static struct slot *slots;

static void open_pipe(void)
{
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
}

static void close_pipe(void)
{
    close(ends[0]);
    close(ends[1]);
}

START_TEST(record_arrives_whole)
{
    struct record sent = {.type = RECORD_FAILED, .slot = 7, .generation = 1ULL << 40, .value = -2};
    struct record got;

    memset(sent.text, 'x', sizeof(sent.text)); /* not terminated: the reader must see to that */
    ck_assert_int_eq(record_send(ends[1], &sent), 0);
    ck_assert_int_eq(record_receive(ends[0], &got), 1);
    ck_assert_uint_eq(got.slot, 7);
    ck_assert_uint_eq(got.generation, 1ULL << 40);
    ck_assert_int_eq(got.value, -2);
    ck_assert_uint_eq(strlen(got.text), sizeof(got.text) - 1);
}
END_TEST

START_TEST(full_pipe_does_not_block)
{
    const struct record record = {.type = RECORD_WAKE};
    int sent = 0;
    int result;
    struct record got;

    while ((result = record_send(ends[1], &record)) == 0)
        sent++;
    ck_assert_int_eq(result, -EAGAIN);
    ck_assert_int_gt(sent, 0);
    for (int i = 0; i < sent; i++)
        ck_assert_int_eq(record_receive(ends[0], &got), 1);
    ck_assert_int_eq(record_receive(ends[0], &got), -EAGAIN);
}
END_TEST

START_TEST(garbage_is_no_record)
{
    struct record got;
    const struct record unknown = {.type = RECORD_TYPE_END};

    ck_assert_int_eq(write(ends[1], "hello", 5), 5);
    ck_assert_int_eq(record_receive(ends[0], &got), -EBADMSG);
    ck_assert_int_eq(record_send(ends[1], &unknown), 0);
    ck_assert_int_eq(record_receive(ends[0], &got), -EBADMSG);
}
END_TEST

START_TEST(end_of_stream_is_told)
{
    struct record got;

    close(ends[1]);
    ends[1] = -1;
    ck_assert_int_eq(record_receive(ends[0], &got), 0);
}
END_TEST

START_TEST(nobody_reads_is_an_error_not_a_signal)
{
    const struct record record = {.type = RECORD_WAKE};

    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    ends[0] = -1;
    ck_assert_int_eq(record_send(ends[1], &record), -EPIPE);
}
END_TEST

static void open_socket(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
}

/* With one, without one, and as many as it takes to fill the socket: each in its order. */
START_TEST(descriptors_come_along)
{
    const struct record with = {.type = RECORD_REOPEN};
    const struct record without = {.type = RECORD_WAKE};
    struct record got;
    struct stat ours, theirs;
    int passed = 0;
    int sent = 0;

    ck_assert_int_eq(fstat(ends[0], &ours), 0);
    ck_assert_int_eq(record_send(ends[1], &without), 0);
    ck_assert_int_eq(record_send_with(ends[1], &with, ends[0]), 0);
    ck_assert_int_eq(record_send_with(ends[1], &with, -1), 0);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), 1);
    ck_assert(got.type == RECORD_WAKE && passed == -1);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), 1);
    ck_assert_uint_eq(got.type, RECORD_REOPEN);
    ck_assert_int_eq(fstat(passed, &theirs), 0);
    ck_assert_uint_eq(theirs.st_ino, ours.st_ino);
    ck_assert_int_eq(fcntl(passed, F_GETFD), FD_CLOEXEC);
    close(passed);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), 1);
    ck_assert(got.type == RECORD_REOPEN && passed == -1);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), -EAGAIN);
    while (record_send(ends[1], &without) == 0)
        sent++;
    ck_assert_int_gt(sent, 0);
    ck_assert_int_eq(record_send(ends[1], &without), -EAGAIN);
    while (record_receive_with(ends[0], &got, &passed) == 1)
        sent--;
    ck_assert_int_eq(sent, 0);
    shutdown(ends[1], SHUT_WR);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), 0);
}
END_TEST

/* Who reads either need not ask which it is. */
START_TEST(a_pipe_brings_none)
{
    const struct record record = {.type = RECORD_REOPEN, .value = 7};
    struct record got;
    int passed = 0;

    ck_assert_int_eq(record_send(ends[1], &record), 0);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), 1);
    ck_assert_int_eq(got.value, 7);
    ck_assert_int_eq(passed, -1);
    ck_assert_int_eq(record_receive_with(ends[0], &got, &passed), -EAGAIN);
}
END_TEST

static void map_slots(void)
{
    slots = slots_map(4);
    ck_assert_ptr_nonnull(slots);
    slot_prepare(&slots[1], 5);
}

static void unmap_slots(void)
{
    slots_unmap(slots, 4);
}

START_TEST(slots_share_no_cache_line)
{
    ck_assert_uint_eq(sizeof(struct slot) % 64, 0);
    ck_assert_uint_eq((uintptr_t)&slots[1] % 64, 0);
}
END_TEST

START_TEST(activity_is_one_word)
{
    uint64_t since;

    ck_assert_int_eq(slot_get(&slots[1], &since), SLOT_STARTING);
    ck_assert_uint_eq(since, 5);
    slot_set(&slots[1], SLOT_HANDLING, 1ULL << 50);
    ck_assert_int_eq(slot_get(&slots[1], &since), SLOT_HANDLING);
    ck_assert_uint_eq(since, 1ULL << 50);
    atomic_store(&slots[1].activity, 0xff); /* a state that is none */
    ck_assert_int_eq(slot_get(&slots[1], &since), SLOT_FREE);
}
END_TEST

START_TEST(published_counters_are_seen)
{
    struct counters mine = {.value = {[COUNTER_MESSAGES] = 42}};
    struct counters seen = {0};

    slot_publish(&slots[1], &mine);
    ck_assert_int_eq(slot_snapshot(&slots[1], &seen), 0);
    ck_assert_uint_eq(seen.value[COUNTER_MESSAGES], 42);
}
END_TEST

/* Takes the slot's semaphore in another process, which then ends by SIGNAL or stops. */
static pid_t hold_and(int signal)
{
    pid_t pid = fork();
    int status;

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        while (sem_wait(&slots[1].lock) < 0)
            continue;
        raise(signal);
        _exit(1);
    }
    ck_assert_int_eq(waitpid(pid, &status, WUNTRACED), pid);
    return pid;
}

START_TEST(dead_holder_harms_nobody)
{
    struct counters mine = {.value = {[COUNTER_MESSAGES] = 1}};
    struct counters seen = {.value = {[COUNTER_MESSAGES] = 99}};
    uint64_t before = clock_ms();

    slot_publish(&slots[1], &mine);
    hold_and(SIGKILL);
    slot_publish(&slots[1], &mine); /* comes back at once */
    ck_assert_int_eq(slot_snapshot(&slots[1], &seen), -EAGAIN);
    ck_assert_uint_eq(seen.value[COUNTER_MESSAGES], 99);
    ck_assert_uint_lt(clock_ms() - before, 500);
    slot_last_counters(&slots[1], &seen);
    ck_assert_uint_eq(seen.value[COUNTER_MESSAGES], 1);
    slot_prepare(&slots[1], 1); /* made anew */
    ck_assert_int_eq(slot_snapshot(&slots[1], &seen), 0);
    ck_assert_uint_eq(seen.value[COUNTER_MESSAGES], 0);
}
END_TEST

static void publish_for_ever(void) __attribute__((noreturn));
static void publish_for_ever(void)
{
    for (uint64_t n = 0;; n++) {
        struct counters mine;

        for (int i = 0; i < COUNTER_COUNT; i++)
            mine.value[i] = n;
        slot_publish(&slots[1], &mine);
    }
}

/* A writer that is killed amid all this leaves what it has published last, and no mixture. */
START_TEST(dead_writer_leaves_whole_counters)
{
    for (int round = 0; round < 50; round++) {
        struct counters seen;
        pid_t pid;

        slot_prepare(&slots[1], 1);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
            publish_for_ever();
        while (atomic_load(&slots[1].published) == 0)
            continue;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        slot_last_counters(&slots[1], &seen);
        for (int c = 1; c < COUNTER_COUNT; c++)
            ck_assert_uint_eq(seen.value[c], seen.value[0]);
    }
}
END_TEST

START_TEST(stopped_holder_harms_nobody)
{
    struct counters seen = {0};
    pid_t pid = hold_and(SIGSTOP);

    ck_assert_int_eq(slot_snapshot(&slots[1], &seen), -EAGAIN);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

/* Every snapshot of a writer that never pauses must be all of one moment. */
START_TEST(snapshots_are_consistent)
{
    pid_t pid = fork();
    struct counters seen;
    int good = 0;

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        publish_for_ever();
    for (uint64_t began = clock_ms(); clock_ms() - began < 300 || good == 0;) {
        if (slot_snapshot(&slots[1], &seen) < 0)
            continue;
        good++;
        for (int c = 1; c < COUNTER_COUNT; c++)
            ck_assert_uint_eq(seen.value[c], seen.value[0]);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

START_TEST(peer_is_an_address_or_nothing)
{
    const struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = 7};
    const struct sockaddr local = {.sa_family = AF_UNIX};
    struct sockaddr_in6 seen = {.sin6_port = 99};

    ck_assert_uint_eq(slot_last_peer(&slots[0], &seen), 0);
    slot_set_peer(&slots[0], (const struct sockaddr *)&four, sizeof(four));
    ck_assert_uint_eq(slot_last_peer(&slots[0], &seen), sizeof(four));
    ck_assert_uint_eq(seen.sin6_port, 7);
    slot_set_peer(&slots[0], &local, sizeof(local));
    ck_assert_uint_eq(slot_last_peer(&slots[0], &seen), 0);
    slot_set_peer(&slots[0], (const struct sockaddr *)&four, 3); /* cut short */
    ck_assert_uint_eq(slot_last_peer(&slots[0], &seen), 0);
    memset(&slots[0].peer, 0xff, sizeof(slots[0].peer)); /* scribbled over */
    ck_assert_uint_eq(slot_last_peer(&slots[0], &seen), 0);
}
END_TEST

START_TEST(every_counter_and_state_has_a_word)
{
    for (int i = 0; i < COUNTER_COUNT; i++)
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(counter_word((enum counter)i), counter_word((enum counter)j));
    for (int i = 0; i < SLOT_STATE_COUNT; i++)
        ck_assert_str_ne(slot_state_word((enum slot_state)i), "unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ipc");
    TCase *records = tcase_create("records");
    TCase *sockets = tcase_create("sockets");
    TCase *memory = tcase_create("slots");

    tcase_add_checked_fixture(records, open_pipe, close_pipe);
    tcase_add_test(records, record_arrives_whole);
    tcase_add_test(records, full_pipe_does_not_block);
    tcase_add_test(records, garbage_is_no_record);
    tcase_add_test(records, end_of_stream_is_told);
    tcase_add_test(records, nobody_reads_is_an_error_not_a_signal);
    tcase_add_test(records, a_pipe_brings_none);
    tcase_add_checked_fixture(sockets, open_socket, close_pipe);
    tcase_add_test(sockets, descriptors_come_along);
    suite_add_tcase(suite, sockets);
    tcase_add_checked_fixture(memory, map_slots, unmap_slots);
    tcase_add_test(memory, slots_share_no_cache_line);
    tcase_add_test(memory, activity_is_one_word);
    tcase_add_test(memory, published_counters_are_seen);
    tcase_add_test(memory, dead_writer_leaves_whole_counters);
    tcase_add_test(memory, dead_holder_harms_nobody);
    tcase_add_test(memory, stopped_holder_harms_nobody);
    tcase_add_test(memory, snapshots_are_consistent);
    tcase_add_test(memory, peer_is_an_address_or_nothing);
    tcase_add_test(memory, every_counter_and_state_has_a_word);
    suite_add_tcase(suite, records);
    suite_add_tcase(suite, memory);
    return unit_run(suite);
}
