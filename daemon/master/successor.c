#include "master/successor.h"

#include "base/descriptors.h"
#include "base/identity.h"
#include "base/log.h"
#include "base/proctitle.h"
#include "config/config.h"
#include "master/handover.h"
#include "master/master.h"
#include "master/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;

    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

char *successor_find_program(void)
{
    const char *name = (const char *)getauxval(AT_EXECFN); // NOLINT(performance-no-int-to-ptr)
    char path[PATH_MAX];
    ssize_t length;

    if (name && is_same_file(name, "/proc/self/exe"))
        return strdup(name);
    length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length < 0)
        return NULL;
    path[length] = '\0';
    return strdup(path);
}

static int add_listeners(const struct master *master, struct handover *table)
{
    int result = 0;

    for (const struct listener *l = master->listeners.first; result == 0 && l; l = l->next)
        result = handover_add(table, &(struct handover_entry){.kind = HANDOVER_LISTENER,
                                                              .fd = (uint64_t)l->fd,
                                                              .device = l->device,
                                                              .inode = l->inode,
                                                              .key = l->key,
                                                              .text = l->text});
    return result;
}

static int add_pools(const struct master *master, struct handover *table)
{
    const struct generation *current = master->current;
    int result = 0;

    for (size_t i = 0; result == 0 && i < current->service_count; i++)
        result = handover_add(
            table, &(struct handover_entry){.kind = HANDOVER_POOL,
                                            .value = current->services[i].pool.target,
                                            .drained = current->services[i].totals->drained,
                                            .key = current->services[i].config->name});
    return result;
}

/* A service without its likeness hands none over: its connections are closed in order. */
static int add_shelf(const struct service *service, struct handover *table)
{
    const struct shelf *shelf = service->shelf;
    const struct handover_entry workers = {.kind = HANDOVER_SHELF,
                                           .fd = (uint64_t)shelf->workers.in,
                                           .value = (uint64_t)shelf->workers.out,
                                           .key = service->config->name,
                                           .text = service->likeness};
    const struct handover_entry keeper = {.kind = HANDOVER_INTAKE,
                                          .fd = (uint64_t)shelf->keeper.in,
                                          .value = (uint64_t)shelf->keeper.out,
                                          .key = service->config->name,
                                          .text = service->likeness};
    int result = handover_add(table, &workers);

    return result == 0 ? handover_add(table, &keeper) : result;
}

static int add_shelves(const struct master *master, struct handover *table)
{
    const struct generation *current = master->current;
    int result = 0;

    for (size_t i = 0; result == 0 && i < current->service_count; i++)
        if (current->services[i].shelf && current->services[i].likeness)
            result = add_shelf(&current->services[i], table);
    return result;
}

static int fill(const struct master *master, struct handover *table)
{
    const struct listener *control = &master->control.listener;
    int result = add_listeners(master, table);

    if (result == 0)
        result = add_pools(master, table);
    if (result == 0)
        result = add_shelves(master, table);
    if (result == 0 && control->fd >= 0)
        result = handover_add(table, &(struct handover_entry){.kind = HANDOVER_CONTROL,
                                                              .fd = (uint64_t)control->fd,
                                                              .device = control->device,
                                                              .inode = control->inode,
                                                              .text = control->text});
    if (result == 0 && master->pid_fd >= 0)
        result = handover_add(table, &(struct handover_entry){.kind = HANDOVER_PID_FILE,
                                                              .fd = (uint64_t)master->pid_fd,
                                                              .text = master->pid_file});
    return result;
}

/* Signals, limits, privileges and environment as we found them, but for what is handed over. */
static void become(const struct master *master, const char *program, const struct handover *table,
                   int table_fd, int channel_fd) __attribute__((noreturn));
static void become(const struct master *master, const char *program, const struct handover *table,
                   int table_fd, int channel_fd)
{
    char text[REASON_SIZE];
    sigset_t none;

    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].fd)
            fcntl((int)table->entries[i].fd, F_SETFD, 0);
        if (handover_has_two(table->entries[i].kind))
            fcntl((int)table->entries[i].value, F_SETFD, 0);
    }
    fcntl(table_fd, F_SETFD, 0);
    fcntl(channel_fd, F_SETFD, 0);
    snprintf(text, sizeof(text), "%d,%d", table_fd, channel_fd);
    setenv(HANDOVER_VARIABLE, text, 1);
    /* The watchdog is for whoever has this pid. */
    snprintf(text, sizeof(text), "%d", (int)getpid());
    if (getenv("WATCHDOG_PID"))
        setenv("WATCHDOG_PID", text, 1);
    identity_bequeath();
    descriptors_restore_limit(master->file_limit);
    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(program, proctitle_arguments());
    snprintf(text, sizeof(text), "cannot run \"%s\": %s", program, log_errno_text(errno));
    handover_refuse(text);
    _exit(EXIT_FAILURE);
}

/*
 * As a fork, but the new process is a child of our parent. It has one thread and executes at once,
 * so that libc need not know.
 */
static int fork_sibling(int *pid_fd)
{
    long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, pid_fd, NULL, NULL);

    return pid < 0 ? -errno : (int)pid;
}

static int launch(const struct master *master, const char *program, const struct handover *table,
                  int table_fd, int channel_fd, int *pid_fd)
{
    int pid = fork_sibling(pid_fd);

    if (pid == 0)
        become(master, program, table, table_fd, channel_fd);
    if (pid > 0)
        fcntl(*pid_fd, F_SETFD, FD_CLOEXEC);
    return pid;
}

int successor_start(const struct master *master, const char *program, int *channel_fd, int *pid_fd)
{
    struct handover table = {0};
    int ends[2] = {-1, -1};
    int result = fill(master, &table);
    int table_fd = result < 0 ? result : handover_write(&table);

    if (table_fd < 0)
        result = table_fd;
    else if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        result = -errno;
    else
        result = launch(master, program, &table, table_fd, ends[1], pid_fd);
    if (table_fd >= 0)
        close(table_fd);
    if (ends[1] >= 0)
        close(ends[1]);
    if (result < 0 && ends[0] >= 0)
        close(ends[0]);
    if (result > 0)
        *channel_fd = ends[0];
    handover_free(&table);
    return result;
}
