/* Liveness policy, with a clock of the test's own. */
#include "config/config.h"
#include "master/liveness.h"

#include "unit.h"

#include <check.h>
#include <string.h>

#define START_MS 1000000U
#define GRACE_MS 1000U

static const struct deadlines_config config = {
    .idle_ms = 60000,
    .frame_ms = 10000,
    .request_ms = 30000,
    .write_ms = 20000,
    .start_ms = 5000,
    .drain_ms = 40000,
    .linger_ms = 2000,
};

static enum liveness_step step(const struct liveness_sight *sight, uint64_t now_ms)
{
    return liveness_judge(&config, sight, now_ms).step;
}

/* From the start of each deadline to its first step, which is SIGTERM or not. */
static const struct {
    enum deadline deadline;
    const char *word;
    uint64_t limit_ms;
    enum liveness_step first;
} table[] = {
    {DEADLINE_START, "start", 5000, LIVENESS_KILL},
    {DEADLINE_DRAIN, "drain", 41000, LIVENESS_KILL},
    {DEADLINE_STOPPED, "stopped", 31000, LIVENESS_KILL},
    {DEADLINE_IDLE, "idle", 61000, LIVENESS_TELL},
    {DEADLINE_FRAME, "frame", 11000, LIVENESS_TELL},
    {DEADLINE_REQUEST, "request", 31000, LIVENESS_TELL},
    {DEADLINE_WRITE, "write", 21000, LIVENESS_TELL},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

START_TEST(each_deadline_has_its_time_and_its_step)
{
    const struct liveness_sight sight = {.deadline = table[_i].deadline, .since_ms = START_MS};
    uint64_t due_ms = START_MS + table[_i].limit_ms;
    struct liveness_verdict verdict = liveness_judge(&config, &sight, START_MS);

    ck_assert_str_eq(liveness_word(table[_i].deadline), table[_i].word);
    ck_assert_int_eq(verdict.step, LIVENESS_WAIT);
    ck_assert_uint_eq(verdict.next_ms, due_ms);
    ck_assert_int_eq(step(&sight, due_ms - 1), LIVENESS_WAIT);
    ck_assert_int_eq(step(&sight, due_ms), table[_i].first);
}
END_TEST

/* All of a kind, as in the worst of cases: told once, and killed a second later. */
START_TEST(the_ladder_has_two_steps)
{
    struct liveness_sight sight = {.deadline = DEADLINE_REQUEST, .since_ms = START_MS};
    unsigned told = 0;
    uint64_t now = START_MS;

    for (struct liveness_verdict verdict; now < START_MS + 60000; now++) {
        verdict = liveness_judge(&config, &sight, now);
        if (verdict.step == LIVENESS_KILL)
            break;
        if (verdict.step == LIVENESS_TELL) {
            ck_assert_uint_eq(verdict.next_ms, now + GRACE_MS);
            sight.told_ms = now;
            told++;
        }
    }
    ck_assert_uint_eq(told, 1);
    ck_assert_uint_eq(now, START_MS + 31000 + GRACE_MS);
}
END_TEST

/* Told late, it has no less time to obey. */
START_TEST(grace_begins_with_the_order)
{
    struct liveness_sight sight = {.deadline = DEADLINE_FRAME, .since_ms = START_MS};
    uint64_t late = START_MS + 500000;

    ck_assert_int_eq(step(&sight, late), LIVENESS_TELL);
    sight.told_ms = late;
    ck_assert_int_eq(step(&sight, late + GRACE_MS - 1), LIVENESS_WAIT);
    ck_assert_int_eq(step(&sight, late + GRACE_MS), LIVENESS_KILL);
}
END_TEST

START_TEST(what_is_off_never_runs_out)
{
    const struct deadlines_config off = {.start_ms = 1, .drain_ms = 1, .linger_ms = 1};

    for (size_t i = 0; i < ROWS; i++) {
        const struct liveness_sight sight = {.deadline = table[i].deadline, .since_ms = START_MS};
        struct liveness_verdict verdict = liveness_judge(&off, &sight, UINT64_MAX / 2);

        if (table[i].first != LIVENESS_TELL)
            continue;
        ck_assert_int_eq(verdict.step, LIVENESS_WAIT);
        ck_assert_uint_eq(verdict.next_ms, 0);
    }
    ck_assert_uint_eq(liveness_shortest_ms(&off), 0);
    /* But who is stopped serves nobody, however long handlers may take. */
    ck_assert_uint_eq(liveness_limit_ms(&off, DEADLINE_STOPPED), 31000);
}
END_TEST

START_TEST(who_waits_for_clients_has_all_the_time)
{
    static const enum deadline wanted[SLOT_STATE_COUNT] = {
        [SLOT_READING] = DEADLINE_IDLE,
        [SLOT_RECEIVING] = DEADLINE_FRAME,
        [SLOT_HANDLING] = DEADLINE_REQUEST,
        [SLOT_WRITING] = DEADLINE_WRITE,
    };
    const struct liveness_sight nothing = {.deadline = DEADLINE_NONE};

    for (enum slot_state state = SLOT_FREE; state < SLOT_STATE_COUNT; state++)
        ck_assert_int_eq(liveness_of_activity(state), wanted[state]);
    ck_assert_int_eq(step(&nothing, UINT64_MAX / 2), LIVENESS_WAIT);
}
END_TEST

/* The last wait for the client may be the longer one. */
START_TEST(lingering_is_part_of_writing)
{
    struct deadlines_config brief = config;

    brief.write_ms = 100;
    ck_assert_uint_eq(liveness_limit_ms(&brief, DEADLINE_WRITE), 2000 + GRACE_MS);
    brief.write_ms = 0;
    ck_assert_uint_eq(liveness_limit_ms(&brief, DEADLINE_WRITE), 0);
}
END_TEST

/* A master that looks that often misses nothing that begins in between. */
START_TEST(shortest_is_of_what_may_begin_at_any_time)
{
    ck_assert_uint_eq(liveness_shortest_ms(&config), 10000 + GRACE_MS);
}
END_TEST

START_TEST(a_standstill_is_told_from_a_late_wake)
{
    ck_assert_uint_eq(liveness_standstill_ms(0, START_MS), 0);
    ck_assert_uint_eq(liveness_standstill_ms(START_MS, START_MS - 10), 0);
    ck_assert_uint_eq(liveness_standstill_ms(START_MS, START_MS + 400), 0);
    ck_assert_uint_eq(liveness_standstill_ms(START_MS, START_MS + 3600000), 3600000);
}
END_TEST

/* A suspended machine: whatever ran before begins anew, on each step of the ladder. */
START_TEST(a_standstill_kills_nobody)
{
    uint64_t resumed = START_MS + 3600000;

    for (size_t i = 0; i < ROWS; i++) {
        struct liveness_sight sight = {.deadline = table[i].deadline,
                                       .since_ms = START_MS,
                                       .resumed_ms = resumed,
                                       .told_ms = START_MS + 100};
        uint64_t due_ms = resumed + table[i].limit_ms;

        ck_assert_int_eq(step(&sight, resumed), LIVENESS_WAIT);
        ck_assert_int_eq(step(&sight, due_ms - 1), LIVENESS_WAIT);
        ck_assert_int_eq(step(&sight, due_ms), table[i].first);
        /* What began later is not stretched. */
        sight.since_ms = resumed + 5;
        ck_assert_int_eq(step(&sight, due_ms + 4), LIVENESS_WAIT);
        ck_assert_int_eq(step(&sight, due_ms + 5), table[i].first);
    }
}
END_TEST

/* What a worker wrote into its slot may be anything, the future too. */
START_TEST(a_time_to_come_is_waited_for)
{
    const struct liveness_sight sight = {.deadline = DEADLINE_REQUEST,
                                         .since_ms = START_MS + 1000000};

    ck_assert_int_eq(step(&sight, START_MS), LIVENESS_WAIT);
    ck_assert_int_eq(step(&sight, START_MS + 1031000), LIVENESS_TELL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("liveness");
    TCase *tests = tcase_create("policy");

    tcase_add_loop_test(tests, each_deadline_has_its_time_and_its_step, 0, (int)ROWS);
    tcase_add_test(tests, the_ladder_has_two_steps);
    tcase_add_test(tests, grace_begins_with_the_order);
    tcase_add_test(tests, what_is_off_never_runs_out);
    tcase_add_test(tests, who_waits_for_clients_has_all_the_time);
    tcase_add_test(tests, lingering_is_part_of_writing);
    tcase_add_test(tests, shortest_is_of_what_may_begin_at_any_time);
    tcase_add_test(tests, a_standstill_is_told_from_a_late_wake);
    tcase_add_test(tests, a_standstill_kills_nobody);
    tcase_add_test(tests, a_time_to_come_is_waited_for);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
