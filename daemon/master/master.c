/* The master's life: set up in one fixed order, one loop, leave. */
#include "master/master.h"

#include "base/clock.h"
#include "base/descriptors.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "base/sink.h"
#include "config/config.h"
#include "ipc/record.h"
#include "master/activation.h"
#include "master/depth.h"
#include "master/pidfile.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* A thousand workers are not started in one go: whoever asks meanwhile gets an answer. */
#define FORKS_A_ROUND 32
/* After "at once", what a worker gets to end its handler's process. */
#define AT_ONCE_MS 1000

static void on_stop(struct master *master)
{
    master_stop(master, false);
}

static void on_interrupt(struct master *master)
{
    master_stop(master, true);
}

static void on_more(struct master *master)
{
    order_scale_all(master, 1);
}

static void on_fewer(struct master *master)
{
    order_scale_all(master, -1);
}

/* Each signal and what it does, in one place: what is not here is not blocked either. */
static const struct {
    int number;
    void (*act)(struct master *master);
} signal_table[] = {
    {SIGCHLD, children_reap}, {SIGHUP, master_reload},       {SIGTERM, on_stop},
    {SIGQUIT, on_stop},       {SIGUSR1, master_reopen_logs}, {SIGINT, on_interrupt},
    {SIGTTIN, on_more},       {SIGTTOU, on_fewer},           {SIGUSR2, upgrade_want},
};
#define SIGNAL_COUNT (sizeof(signal_table) / sizeof(signal_table[0]))

static void on_signal(struct watch *watch, uint32_t events)
{
    struct master *master =
        (struct master *)(void *)((char *)watch - offsetof(struct master, signals));
    struct signalfd_siginfo info;

    (void)events;
    if (read(master->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    /* What nobody sent: our terminal has gone, or somebody in our group must not use it. */
    if (info.ssi_signo == SIGHUP && info.ssi_code == SI_KERNEL)
        info.ssi_signo = SIGTERM;
    if ((info.ssi_signo == SIGTTIN || info.ssi_signo == SIGTTOU) && info.ssi_code == SI_KERNEL)
        return;
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        if (signal_table[i].number == (int)info.ssi_signo)
            signal_table[i].act(master);
}

static int watch_signals(struct master *master)
{
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        sigaddset(&set, signal_table[i].number);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -errno;
    signal(SIGPIPE, SIG_IGN);
    master->file_limit = descriptors_raise_limit();
    master->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (master->signal_fd < 0)
        return -errno;
    return loop_add(&master->loop, &master->signals, master->signal_fd, EPOLLIN, on_signal);
}

static void stop_at_once(struct master *master)
{
    uint64_t until = clock_ms() + AT_ONCE_MS;

    master->at_once = true;
    inherit_hurry(master);
    for (unsigned slot = 0; slot < master->slots_used; slot++) {
        struct child *child = master->children[slot];

        if (!child || child->state == CHILD_KILLED)
            continue;
        /* In this order, or an idle worker would leave at leisure before it reads the second. */
        child_tell(child, RECORD_STOP, 0);
        child_drain(child, 0);
        if (child->state == CHILD_DRAINING)
            child->deadline_ms = until;
    }
}

static void begin_stop(struct master *master, bool at_once)
{
    log_notice("stop", LOG_STR("how", at_once ? "at once" : "drain"));
    master->stopping = true;
    upgrade_cancel(master);
    if (master->next && master->current)
        generation_abandon(master, "framed is stopping");
    notify_phase(master, NOTIFY_STOPPING);
}

void master_stop(struct master *master, bool at_once)
{
    bool again = master->stopping;

    if (!again)
        begin_stop(master, at_once);
    if ((again || at_once) && !master->at_once)
        stop_at_once(master);
    for (struct generation *g = master->generations; g; g = g->next)
        if (g->phase != GENERATION_LEAVING)
            generation_drain(master, g, at_once ? 0 : ACCEPT_LAST);
}

void master_reopen_logs(struct master *master)
{
    int result = log_reopen();

    if (result < 0)
        log_error("log-reopen", LOG_ERRNO(result));
    else
        log_info("log-reopened", LOG_INT("pid", getpid()));
    for (unsigned slot = 0; slot < master->slots_used; slot++)
        if (master->children[slot])
            child_tell(master->children[slot], RECORD_REOPEN, 0);
}

/* Whether somebody is there yet whom we must not leave behind. */
static bool has_company(const struct master *master)
{
    return master->generations || upgrade_is_under_way(&master->upgrade) ||
           (!master->at_once && inherit_is_old_there(&master->inheritance)) ||
           orphans_remain(master);
}

static void run(struct master *master)
{
    while (!master->stopping || has_company(master)) {
        uint64_t now = clock_ms();
        uint64_t wake = children_check(master, now);

        master->forks_left = FORKS_A_ROUND;
        wake = clock_earlier(wake, scaling_run(master, master->current, now));
        wake = clock_earlier(wake, scaling_run(master, master->next, now));
        wake = clock_earlier(wake, keepers_limit_all(master, now));
        wake = clock_earlier(wake, control_check(&master->control, now));
        wake = clock_earlier(wake, notify_check(master, now));
        wake = clock_earlier(wake, upgrade_check(master, now));
        if (master->stopping)
            wake = clock_earlier(wake, master->orphans_until_ms);
        loop_wait(&master->loop, wake ? clock_left_ms(wake, clock_ms()) : -1);
        children_forgive(master, wake, clock_ms());
        generation_collect(master);
        master_reload_if_wanted(master);
    }
}

static int open_first_log(const struct config *config, const struct identity *identity, char *error,
                          size_t size)
{
    const struct log_settings settings = config_log_settings(config);
    int fds[SINK_DESCRIPTORS];
    int result = log_open(&settings);

    if (result < 0) {
        snprintf(error, size, "log: cannot open \"%s\": %s", log_target_text(&settings),
                 log_errno_text(result));
        return result;
    }
    /* So that it can be opened again as whom we are about to become. */
    if (identity->change && settings.target == LOG_TARGET_FILE && sink_descriptors(fds) > 0 &&
        fchown(fds[0], identity->uid, identity->gid) < 0)
        return -errno;
    return 0;
}

static int write_pidfile(struct master *master, const char *path, char *error, size_t size)
{
    if (!path || inherit_pid_file(&master->inheritance, path))
        return 0;
    master->pid_fd = pidfile_open(path);
    if (master->pid_fd >= 0)
        return 0;
    snprintf(error, size, "pid_file: cannot write \"%s\": %s", path,
             master->pid_fd == -EBUSY ? "another process that runs holds it"
                                      : log_errno_text(master->pid_fd));
    return master->pid_fd;
}

static int make_tools(struct master *master)
{
    int result;

    oom_init(&master->oom);
    master->slots = slots_map(SLOTS_MAX);
    master->children = calloc(SLOTS_MAX, sizeof(struct child *));
    if (!master->slots || !master->children)
        return -ENOMEM;
    master->diag_fd = depth_open();
    result = orphans_init(master);
    if (result == 0)
        result = loop_init(&master->loop);
    return result < 0 ? result : watch_signals(master);
}

/* What only the one who started us may do: look up, open, bind, and then become somebody else. */
static int prepare(struct master *master, struct generation **generation, char *error, size_t size)
{
    struct config *config = master->options->config;
    int result = identity_lookup(config->user, config->group, &master->identity, error, size);

    if (result == 0)
        result = open_first_log(config, &master->identity, error, size);
    if (result == 0)
        result = make_tools(master);
    if (result == 0)
        result = inherit_take(master, error, size);
    if (result == 0)
        result = control_open(&master->control, master, config->control, error, size);
    if (result == 0)
        control_give(&master->control, &master->identity);
    if (result == 0)
        result = write_pidfile(master, config->pid_file, error, size);
    if (result == 0)
        result = activation_take(&master->listeners, error, size);
    if (result < 0) {
        config_free(config);
        return result;
    }
    result = generation_prepare(master, config, generation, error, size);
    if (result < 0)
        return result;
    result =
        identity_become(&master->identity,
                        config_has_other_users(config, &master->identity) ? IDENTITY_KEEP_OTHERS
                                                                          : IDENTITY_KEEP_BIND,
                        error, size);
    if (result < 0)
        generation_free(master, *generation);
    return result;
}

/* Binding comes before the change of identity, forking after it. */
static int set_up(struct master *master, char *error, size_t size)
{
    struct generation *generation;
    int result = prepare(master, &generation, error, size);

    if (result < 0)
        return result;
    generation_launch(master, generation);
    notify_phase(master, NOTIFY_STARTING);
    return 0;
}

static void tear_down(struct master *master)
{
    control_close(&master->control);
    notify_deinit(&master->notify);
    pidfile_close(master->pid_file, master->pid_fd);
    free(master->pid_file);
    upgrade_deinit(&master->upgrade);
    inherit_deinit(master);
    if (master->diag_fd >= 0)
        close(master->diag_fd);
    loop_remove(&master->signals);
    if (master->signal_fd >= 0)
        close(master->signal_fd);
    loop_deinit(&master->loop);
    while (master->totals) {
        struct totals *next = master->totals->next;

        free(master->totals);
        master->totals = next;
    }
    activation_release(&master->listeners);
    lookup_free(&master->listeners.lookups);
    free(master->children);
    slots_unmap(master->slots, SLOTS_MAX);
}

int master_run(const struct master_options *options)
{
    struct master master = {.options = options,
                            .loop.epoll_fd = -1,
                            .signal_fd = -1,
                            .pid_fd = -1,
                            .diag_fd = -1,
                            .notify.fd = -1,
                            .last_try = "",
                            .control.listener.fd = -1,
                            .started_ms = clock_ms()};
    char reason[REASON_SIZE] = "";
    int result;

    proctitle_set("framed: master");
    upgrade_init(&master.upgrade);
    if (options->config->pid_file)
        master.pid_file = strdup(options->config->pid_file);
    /* Who listens there hears of us when we have taken over. */
    if (!getenv(HANDOVER_VARIABLE))
        notify_init(&master.notify);
    result = set_up(&master, reason, sizeof(reason));
    if (result < 0)
        master_start_failed(&master, reason[0] ? reason : log_errno_text(result));
    run(&master);
    log_notice("stopped", LOG_INT("pid", getpid()),
               LOG_INT("ran_ms", clock_ms() - master.started_ms));
    control_stopped(&master.control);
    tear_down(&master);
    return master.exit_status;
}
