/*
 * Was it the kernel for want of memory? SIGKILL says nothing of who sent it. The kernel counts the
 * processes that it killed for that in each memory cgroup, so a count that has grown since it was
 * last looked at tells. Where there is no such count, that of the whole machine has to do.
 *
 * Nothing here waits: these files are the kernel's answers, not disks. They are opened at each look
 * so that nothing is held, and readable below systemd's ProtectControlGroups=.
 */
#ifndef FRAMED_BASE_OOM_H
#define FRAMED_BASE_OOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct oom {
    char file[512];
    bool machine; /* the count is not ours alone */
    bool known;   /* COUNT is what it last was */
    uint64_t count;
};

/* Finds who counts, and the count. */
void oom_init(struct oom *oom);

/* What was counted until now is done with. */
void oom_note(struct oom *oom);

/* For the log, of one that SIGKILL ended: "yes", "no", "perhaps" (somebody's was, on this machine),
 * or NULL: that cannot be told. Notes the count. */
const char *oom_word(struct oom *oom);

/*
 * The file that counts for a process, of the texts of its /proc/PID/cgroup and mountinfo: that of
 * cgroup v1 where memory is governed by it, or v2's. Whether there is one.
 */
bool oom_find(const char *cgroup, const char *mountinfo, char *file, size_t size);

/* The number after the word oom_kill at the start of a line of TEXT: whether there is one. */
bool oom_count(const char *text, uint64_t *count);

#endif
