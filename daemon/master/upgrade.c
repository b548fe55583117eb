#include "master/upgrade.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "master/handover.h"
#include "master/master.h"
#include "master/pidfile.h"
#include "master/shelf.h"
#include "master/successor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

/* What a new framed needs beside the start of its workers: to load, look up and bind; and its
 * configuration may give them longer. */
#define START_FACTOR 2
#define START_EXTRA_MS 2000
/* From our word to its own. */
#define TAKE_MS 5000
/* What it gets to end by itself. */
#define END_MS 1000

void upgrade_init(struct upgrade *upgrade)
{
    *upgrade = (struct upgrade){.program = successor_find_program()};
}

static void forget_process(struct upgrade *upgrade)
{
    int fd = upgrade->process.fd;

    if (!upgrade->process.loop)
        return;
    loop_remove(&upgrade->process);
    close(fd);
}

static void close_channel(struct upgrade *upgrade)
{
    int fd = upgrade->channel.fd;

    if (!upgrade->channel.loop)
        return;
    loop_remove(&upgrade->channel);
    close(fd);
}

void upgrade_deinit(struct upgrade *upgrade)
{
    forget_process(upgrade);
    /* The new one waits for the end of our process, which is that of the channel. */
    if (upgrade->phase == UPGRADE_DONE)
        loop_remove(&upgrade->channel);
    else
        close_channel(upgrade);
    free(upgrade->program);
    free(upgrade->reason);
    upgrade->program = upgrade->reason = NULL;
}

bool upgrade_is_under_way(const struct upgrade *upgrade)
{
    return upgrade->phase != UPGRADE_NONE && upgrade->phase != UPGRADE_DONE;
}

void upgrade_want(struct master *master)
{
    if (upgrade_is_under_way(&master->upgrade))
        log_warning("upgrade", LOG_STR("error", "one is under way already"));
    else if (!master->stopping)
        master->upgrade.wanted = true;
}

/* All is as it was. */
static void failed(struct master *master, const char *reason)
{
    master->upgrade.phase = UPGRADE_NONE;
    if (master->pid_fd >= 0)
        pidfile_write(master->pid_fd); /* it may have come that far */
    if (master->notify.fd < 0)
        notify_init(&master->notify);
    log_error("upgrade-failed", LOG_STR("reason", reason));
    reason_note(master->last_error, reason);
    master->last_try = "upgrade";
    master->tried_ms = clock_ms();
    if (!master->stopping)
        notify_phase(master, NOTIFY_RUNNING);
    control_upgraded(&master->control, master->last_error, 0);
}

/* Asks the new one to end, and waits for it; by force if need be. One that was told to take over
 * might leave in order, and remove the files that are to be ours again. */
static void give_up(struct master *master, const char *reason)
{
    struct upgrade *upgrade = &master->upgrade;
    int how = upgrade->phase == UPGRADE_GIVING && !master->stopping ? SIGKILL : SIGTERM;

    if (upgrade->phase != UPGRADE_STARTING && upgrade->phase != UPGRADE_GIVING)
        return;
    upgrade->phase = UPGRADE_ENDING;
    upgrade->reason = strdup(reason);
    upgrade->deadline_ms = clock_ms() + END_MS;
    pidfd_send_signal(upgrade->process.fd, how, NULL, 0);
}

void upgrade_cancel(struct master *master)
{
    if (master->upgrade.wanted)
        control_upgraded(&master->control, "framed is stopping", 0);
    master->upgrade.wanted = false;
    give_up(master, "framed is stopping");
}

/* Whether FD is in a list such as "7 12". */
static bool is_listed(const char *list, int fd)
{
    char *end;

    for (; *list; list = *end == ' ' ? end + 1 : end)
        if (strtol(list, &end, 10) == fd && end != list)
            return true;
        else if (end == list)
            return false;
    return false;
}

/* From here on the sockets, their files and the pid file are the new one's. */
static void let_go(struct master *master, const char *forsaken)
{
    for (struct listener *l = master->listeners.first; l; l = l->next) {
        l->passed = !is_listed(forsaken, l->fd);
        l->inode = 0;
    }
    for (size_t i = 0; i < master->current->service_count; i++) {
        struct shelf *shelf = master->current->services[i].shelf;

        if (shelf)
            shelf->passed = !is_listed(forsaken, shelf->workers.in);
    }
    control_pass(&master->control);
    if (master->pid_fd >= 0)
        close(master->pid_fd);
    master->pid_fd = -1;
}

static void on_ready(struct master *master, const char *rest)
{
    struct upgrade *upgrade = &master->upgrade;

    (void)rest;
    /* First: systemd listens to the new one only when it knows of it. */
    if (!notify_heir(master, upgrade->pid)) {
        give_up(master, "systemd takes no messages");
        return;
    }
    if (handover_say(upgrade->channel.fd, HANDOVER_GO, "") < 0) {
        give_up(master, "it ended when it was to take over");
        return;
    }
    upgrade->phase = UPGRADE_GIVING;
    upgrade->deadline_ms = clock_ms() + TAKE_MS;
}

static void on_taken(struct master *master, const char *forsaken)
{
    struct upgrade *upgrade = &master->upgrade;

    if (master->reload_wanted)
        pidfd_send_signal(upgrade->process.fd, SIGHUP, NULL, 0);
    upgrade->phase = UPGRADE_DONE;
    upgrade->deadline_ms = 0;
    forget_process(upgrade);
    let_go(master, forsaken);
    log_notice("upgraded", LOG_INT("pid", upgrade->pid));
    control_upgraded(&master->control, NULL, upgrade->pid);
    master->stopping = true;
    generation_drain(master, master->current, ACCEPT_LAST);
}

static void on_stop(struct master *master, const char *rest)
{
    (void)rest;
    master_stop(master, true);
}

/* What it says, when it may, and what is done then. */
static void obey(struct master *master, const char *message)
{
    static const struct {
        const char *word;
        enum upgrade_phase phase;
        void (*act)(struct master *master, const char *rest);
    } words[] = {
        {HANDOVER_READY, UPGRADE_STARTING, on_ready},
        {HANDOVER_FAILED, UPGRADE_STARTING, give_up},
        {HANDOVER_TAKEN, UPGRADE_GIVING, on_taken},
        {HANDOVER_STOP, UPGRADE_DONE, on_stop},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const char *rest = handover_rest(message, words[i].word);

        if (rest && words[i].phase == master->upgrade.phase) {
            words[i].act(master, rest);
            return;
        }
    }
}

static void listen_to_it(struct master *master)
{
    char message[HANDOVER_MESSAGE_MAX];
    int got = -EAGAIN;

    while (master->upgrade.channel.loop &&
           (got = handover_hear(master->upgrade.channel.fd, message)) > 0)
        obey(master, message);
    if (got == -EAGAIN)
        return;
    close_channel(&master->upgrade);
    give_up(master,
            "it ended, or closed its channel, before it was ready; what it has to say of that "
            "is where this log goes");
}

static struct master *master_of(struct upgrade *upgrade)
{
    return (struct master *)(void *)((char *)upgrade - offsetof(struct master, upgrade));
}

static void on_channel(struct watch *watch, uint32_t events)
{
    (void)events;
    listen_to_it(
        master_of((struct upgrade *)(void *)((char *)watch - offsetof(struct upgrade, channel))));
}

static void on_process(struct watch *watch, uint32_t events)
{
    struct upgrade *upgrade =
        (struct upgrade *)(void *)((char *)watch - offsetof(struct upgrade, process));
    struct master *master = master_of(upgrade);

    (void)events;
    listen_to_it(master); /* its last words */
    forget_process(upgrade);
    close_channel(upgrade);
    if (upgrade->phase != UPGRADE_ENDING)
        return;
    failed(master, upgrade->reason ? upgrade->reason : "out of memory");
    free(upgrade->reason);
    upgrade->reason = NULL;
}

static int start(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    int channel_fd, pid_fd;
    int pid = successor_start(master, upgrade->program, &channel_fd, &pid_fd);
    int result;

    if (pid < 0)
        return pid;
    upgrade->pid = pid;
    result = loop_add(&master->loop, &upgrade->channel, channel_fd, EPOLLIN, on_channel);
    if (result == 0)
        result = loop_add(&master->loop, &upgrade->process, pid_fd, EPOLLIN, on_process);
    if (result < 0) {
        pidfd_send_signal(pid_fd, SIGKILL, NULL, 0);
        loop_remove(&upgrade->channel);
        close(channel_fd);
        close(pid_fd);
    }
    return result;
}

static uint64_t longest_start_ms(const struct master *master)
{
    uint64_t longest = 0;

    for (size_t i = 0; i < master->current->service_count; i++)
        if (master->current->services[i].config->deadlines.start_ms > longest)
            longest = master->current->services[i].config->deadlines.start_ms;
    return longest;
}

static void start_wanted(struct master *master, uint64_t now_ms)
{
    struct upgrade *upgrade = &master->upgrade;
    int result;

    upgrade->wanted = false;
    result = upgrade->program ? start(master) : -ENOENT;
    if (result < 0) {
        /* The kernel lets process 1 of a container have no siblings. */
        failed(master, getpid() == 1
                           ? "framed is process 1 here, and its end would be that of the container"
                           : log_errno_text(result));
        return;
    }
    log_info("upgrade", LOG_STR("program", upgrade->program), LOG_INT("pid", upgrade->pid));
    upgrade->phase = UPGRADE_STARTING;
    upgrade->deadline_ms = now_ms + START_FACTOR * longest_start_ms(master) + START_EXTRA_MS;
}

static void on_deadline(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->phase == UPGRADE_STARTING) {
        give_up(master, "it was not ready within twice the longest start deadline and 2 s");
    } else if (upgrade->phase == UPGRADE_GIVING) {
        give_up(master, "it was ready, but did not take over within 5 s");
    } else {
        upgrade->deadline_ms = 0;
        pidfd_send_signal(upgrade->process.fd, SIGKILL, NULL, 0);
    }
}

uint64_t upgrade_check(struct master *master, uint64_t now_ms)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->wanted && upgrade->phase == UPGRADE_NONE && master->current && !master->next &&
        !master->reload_wanted)
        start_wanted(master, now_ms);
    if (upgrade->deadline_ms && now_ms >= upgrade->deadline_ms)
        on_deadline(master);
    return upgrade->deadline_ms;
}
