/*
 * The contract between the master and the processes that it forks: what a role is, and what a
 * worker is given. main.c fills the table, so the master includes nothing of what runs in a role.
 */
#ifndef FRAMED_IPC_ROLE_H
#define FRAMED_IPC_ROLE_H

#include "ipc/slots.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct config;
struct gate;
struct service_config;

/* Signals that the master sends to its workers. */
#define WORKER_SIGNAL_POKE SIGUSR1 /* read your pipe, even if you are in recv */

struct worker_start {
    const struct config *config;
    const struct service_config *service;
    unsigned slot;
    uint64_t generation;
    struct slot *shared;
    int control_fd; /* records from the master; its end means that the master is gone */
    int status_fd;  /* records to the master */
    const int *listeners;
    size_t listener_count;
    struct gate *const *gates; /* one for each listener */
    /* Where connections are put for any worker of the service, and where they are taken from
     * (ipc/parcel.h); -1: they cannot be moved. */
    int shelf_out;
    int shelf_in;
    int keeper_out; /* the same for the service's keeper */
    int keeper_in;
    uint64_t max_requests; /* this worker's own, near the service's; 0: without end */
    uint64_t mark;         /* of it and all that it starts (base/kin.h) */
    pid_t master;
    rlim_t file_limit; /* as framed was started with */
};

/* Becomes the user that the service wants, who keeps no capability: then its program needs nothing
 * to become the same, and its worker nothing to kill that. 0, or a negative errno with a message in
 * ERROR. */
int role_become_user(const struct worker_start *start, char *error, size_t size);

/* The log is to be opened anew: PASSED is it, opened by the master for who has become another user;
 * -1: this process opens it. */
void role_reopen_log(int passed);

/* Closes what is not for this process: the other workers' pipes, the master's control socket, other
 * services. 0 or -ENOMEM. */
int role_close_foreign(const struct worker_start *start);

/* The entry of a role: runs in the new process, and never returns. */
typedef void role_entry(const struct worker_start *start);

enum role {
    ROLE_WORKER,
    ROLE_USHER,  /* turns away whom no worker can serve in time */
    ROLE_KEEPER, /* has the connections that no worker has */
    ROLE_COUNT
};

struct role_table {
    role_entry *entry[ROLE_COUNT];
};

#endif
