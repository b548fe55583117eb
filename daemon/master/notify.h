/*
 * What systemd hears of us (sd_notify(3)): the phase, a line for `systemctl status`, and signs of
 * life. Where nobody listens, nothing happens. Messages leave without waiting, unlike those of
 * libsystemd: the last one that found no room is sent again.
 */
#ifndef FRAMED_MASTER_NOTIFY_H
#define FRAMED_MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct master;

enum notify_phase {
    NOTIFY_STARTING,
    NOTIFY_RUNNING,
    NOTIFY_RELOADING,
    NOTIFY_STOPPING,
};

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t length;
    enum notify_phase phase;
    unsigned ready; /* workers, as told last */
    unsigned target;
    bool owed; /* that found no room */
    uint64_t told_ms;
    uint64_t watchdog_ms; /* between signs of life; 0: none are asked for */
    uint64_t watchdog_due_ms;
};

/* Finds out from the environment who listens, and to what. */
void notify_init(struct notify *notify);
void notify_deinit(struct notify *notify);

/* Says that a phase begins; the words come from what MASTER is like now. */
void notify_phase(struct master *master, enum notify_phase phase);

/* Says that PID is the main process from now on, and then nothing more: whether that was heard. */
bool notify_heir(struct master *master, pid_t pid);

/* Gives a sign of life when it is time, says how many workers there are when that has changed, and
 * when to look again (monotonic ms; 0: never). */
uint64_t notify_check(struct master *master, uint64_t now_ms);

#endif
