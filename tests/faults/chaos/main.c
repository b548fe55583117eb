#include "faults/chaos/chaos.h"

#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Things happen for so long, and then the service is looked at in peace. */
#define CHAOS_MS 9000
#define PEACE_MS 500

static uint64_t choose_seed(void)
{
    const char *given = getenv("FRAMED_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : now_ms() ^ (uint64_t)getpid() << 20;

    seed %= 1000000000;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu (again with FRAMED_SEED=%llu)\n", (unsigned long long)seed,
           (unsigned long long)seed);
    return seed;
}

/* Somebody else's socket, where a bad configuration wants to listen. */
static int take_address(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof(name.sun_path), "%s", expand("$DIR/taken.sock"));
    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    return fd;
}

static void give_address_back(struct chaos *chaos)
{
    close(chaos->taken_fd);
    unlink(expand("$DIR/taken.sock"));
}

static void begin(struct chaos *chaos)
{
    const struct rlimit no_core = {0};

    *chaos = (struct chaos){.seed = choose_seed()};
    chaos->random = random_of(chaos->seed, 0);
    chaos->ledger = mmap(NULL, sizeof(*chaos->ledger), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ck_assert_ptr_ne(chaos->ledger, MAP_FAILED);
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("FRAMED_TEST_POINTS", expand("$DIR"), 1);
    chaos->taken_fd = take_address();
    services_start();
}

static void start_clients(struct chaos *chaos)
{
    chaos->ledger->stop = false;
    for (unsigned i = 0; i < CLIENTS; i++) {
        chaos->clients[i] = fork();
        ck_assert_int_ge(chaos->clients[i], 0);
        if (chaos->clients[i] == 0)
            client_run(chaos->ledger, i, chaos->seed);
    }
}

/* Each takes the replies that it is owed, and goes. */
static void stop_clients(struct chaos *chaos)
{
    chaos->ledger->stop = true;
    for (unsigned i = 0; i < CLIENTS; i++) {
        ck_assert_msg(UNTIL_WITHIN(2 * PATIENCE_MS,
                                   waitpid(chaos->clients[i], NULL, WNOHANG) == chaos->clients[i]),
                      "seed %llu: client %u does not end", (unsigned long long)chaos->seed, i);
        ck_assert_msg(!chaos->ledger->accounts[i].troubled, "seed %llu: %s",
                      (unsigned long long)chaos->seed, chaos->ledger->accounts[i].trouble);
    }
}

static unsigned long answered(const struct chaos *chaos, unsigned client)
{
    return chaos->ledger->accounts[client].answered;
}

/* Everybody is served, now that nothing is in the way. */
static void check_service_for_all(const struct chaos *chaos)
{
    unsigned long before[CLIENTS];

    for (unsigned i = 0; i < CLIENTS; i++)
        before[i] = answered(chaos, i);
    nap(PEACE_MS);
    for (unsigned i = 0; i < CLIENTS; i++)
        ck_assert_msg(UNTIL(answered(chaos, i) > before[i] + 5), "seed %llu: client %u starves",
                      (unsigned long long)chaos->seed, i);
}

/* As it was before all this. */
static void reload_quietly(const struct chaos *chaos)
{
    json_t *answer;

    for (unsigned i = 0; i < SERVICES; i++) {
        char words[64];

        snprintf(words, sizeof(words), "resume %s", services[i].name);
        json_decref(control_ask(words));
    }
    services_configure_quiet();
    /* One may be under way whose workers were harmed. */
    json_decref(control_ask("reload"));
    answer = control_ask("reload");
    ck_assert_msg(json_is_true(json_object_get(answer, "ok")), "seed %llu: not reloaded: %s",
                  (unsigned long long)chaos->seed,
                  json_string_value(json_object_get(answer, "error")));
    json_decref(answer);
}

static void check_logs(const struct chaos *chaos)
{
    char *text = endings_logs(chaos);

    ck_assert_msg(!strstr(text, "Sanitizer: ") && !strstr(text, "runtime error:"),
                  "seed %llu: a sanitizer complains", (unsigned long long)chaos->seed);
    free(text);
}

static void tell(const struct chaos *chaos, const struct ends *ends)
{
    unsigned long total = 0, longest = 0, deaths = 0;

    for (unsigned i = 0; i < CLIENTS; i++) {
        total += answered(chaos, i);
        if (chaos->ledger->accounts[i].longest_ms > longest)
            longest = chaos->ledger->accounts[i].longest_ms;
    }
    for (unsigned i = 0; i < SERVICES; i++)
        deaths += ends->deaths[i];
    printf("%u events, %u reloads waited for, %u refused, %lu workers died; %lu replies, the "
           "slowest after %lu ms; %lu connections ended early, each explained\n",
           chaos->events, chaos->reloads_good, chaos->reloads_bad, deaths, total, longest,
           ends->early);
}

START_TEST(everything_at_once)
{
    struct ends ends = {0};
    struct chaos chaos;
    int descriptors;

    begin(&chaos);
    sums_wait_quiet();
    descriptors = sums_descriptors();
    start_clients(&chaos);
    events_run(&chaos, CHAOS_MS);
    events_end(&chaos);
    reload_quietly(&chaos);
    check_service_for_all(&chaos);
    stop_clients(&chaos);
    sums_wait_quiet();
    endings_check(&chaos, &ends);
    sums_check(&chaos, &ends);
    sums_check_memory();
    give_address_back(&chaos);
    ck_assert_msg(UNTIL(sums_descriptors() == descriptors),
                  "seed %llu: the master has %d descriptors, not %d",
                  (unsigned long long)chaos.seed, sums_descriptors(), descriptors);
    tell(&chaos, &ends);
    daemon_stop();
    check_logs(&chaos);
}
END_TEST

/* A reload may be under way, or a worker's counters being read. */
static void kill_master(struct chaos *chaos)
{
    chaos->ledger->may_refuse = true;
    if (random_percent(&chaos->random, 50)) {
        kill(daemon_pid(), SIGHUP);
        nap(random_below(&chaos->random, 50));
    }
    if (random_percent(&chaos->random, 50)) {
        close(open(expand("$DIR/snapshot-9"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        json_decref(control_ask("status"));
    }
    kill(daemon_pid(), SIGKILL);
    ck_assert_int_eq(daemon_wait(), 128 + SIGKILL);
}

static bool nobody_listens(void)
{
    for (unsigned i = 0; i < SERVICES; i++) {
        char peer[64];
        int fd = client_connect(i, peer, sizeof(peer));

        if (fd >= 0)
            close(fd);
        if (fd != -ECONNREFUSED)
            return false;
    }
    return true;
}

/* Workers finish what they are about, and leave; they have not left, and a master that is started
 * finds the place free. */
START_TEST(master_killed)
{
    struct chaos chaos;
    uint64_t began;

    begin(&chaos);
    start_clients(&chaos);
    for (unsigned i = 0; i < CLIENTS; i++)
        ck_assert(UNTIL(answered(&chaos, i) > 20));
    kill_master(&chaos);
    began = now_ms();
    ck_assert_msg(UNTIL(nobody_listens()), "seed %llu: the addresses are not free",
                  (unsigned long long)chaos.seed);
    ck_assert_int_eq(rename(expand("$DIR/log"), expand("$DIR/log.0")), 0);
    chaos.rotated = 1;
    services_start_again();
    chaos.ledger->may_refuse = false;
    printf("started again after %llu ms\n", (unsigned long long)(now_ms() - began));
    check_service_for_all(&chaos);
    stop_clients(&chaos);
    for (unsigned i = 0; i < CLIENTS; i++)
        for (unsigned e = 0; e < chaos.ledger->accounts[i].ending_count; e++)
            ck_assert_msg(chaos.ledger->accounts[i].endings[e].how != CUT,
                          "seed %llu: a reply was cut", (unsigned long long)chaos.seed);
    give_address_back(&chaos);
    daemon_stop();
    check_logs(&chaos);
}
END_TEST

SUITE("chaos", everything_at_once, master_killed)
