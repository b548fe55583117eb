/* The connections that a worker has: who is next to be closed, and who has what descriptor. */
#include "ipc/held.h"

#include "unit.h"

#include <check.h>
#include <stdlib.h>

#define CLIENTS 64

static struct held held;
static struct client clients[CLIENTS];

static void set_up(void)
{
    held = (struct held){0};
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.fd = i * 3};
        ck_assert_int_eq(held_add(&held, &clients[i]), 0);
    }
}

static void tear_down(void)
{
    free(held.by_fd);
}

/* LIST is in the order of time, both ways, and has COUNT. */
static void check_list(enum held_list list, size_t count)
{
    const struct client *last = NULL;
    size_t found = 0;

    for (const struct client *c = held.first[list]; c; c = c->next) {
        ck_assert_ptr_eq(c->previous, last);
        ck_assert_int_eq(c->list, list);
        ck_assert(!last || last->since_ms <= c->since_ms);
        last = c;
        found++;
    }
    ck_assert_ptr_eq(held.last[list], last);
    ck_assert_uint_eq(found, count);
}

START_TEST(found_by_descriptor)
{
    for (int i = 0; i < CLIENTS; i++)
        ck_assert_ptr_eq(held_find(&held, i * 3), &clients[i]);
    ck_assert_ptr_null(held_find(&held, 1));
    ck_assert_ptr_null(held_find(&held, -1));
    ck_assert_ptr_null(held_find(&held, 1 << 30));
    ck_assert_uint_eq(held.count, CLIENTS);
    held_remove(&held, &clients[7]);
    ck_assert_ptr_null(held_find(&held, 21));
    ck_assert_uint_eq(held.count, CLIENTS - 1);
}
END_TEST

START_TEST(first_is_who_waits_longest)
{
    for (int i = 0; i < CLIENTS; i++)
        held_put(&held, &clients[i], i % 2 ? HELD_QUIET : HELD_BEGUN,
                 (uint64_t)((i * 37) % CLIENTS));
    check_list(HELD_QUIET, CLIENTS / 2);
    check_list(HELD_BEGUN, CLIENTS / 2);
}
END_TEST

/* Of the same time: who came first. */
START_TEST(equals_keep_their_order)
{
    for (int i = 0; i < 4; i++)
        held_put(&held, &clients[i], HELD_QUIET, 5);
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_eq(held.first[HELD_QUIET], &clients[i]);
        held_take(&held, &clients[i]);
    }
}
END_TEST

/* By a model: random puts, takes and removals. */
START_TEST(any_order)
{
    size_t in[HELD_LISTS] = {0};
    unsigned seed = 7;

    for (int step = 0; step < 20000; step++) {
        struct client *client = &clients[rand_r(&seed) % CLIENTS];
        enum held_list list = (enum held_list)(rand_r(&seed) % HELD_LISTS);

        if (client->list != HELD_IN_HAND) {
            in[client->list]--;
            held_take(&held, client);
            held_take(&held, client); /* harmless */
        } else {
            held_put(&held, client, list, (uint64_t)(rand_r(&seed) % 50));
            in[list]++;
        }
        if (step % 97 == 0) {
            if (client->list != HELD_IN_HAND)
                in[client->list]--;
            held_remove(&held, client);
            ck_assert_int_eq(held_add(&held, client), 0);
        }
    }
    check_list(HELD_QUIET, in[HELD_QUIET]);
    check_list(HELD_BEGUN, in[HELD_BEGUN]);
    ck_assert_uint_eq(held.count, CLIENTS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, found_by_descriptor);
    tcase_add_test(all, first_is_who_waits_longest);
    tcase_add_test(all, equals_keep_their_order);
    tcase_add_test(all, any_order);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
